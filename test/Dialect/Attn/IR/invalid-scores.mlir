// RUN: attn-opt %s -split-input-file -verify-diagnostics

// score_softcap_c1
func.func @cap_zero() {
  %cap = arith.constant 0.0 : f32
  // expected-error @below {{'attn.score.softcap' op cap 0.000000e+00 is not finite and greater than 0}}
  %0 = attn.score.softcap %cap : f32
  return
}

// -----

// score_softcap_c1
func.func @cap_infinite() {
  %cap = arith.constant 0x7F800000 : f32
  // expected-error @below {{'attn.score.softcap' op cap INF is not finite and greater than 0}}
  %0 = attn.score.softcap %cap : f32
  return
}

// -----

// score_softcap_c1
func.func @cap_nan() {
  %cap = arith.constant 0x7FC00000 : f32
  // expected-error @below {{'attn.score.softcap' op cap nan is not finite and greater than 0}}
  %0 = attn.score.softcap %cap : f32
  return
}

// -----

// types_c2
func.func @cap_type(%cap: f128) {
  // expected-error @below {{'attn.score.softcap' op operand #0 must be f32, bf16, f16 or f64, but got 'f128'}}
  %0 = attn.score.softcap %cap : f128
  return
}

// -----

// types_c2
func.func @slopes_type(%s: tensor<8xi32>) {
  // expected-error @below {{'attn.score.alibi' op operand #0 must be 1-D tensor of 32-bit float or bfloat16 type or 16-bit float or 64-bit float values, but got 'tensor<8xi32>'}}
  %0 = attn.score.alibi %s : tensor<8xi32>
  return
}

// -----

// score_relative_bias_c1
func.func @even(%t: tensor<8x256xf32>) {
  // expected-error @below {{'attn.score.relative_bias' op table has 256 entries per head; it takes an odd number, 2R + 1}}
  %0 = attn.score.relative_bias %t : tensor<8x256xf32>
  return
}

// -----

// types_c2
func.func @bias_rank(%t: tensor<f32>) {
  // expected-error @below {{'attn.score.bias' op operand #0 must be 1-D to 4-D tensor of f32, bf16, f16 or f64 values, but got 'tensor<f32>'}}
  %0 = attn.score.bias %t : tensor<f32>
  return
}

// -----

// score_map_c1
func.func @no_score() {
  // expected-error @below {{'attn.score.map' op region begins with 'index'; it takes the score, f32 (f64 for f64 inputs)}}
  %0 = attn.score.map {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %c = arith.constant 1.0 : f32
    attn.yield %c : f32
  }
  return
}

// -----

// score_map_c1
func.func @no_arguments() {
  // expected-error @below {{'attn.score.map' op region begins with no argument; it takes the score, b, h, i, j and captures}}
  %0 = attn.score.map {
    %c = arith.constant 1.0 : f32
    attn.yield %c : f32
  }
  return
}

// -----

// score_map_c1
func.func @half_score() {
  // expected-error @below {{'attn.score.map' op region begins with 'f16'; it takes the score, f32 (f64 for f64 inputs)}}
  %0 = attn.score.map {
  ^bb0(%s: f16, %b: index, %h: index, %i: index, %j: index):
    attn.yield %s : f16
  }
  return
}

// -----

// score_map_c1
func.func @captures(%t: tensor<8xf32>) {
  // expected-error @below {{'attn.score.map' op region has 5 arguments; it takes 6: the score, b, h, i, j and 1 captures}}
  %0 = attn.score.map(%t : tensor<8xf32>) {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    attn.yield %s : f32
  }
  return
}

// -----

// score_map_c2
func.func @yield_type() {
  // expected-error @below {{'attn.score.map' op region must end by attn.yield of one 'f32'}}
  %0 = attn.score.map {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %d = arith.extf %s : f32 to f64
    attn.yield %d : f64
  }
  return
}

// -----

// region_c2
func.func @vector() {
  // expected-error @below {{'attn.score.map' op region holds 'vector.broadcast' on values that are no scalars; tensors are captured and read by attn.load}}
  %0 = attn.score.map {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %v = vector.broadcast %s : f32 to vector<4xf32>
    attn.yield %s : f32
  }
  return
}

// -----

// load_c1
func.func @load_rank(%t: tensor<?x?xf32>, %i: index) {
  // expected-error @below {{'attn.load' op has 1 indices for a source of rank 2; it takes one per dimension}}
  %0 = attn.load %t[%i] : tensor<?x?xf32>
  return
}

// -----

// load_c2
func.func @load_type(%t: tensor<?xcomplex<f32>>, %i: index) {
  // expected-error @below {{'attn.load' op reads 'complex<f32>'; it takes integers, indices and floats}}
  %0 = attn.load %t[%i] : tensor<?xcomplex<f32>>
  return
}

// -----

// require_c1
func.func @require(%c: i1, %n: index) {
  // expected-error @below {{'attn.require' op message names value {1}; there are 1 values}}
  attn.require %c, "sizes {0} and {1} differ" (%n)
  return
}

// -----

// yield_c1
func.func @yield() {
  // expected-error @below {{'attn.yield' op ends a region of 'func.func'; it ends mask and score regions of attn ops}}
  attn.yield
}

// -----

// score_bucketed_bias_c1
func.func @f(%t: tensor<6xf32>) {
  // expected-error @below {{'attn.score.bucketed_bias' op table is 'tensor<6xf32>'; its last size must be static, a multiple of 4}}
  %s = attn.score.bucketed_bias %t max_distance = 9 : tensor<6xf32>
  return
}

// -----

// score_bucketed_bias_c2
func.func @f(%t: tensor<8xf32>) {
  // expected-error @below {{'attn.score.bucketed_bias' op max_distance is 2; it must be more than the 2 distances with a bucket of their own}}
  %s = attn.score.bucketed_bias %t max_distance = 2 : tensor<8xf32>
  return
}

// -----

// score_image_bias_c1
func.func @f(%t: tensor<3x4xf32>) {
  // expected-error @below {{'attn.score.image_bias' op table is 'tensor<3x4xf32>'; its last two sizes must be static and odd}}
  %s = attn.score.image_bias %t width = 2 : tensor<3x4xf32>
  return
}
