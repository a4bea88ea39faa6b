// RUN: attn-opt %s -split-input-file -verify-diagnostics

// attend_c1
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>) {
  // expected-error @below {{'attn.attend' op has 3 indexing maps for 4 operands}}
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>]
      scale = 1.0 -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_c2
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>) {
  // expected-error @below {{'attn.attend' op indexing map affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d4)> must be a projected permutation from 7 dimensions to the 4 of 'tensor<2x2x9x64xf32>'}}
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 1.0 -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_c2
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>) {
  // expected-error @below {{'attn.attend' op indexing map affine_map<(d0, d1) -> (d0, d1)> must be a projected permutation from 7 dimensions to the 4 of 'tensor<2x2x9x64xf32>'}}
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(d0, d1) -> (d0, d1)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 1.0 -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_c3
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>, %n: index) {
  // expected-error @below {{'attn.attend' op has 2 offsets; it takes none, or five: b, hkv, g, i, j}}
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) offsets(%n, %n) whole(%n, %n) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 1.0 -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_c4
func.func @f(%q: tensor<8x4xf32>, %n: index) {
  // expected-error @below {{'attn.attend' op has 0 offsets and 1 sizes of the whole; it takes both or none}}
  %r = "attn.attend"(%q, %q, %q, %n, %q) <{compatibility = #attn<compatibility dot>, normalizer = #attn<normalizer softmax>,
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (i, d)>, affine_map<(b, hkv, g, i, j, d, e) -> (j, d)>, affine_map<(b, hkv, g, i, j, d, e) -> (j, e)>, affine_map<(b, hkv, g, i, j, d, e) -> (i, e)>],
      scale = 1.0, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0>, resultSegmentSizes = array<i32: 1, 0, 0, 0, 0>}> ({}, {})
      : (tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, index, tensor<8x4xf32>) -> tensor<8x4xf32>
  return
}

// -----

// attend_c5
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>) {
  // expected-error @below {{'attn.attend' op region argument 0 is 'f64'; it must be 'f32'}}
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 1.0 score {
  ^bb0(%s: f64, %b: index, %h: index, %i: index, %j: index):
    attn.yield %s : f64
  } -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_c6
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>, %t: tensor<?xi1>) {
  // expected-error @below {{'attn.attend' op region has 4 arguments; it takes 5: b, h, i, j and 1 captures}}
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) captures(%t : tensor<?xi1>) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 1.0 mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %c = arith.constant true
    attn.yield %c : i1
  } -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_c6
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>) {
  // expected-error @below {{'attn.attend' op region must have one block, ended by attn.yield}}
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 1.0 mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    cf.br ^bb1
  ^bb1:
    %c = arith.constant true
    attn.yield %c : i1
  } -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_c7
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>) {
  // expected-error @below {{'attn.attend' op takes a feature weight exactly for additive compatibility; it is additive}}
  %r = attn.attend additive softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 1.0 -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_c7
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>, %f: tensor<64xf32>) {
  // expected-error @below {{'attn.attend' op takes a feature weight exactly for additive compatibility; it is dot}}
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) feature_weight(%f : tensor<64xf32>) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 1.0 -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_c7
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>, %f: tensor<32xf32>) {
  // expected-error @below {{'attn.attend' op feature weight has 32 features, query has 64; they must be equal}}
  %r = attn.attend additive softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) feature_weight(%f : tensor<32xf32>) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 1.0 -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_c8
func.func @f(%q: tensor<8x4xf32>) {
  // expected-error @below {{'attn.attend' op takes an init for each of lse, weights and top that it gives}}
  %r:2 = "attn.attend"(%q, %q, %q, %q, %q) <{compatibility = #attn<compatibility dot>, normalizer = #attn<normalizer softmax>,
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (i, d)>, affine_map<(b, hkv, g, i, j, d, e) -> (j, d)>, affine_map<(b, hkv, g, i, j, d, e) -> (j, e)>, affine_map<(b, hkv, g, i, j, d, e) -> (i, e)>, affine_map<(b, hkv, g, i, j, d, e) -> (i, j)>],
      scale = 1.0, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 1, 0, 0, 0>}> ({}, {})
      : (tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>)
  return
}

// -----

// attend_c9
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>, %s: tensor<2x4xf32>) {
  // expected-error @below {{'attn.attend' op takes a sink with softmax alone; its normalizer is sum}}
  %r = attn.attend dot sum ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) sink(%s : tensor<2x4xf32>) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 1.0 -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_c10
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>, %l: tensor<2x2x4x8xf32>) {
  // expected-error @below {{'attn.attend' op gives lse with softmax or sum; its normalizer is none}}
  %r, %lse = attn.attend dot none ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) outs(%o : tensor<2x2x4x8x32xf32>) lse(%l : tensor<2x2x4x8xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i)>]
      scale = 1.0 -> tensor<2x2x4x8x32xf32> lse(tensor<2x2x4x8xf32>)
  return
}

// -----

// attend_c11
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x8x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>) {
  // expected-error @below {{'attn.attend' op indexing map affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d3, d5)> gives key dimensions (b, hkv, i, d); it must have (j, d) and may have (b, hkv, g)}}
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x8x64xf32>, tensor<2x2x9x32xf32>) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 1.0 -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_c12
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x10x32xf32>, %o: tensor<2x2x4x8x32xf32>) {
  // expected-error @below {{'attn.attend' op value has 10 in dimension j, operands before it have 9; they must be equal}}
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x10x32xf32>) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 1.0 -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_c12
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x7x32xf32>) {
  // expected-error @below {{'attn.attend' op output has 7 in dimension i, operands before it have 8; they must be equal}}
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) outs(%o : tensor<2x2x4x7x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 1.0 -> tensor<2x2x4x7x32xf32>
  return
}

// -----

// attend_c13
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>, %s: tensor<2x2xf32>) {
  // expected-error @below {{'attn.attend' op sink has 2 in dimension g; it must be 4}}
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) sink(%s : tensor<2x2xf32>) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 1.0 -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_c14
func.func @f(%q: tensor<2x2x4x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %o: tensor<2x2x4x8x32xf32>) {
  // expected-error @below {{'attn.attend' op scale INF is not finite}}
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32>) outs(%o : tensor<2x2x4x8x32xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>,
      affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>]
      scale = 0x7FF0000000000000 -> tensor<2x2x4x8x32xf32>
  return
}

// -----

// attend_tile_c1
func.func @f(%q: tensor<16x64xf32>, %k: tensor<8x64xf32>, %v: tensor<8x32xf32>, %a: tensor<16x32xf32>, %m: tensor<16xf32>, %s: tensor<16xf32>, %n: index) {
  // expected-error @below {{'attn.attend_tile' op has 3 indexing maps for 4 operands}}
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<16x64xf32>, tensor<8x64xf32>, tensor<8x32xf32>) at(%n, %n, %n, %n) outs(%a, %m, %s : tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>] scale = 1.0 -> tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>
  return
}

// -----

// attend_tile_c5
func.func @f(%q: tensor<16x64xf32>, %k: tensor<8x64xf32>, %v: tensor<8x32xf32>, %a: tensor<16x32xf32>, %m: tensor<16xf32>, %s: tensor<16xf32>, %n: index) {
  // expected-error @below {{'attn.attend_tile' op indexing map affine_map<(d0, d1, d2, d3) -> (d1, d2)> gives query dimensions (j, d); it must have (i, d) and may have ()}}
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<16x64xf32>, tensor<8x64xf32>, tensor<8x32xf32>) at(%n, %n, %n, %n) outs(%a, %m, %s : tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>] scale = 1.0 -> tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>
  return
}

// -----

// attend_tile_c3
func.func @f(%q: tensor<16x64xf32>, %k: tensor<8x64xf32>, %v: tensor<8x32xf32>, %a: tensor<16x32xf32>, %m: tensor<16xf32>, %s: tensor<16xf32>, %n: index) {
  // expected-error @below {{'attn.attend_tile' op region must end by attn.yield of one 'i1'}}
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<16x64xf32>, tensor<8x64xf32>, tensor<8x32xf32>) at(%n, %n, %n, %n) outs(%a, %m, %s : tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>] scale = 1.0 mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    attn.yield %i : index
  } -> tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>
  return
}

// -----

// attend_tile_c4
func.func @f(%q: tensor<16x64xf32>, %k: tensor<8x64xf32>, %v: tensor<8x32xf32>, %a: tensor<16x32xf32>, %m: tensor<16xf32>, %s: tensor<16xf32>, %n: index) {
  // expected-error @below {{'attn.attend_tile' op takes a feature weight exactly for additive compatibility; it is additive}}
  %r:3 = attn.attend_tile additive softmax ins(%q, %k, %v : tensor<16x64xf32>, tensor<8x64xf32>, tensor<8x32xf32>) at(%n, %n, %n, %n) outs(%a, %m, %s : tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>] scale = 1.0 -> tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>
  return
}

// -----

// attend_tile_c5
func.func @f(%q: tensor<16x64xf32>, %k: tensor<8x64xf32>, %v: tensor<9x32xf32>, %a: tensor<16x32xf32>, %m: tensor<16xf32>, %s: tensor<16xf32>, %n: index) {
  // expected-error @below {{'attn.attend_tile' op value has 9 in dimension j, operands before it have 8; they must be equal}}
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<16x64xf32>, tensor<8x64xf32>, tensor<9x32xf32>) at(%n, %n, %n, %n) outs(%a, %m, %s : tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>] scale = 1.0 -> tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>
  return
}

// -----

// attend_tile_c8
func.func @f(%q: tensor<16x64xf32>, %k: tensor<8x64xf32>, %v: tensor<8x32xf32>, %a: tensor<16x32xf32>, %m: tensor<16xf32>, %n: index) {
  // expected-error @below {{'attn.attend_tile' op has existing_rows = 17 of 16 rows; as many are accepted}}
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<16x64xf32>, tensor<8x64xf32>, tensor<8x32xf32>) at(%n, %n, %n, %n) outs(%a, %m, %m : tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>] scale = 1.0 existing_rows = 17 -> tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>
  return
}

// -----

// attend_tile_c8
func.func @f(%q: tensor<16x64xf32>, %k: tensor<8x64xf32>, %v: tensor<8x32xf32>, %a: tensor<16x32xf32>, %m: tensor<16xf32>, %n: index) {
  // expected-error @below {{'attn.attend_tile' op attribute 'existing_rows' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<16x64xf32>, tensor<8x64xf32>, tensor<8x32xf32>) at(%n, %n, %n, %n) outs(%a, %m, %m : tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>] scale = 1.0 existing_rows = 0 -> tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>
  return
}

// -----

// attend_tile_c9
func.func @f(%q: tensor<16x64xf32>, %k: tensor<8x64xf32>, %v: tensor<8x32xf32>, %a: tensor<16x32xf32>, %m: tensor<16xf32>, %n: index) {
  // expected-error @below {{'attn.attend_tile' op has padded_keys = 7 for 8 keys; as many or more are accepted}}
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<16x64xf32>, tensor<8x64xf32>, tensor<8x32xf32>) at(%n, %n, %n, %n) outs(%a, %m, %m : tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>] scale = 1.0 padded_keys = 7 -> tensor<16x32xf32>, tensor<16xf32>, tensor<16xf32>
  return
}

// -----

// attend_tile_c6
func.func @f(%q: tensor<16x64xf32>, %k: tensor<8x64xf32>, %v: tensor<8x32xf32>, %a: tensor<16x32xf32>, %m: tensor<16xf32>, %s: tensor<8xf32>, %n: index) {
  // expected-error @below {{'attn.attend_tile' op sum has 8 entries; it takes one per query, 16}}
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<16x64xf32>, tensor<8x64xf32>, tensor<8x32xf32>) at(%n, %n, %n, %n) outs(%a, %m, %s : tensor<16x32xf32>, tensor<16xf32>, tensor<8xf32>)
      indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>] scale = 1.0 -> tensor<16x32xf32>, tensor<16xf32>, tensor<8xf32>
  return
}

// -----

// attend_tile_c2
func.func @f(%q: tensor<16x64xf32>, %k: tensor<8x64xf32>, %a: tensor<16x64xf32>, %m: tensor<16xf32>, %n: index) {
  // expected-error @below {{'attn.attend_tile' op indexing map affine_map<(d0, d1, d2, d3) -> (d0)> must be a projected permutation from 4 dimensions to the 2 of 'tensor<16x64xf32>'}}
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %k : tensor<16x64xf32>, tensor<8x64xf32>, tensor<8x64xf32>) at(%n, %n, %n, %n)
      outs(%a, %m, %m : tensor<16x64xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [affine_map<(i, j, d, e) -> (i)>, affine_map<(i, j, d, e) -> (j, d)>,
                       affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>] scale = 1.0
      -> tensor<16x64xf32>, tensor<16xf32>, tensor<16xf32>
  return
}

// -----

// score_tile_c1
func.func @f(%q: tensor<16x64xf32>, %k: tensor<8x64xf32>, %s: tensor<16x9xf32>, %n: index) {
  // expected-error @below {{'attn.score_tile' op scores has 9 in dimension j, operands before it have 8; they must be equal}}
  %r = attn.score_tile dot softmax ins(%q, %k : tensor<16x64xf32>, tensor<8x64xf32>) at(%n, %n, %n, %n) outs(%s : tensor<16x9xf32>)
      indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (i, j)>]
      scale = 1.0 -> tensor<16x9xf32>
  return
}

// -----

// attend_tile_c7
func.func @f(%q: tensor<16x64xbf16>, %k: tensor<8x64xbf16>, %a: tensor<16x64xf32>, %m: tensor<16xf32>, %s: tensor<16xbf16>, %n: index) {
  // expected-error @below {{'attn.attend_tile' op sum is of 'bf16'; for queries of 'bf16' it is of 'f32'}}
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %k : tensor<16x64xbf16>, tensor<8x64xbf16>, tensor<8x64xbf16>) at(%n, %n, %n, %n) outs(%a, %m, %s : tensor<16x64xf32>, tensor<16xf32>, tensor<16xbf16>)
      indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>] scale = 1.0 -> tensor<16x64xf32>, tensor<16xf32>, tensor<16xbf16>
  return
}

// -----

// score_tile_c4
func.func @f(%q: tensor<16x64xf32>, %k: tensor<8x64xf32>, %s: tensor<16x8xf64>, %n: index) {
  // expected-error @below {{'attn.score_tile' op scores is of 'f64'; for queries of 'f32' it is of 'f32'}}
  %r = attn.score_tile dot softmax ins(%q, %k : tensor<16x64xf32>, tensor<8x64xf32>) at(%n, %n, %n, %n) outs(%s : tensor<16x8xf64>)
      indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (i, j)>]
      scale = 1.0 -> tensor<16x8xf64>
  return
}

// -----

// assume_c1
func.func @f(%n: index) {
  // expected-error @below {{'attn.assume' op states nothing; it takes 'ascending', 'at_least' and 'at_most'}}
  %a = attn.assume %n : index
  return
}

// -----

// assume_c2
func.func @f(%n: index) {
  // expected-error @below {{'attn.assume' op states of 'index' that it ascends; a tensor of rank 1 or more can}}
  %a = attn.assume %n ascending : index
  return
}

// -----

// assume_c3
func.func @f(%n: i32) {
  // expected-error @below {{'attn.assume' op states at_least = 4 and at_most = 3; no integer lies between}}
  %a = attn.assume %n at_least = 4 at_most = 3 : i32
  return
}

// -----

// assume_c4
func.func @f(%n: i32) {
  // expected-error @below {{'attn.assume' op states the bound 2147483648, which is no value of 'i32'}}
  %a = attn.assume %n at_most = 2147483648 : i32
  return
}

// -----

// recompute_c1
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>, %o: tensor<8x32xf32>, %n: index, %x: i1) {
  // expected-error @below {{'attn.recompute' op has 3 indexing maps for 4 operands}}
  %r = attn.recompute dot softmax ins(%q, %k, %v : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>)
      keys(%n, %n) when(%x) outs(%o : tensor<8x32xf32>)
      indexing_maps = [affine_map<(i, g, j, d, e) -> (i, d)>, affine_map<(i, g, j, d, e) -> (j, d)>,
                       affine_map<(i, g, j, d, e) -> (j, e)>] scale = 1.0 pairs {
  ^bb0(%query: index, %head: index, %key: index, %score: f32):
    attn.yield %score : f32
  } -> tensor<8x32xf32>
  return
}

// -----

// recompute_c2
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>, %o: tensor<8x32xf32>,
             %m: tensor<8xf64>, %s: tensor<8xf32>, %n: index, %x: i1) {
  // expected-error @below {{'attn.recompute' op maximum is of 'f64'; for queries of 'f32' it is of 'f32'}}
  %r:3 = attn.recompute dot softmax ins(%q, %k, %v : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>)
      keys(%n, %n) when(%x) outs(%o : tensor<8x32xf32>) state(%m, %s : tensor<8xf64>, tensor<8xf32>)
      indexing_maps = [affine_map<(i, g, j, d, e) -> (i, d)>, affine_map<(i, g, j, d, e) -> (j, d)>,
                       affine_map<(i, g, j, d, e) -> (j, e)>, affine_map<(i, g, j, d, e) -> (i, e)>] scale = 1.0 pairs {
  ^bb0(%query: index, %head: index, %key: index, %score: f32):
    attn.yield %score : f32
  } -> tensor<8x32xf32>, tensor<8xf64>, tensor<8xf32>
  return
}

// -----

// recompute_c3
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>, %o: tensor<8x32xf32>,
             %s: tensor<8xf32>, %n: index, %x: i1) {
  // expected-error @below {{'attn.recompute' op has 1 results; it has 3, one for each tensor that it changes}}
  %r = attn.recompute dot softmax ins(%q, %k, %v : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>)
      keys(%n, %n) when(%x) outs(%o : tensor<8x32xf32>) state(%s, %s : tensor<8xf32>, tensor<8xf32>)
      indexing_maps = [affine_map<(i, g, j, d, e) -> (i, d)>, affine_map<(i, g, j, d, e) -> (j, d)>,
                       affine_map<(i, g, j, d, e) -> (j, e)>, affine_map<(i, g, j, d, e) -> (i, e)>] scale = 1.0 pairs {
  ^bb0(%query: index, %head: index, %key: index, %score: f32):
    attn.yield %score : f32
  } -> tensor<8x32xf32>
  return
}

// -----

// recompute_c4
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>, %o: tensor<8x32xf32>, %n: index, %x: i1) {
  // expected-error @below {{'attn.recompute' op has a region of ('index', 'f32'); it takes query, head and key as index, and the score, 'f32'}}
  %r = attn.recompute dot softmax ins(%q, %k, %v : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>)
      keys(%n, %n) when(%x) outs(%o : tensor<8x32xf32>)
      indexing_maps = [affine_map<(i, g, j, d, e) -> (i, d)>, affine_map<(i, g, j, d, e) -> (j, d)>,
                       affine_map<(i, g, j, d, e) -> (j, e)>, affine_map<(i, g, j, d, e) -> (i, e)>] scale = 1.0 pairs {
  ^bb0(%key: index, %score: f32):
    attn.yield %score : f32
  } -> tensor<8x32xf32>
  return
}

// -----

// recompute_c5
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>, %o: tensor<8x32xf32>, %n: index, %x: i1) {
  // expected-error @below {{'attn.recompute' op takes a feature weight exactly for additive compatibility; it is additive}}
  %r = attn.recompute additive softmax ins(%q, %k, %v : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>)
      keys(%n, %n) when(%x) outs(%o : tensor<8x32xf32>)
      indexing_maps = [affine_map<(i, g, j, d, e) -> (i, d)>, affine_map<(i, g, j, d, e) -> (j, d)>,
                       affine_map<(i, g, j, d, e) -> (j, e)>, affine_map<(i, g, j, d, e) -> (i, e)>] scale = 1.0 pairs {
  ^bb0(%query: index, %head: index, %key: index, %score: f32):
    attn.yield %score : f32
  } -> tensor<8x32xf32>
  return
}
