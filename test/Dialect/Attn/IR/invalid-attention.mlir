// RUN: attn-opt %s -split-input-file -verify-diagnostics

// types_c2
func.func @f(%q: tensor<8x64xi32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op operand #0 must be ranked tensor without encoding of 32-bit float or bfloat16 type or 16-bit float or 64-bit float values, but got 'tensor<8x64xi32>'}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xi32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// types_c2
func.func @f(%q: tensor<*xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  %o = attn.scaled_dot_product %q, %k, %v
      // expected-error @below {{invalid kind of type specified: expected builtin.tensor, but found 'tensor<*xf32>'}}
      : tensor<*xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// attention_c1
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf16>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op key has element type 'f16', query has 'f32'; they must be equal}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf16>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// attention_c1
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xbf16>) {
  // expected-error @below {{'attn.scaled_dot_product' op value has element type 'bf16', query has 'f32'; they must be equal}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xbf16> -> tensor<8x32xf32>
  return
}

// -----

// attention_c2
func.func @f(%q: tensor<1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x4xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op query has rank 32; without a layout it takes at most 30}}
  %o = attn.scaled_dot_product %q, %q, %q : tensor<1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x4xf32>, tensor<1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x4xf32>, tensor<1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x4xf32> -> tensor<1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x1x4xf32>
  return
}

// -----

// attention_c2
func.func @f(%q: tensor<8x64xf32>, %k: tensor<1x9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op key has rank 3, query has rank 2; they must be equal}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<1x9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// attention_c2
func.func @f(%q: tensor<64xf32>, %k: tensor<64xf32>, %v: tensor<64xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op query has rank 1; it takes at least 2, (length, head size)}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<64xf32>, tensor<64xf32>, tensor<64xf32> -> tensor<64xf32>
  return
}

// -----

// attention_c3
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op layout 'bmd' names 3 dimensions, the tensor has 2}}
  %o = attn.scaled_dot_product %q, %k, %v layout = "bmd"
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// attention_c3
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op layout 'mm' names 'm' twice}}
  %o = attn.scaled_dot_product %q, %k, %v layout = "mm"
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// attention_c3
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op layout 'bd' lacks 'm'; it takes m (queries or keys) and d (head size)}}
  %o = attn.scaled_dot_product %q, %k, %v layout = "bd"
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// attention_c3
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op layout 'bm' lacks 'd'; it takes m (queries or keys) and d (head size)}}
  %o = attn.scaled_dot_product %q, %k, %v layout = "bm"
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// attention_c3
func.func @f(%q: tensor<8x1x64xf32>, %k: tensor<9x1x64xf32>, %v: tensor<9x1x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op layout 'm,d' holds ','; it takes letters, one per dimension, such as bhmd}}
  %o = attn.scaled_dot_product %q, %k, %v layout = "m,d"
      : tensor<8x1x64xf32>, tensor<9x1x64xf32>, tensor<9x1x32xf32> -> tensor<8x1x32xf32>
  return
}

// -----

// attention_c4
func.func @f(%q: tensor<2x8x64xf32>, %k: tensor<3x9x64xf32>, %v: tensor<3x9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op query has batch size 2, key has 3; they must be equal}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<2x8x64xf32>, tensor<3x9x64xf32>, tensor<3x9x32xf32> -> tensor<2x8x32xf32>
  return
}

// -----

// attention_c4
func.func @f(%q: tensor<?x8x64xf32>, %k: tensor<2x9x64xf32>, %v: tensor<3x9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op key has batch size 2, value has 3; they must be equal}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<?x8x64xf32>, tensor<2x9x64xf32>, tensor<3x9x32xf32> -> tensor<?x8x32xf32>
  return
}

// -----

// attention_c5
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x4x9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op key has heads 2, value has 4; they must be equal}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x4x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// attention_c6
func.func @f(%q: tensor<2x7x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op query has 7 heads, key has 2; query heads must be a multiple of key heads}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<2x7x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x7x8x32xf32>
  return
}

// -----

// attention_c6
func.func @f(%q: tensor<2x4x8x64xf32>, %k: tensor<2x0x9x64xf32>, %v: tensor<2x0x9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op query has 4 heads, key has 0; query heads must be a multiple of key heads}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<2x4x8x64xf32>, tensor<2x0x9x64xf32>, tensor<2x0x9x32xf32> -> tensor<2x4x8x32xf32>
  return
}

// -----

// attention_c7
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<10x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op key has length 9, value has 10; they must be equal}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<10x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// attention_c8
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x32xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op query has head size 64, key has 32; they must be equal}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x32xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// attention_c9
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op output has element type 'f64', query has 'f32'; they must be equal}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf64>
  return
}

// -----

// attention_c10
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op output has size 64 in dimension 1; it must be 32}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x64xf32>
  return
}

// -----

// attention_c10
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op output has rank 3; it must have rank 2}}
  %o = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<1x8x32xf32>
  return
}

// -----

// attention_c11
func.func @f(%q: tensor<8x64xf16>, %k: tensor<9x64xf16>, %v: tensor<9x32xf16>) {
  // expected-error @below {{'attn.scaled_dot_product' op lse has element type 'f16'; it must be the accumulator type 'f32'}}
  %o, %l = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf16>, tensor<9x64xf16>, tensor<9x32xf16> -> tensor<8x32xf16> lse(tensor<8xf16>)
  return
}

// -----

// attention_c12
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op lse has size 9 in dimension 0; it must be 8}}
  %o, %l = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32> lse(tensor<9xf32>)
  return
}

// -----

// attention_c13
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op weights has size 2 in dimension 1; it must be 8}}
  %o, %w = attn.scaled_dot_product %q, %k, %v
      : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32> weights(tensor<2x2x8x9xf32>)
  return
}

// -----

// attention_c14
func.func @f(%q: tensor<8x64xbf16>, %k: tensor<9x64xbf16>, %v: tensor<9x32xbf16>) {
  // expected-error @below {{'attn.scaled_dot_product' op weights have element type 'f16'; it must be that of query, 'bf16', or the accumulator type 'f32'}}
  %o, %w = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xbf16>, tensor<9x64xbf16>, tensor<9x32xbf16> -> tensor<8x32xbf16> weights(tensor<8x9xf16>)
  return
}

// -----

// attention_c15
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op scale INF is not finite in 'f32'}}
  %o = attn.scaled_dot_product %q, %k, %v scale = 0x7FF0000000000000
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// attention_c15
func.func @f(%q: tensor<8x64xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op scale 1.000000e+300 is not finite in 'f32'}}
  %o = attn.scaled_dot_product %q, %q, %q scale = 1.0e300
      : tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x64xf32> -> tensor<8x64xf32>
  return
}

// -----

// scaled_dot_product_c1
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %s: tensor<2xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op sink has 2 logits; it takes one per query head, 8}}
  %o = attn.scaled_dot_product %q, %k, %v sink(%s : tensor<2xf32>)
      : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// scaled_dot_product_c1
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>, %s: tensor<2xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op sink has 2 logits; it takes one per query head, 1}}
  %o = attn.scaled_dot_product %q, %k, %v sink(%s : tensor<2xf32>)
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// dot_product_c1
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %s: tensor<3xf32>) {
  // expected-error @below {{'attn.dot_product' op sink has 3 logits; it takes one per query head, 8}}
  %o = attn.dot_product %q, %k, %v sink(%s : tensor<3xf32>)
      : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// additive_c1
func.func @f(%q: tensor<8x32xf32>, %k: tensor<9x48xf32>, %v: tensor<9x16xf32>, %w: tensor<64x1xf32>, %wq: tensor<64x32xf32>, %wk: tensor<64x48xf32>) {
  // expected-error @below {{'attn.additive' op weight has rank 2; it must be a vector (D)}}
  %o = attn.additive %q, %k, %v, %w project_query(%wq : tensor<64x32xf32>) project_key(%wk : tensor<64x48xf32>)
      : tensor<8x32xf32>, tensor<9x48xf32>, tensor<9x16xf32>, tensor<64x1xf32> -> tensor<8x16xf32>
  return
}

// -----

// additive_c2
func.func @f(%q: tensor<8x32xf32>, %k: tensor<9x48xf32>, %v: tensor<9x16xf32>, %w: tensor<64xf32>, %wq: tensor<64xf32>, %wk: tensor<64x48xf32>) {
  // expected-error @below {{'attn.additive' op query_projection has rank 1; it must be (out, in)}}
  %o = attn.additive %q, %k, %v, %w project_query(%wq : tensor<64xf32>) project_key(%wk : tensor<64x48xf32>)
      : tensor<8x32xf32>, tensor<9x48xf32>, tensor<9x16xf32>, tensor<64xf32> -> tensor<8x16xf32>
  return
}

// -----

// additive_c3
func.func @f(%q: tensor<8x32xf32>, %k: tensor<9x48xf32>, %v: tensor<9x16xf32>, %w: tensor<64xf32>, %wq: tensor<64x32xf32>, %wk: tensor<64x47xf32>) {
  // expected-error @below {{'attn.additive' op key_projection takes 47 features, key has 48; they must be equal}}
  %o = attn.additive %q, %k, %v, %w project_query(%wq : tensor<64x32xf32>) project_key(%wk : tensor<64x47xf32>)
      : tensor<8x32xf32>, tensor<9x48xf32>, tensor<9x16xf32>, tensor<64xf32> -> tensor<8x16xf32>
  return
}

// -----

// additive_c4
func.func @f(%q: tensor<8x32xf32>, %k: tensor<9x48xf32>, %v: tensor<9x16xf32>, %w: tensor<64xf32>, %wq: tensor<63x32xf32>, %wk: tensor<64x48xf32>) {
  // expected-error @below {{'attn.additive' op query has 63 projected features, weight has 64; they must be equal}}
  %o = attn.additive %q, %k, %v, %w project_query(%wq : tensor<63x32xf32>) project_key(%wk : tensor<64x48xf32>)
      : tensor<8x32xf32>, tensor<9x48xf32>, tensor<9x16xf32>, tensor<64xf32> -> tensor<8x16xf32>
  return
}

// -----

// additive_c4
func.func @f(%q: tensor<8x32xf32>, %k: tensor<9x48xf32>, %v: tensor<9x16xf32>, %w: tensor<?xf32>, %wq: tensor<63x32xf32>, %wk: tensor<64x48xf32>) {
  // expected-error @below {{'attn.additive' op query has 63 projected features, key has 64; they must be equal}}
  %o = attn.additive %q, %k, %v, %w project_query(%wq : tensor<63x32xf32>) project_key(%wk : tensor<64x48xf32>)
      : tensor<8x32xf32>, tensor<9x48xf32>, tensor<9x16xf32>, tensor<?xf32> -> tensor<8x16xf32>
  return
}

// -----

// additive_c5
func.func @f(%q: tensor<8x32xf32>, %k: tensor<9x48xf32>, %v: tensor<9x16xf32>, %w: tensor<64xf64>, %wq: tensor<64x32xf32>, %wk: tensor<64x48xf32>) {
  // expected-error @below {{'attn.additive' op weight has element type 'f64', query has 'f32'; they must be equal}}
  %o = attn.additive %q, %k, %v, %w project_query(%wq : tensor<64x32xf32>) project_key(%wk : tensor<64x48xf32>)
      : tensor<8x32xf32>, tensor<9x48xf32>, tensor<9x16xf32>, tensor<64xf64> -> tensor<8x16xf32>
  return
}

// -----

// additive_c5
func.func @f(%q: tensor<8x32xf32>, %k: tensor<9x48xf32>, %v: tensor<9x16xf32>, %w: tensor<64xf32>, %wq: tensor<64x32xf32>, %wk: tensor<64x48xf16>) {
  // expected-error @below {{'attn.additive' op key_projection has element type 'f16', query has 'f32'; they must be equal}}
  %o = attn.additive %q, %k, %v, %w project_query(%wq : tensor<64x32xf32>) project_key(%wk : tensor<64x48xf16>)
      : tensor<8x32xf32>, tensor<9x48xf32>, tensor<9x16xf32>, tensor<64xf32> -> tensor<8x16xf32>
  return
}

// -----

// attention_c16
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{entropy has size 9 in dimension 0; it must be 8}}
  %o:2 = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32> entropy(tensor<9xf32>)
  return
}

// -----

// attention_c16
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{entropy has element type 'f64'; it must be the accumulator type 'f32'}}
  %o:2 = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32> entropy(tensor<8xf64>)
  return
}

// -----

// attention_c17
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{received has size 8 in dimension 0; it must be 9}}
  %o:2 = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32> received(tensor<8xf32>)
  return
}

// -----

// attention_c18
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{top weights are 'tensor<8x65xf32>'; their last size must be static, 1 to 64}}
  %o:3 = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32> top(tensor<8x65xf32>, tensor<8x65xi32>)
  return
}

// -----

// attention_c18
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{top keys are 'tensor<8x3xi32>', top weights 'tensor<8x4xf32>'; their shapes must be equal}}
  %o:3 = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32> top(tensor<8x4xf32>, tensor<8x3xi32>)
  return
}

// -----

// attention_c18
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{top keys have size 9 in dimension 0; it must be 8}}
  %o:3 = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32> top(tensor<8x4xf32>, tensor<9x4xi32>)
  return
}

// -----

// attention_c19
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{top weights have element type 'bf16'; it must be that of query, 'f32', or the accumulator type 'f32'}}
  %o:3 = attn.scaled_dot_product %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32> top(tensor<8x4xbf16>, tensor<8x4xi32>)
  return
}

// -----

// scaled_dot_product_c2
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>, %s: tensor<1xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op takes a sink with softmax alone; its normalizer is sum}}
  %o = attn.scaled_dot_product %q, %k, %v sink(%s : tensor<1xf32>) normalizer = sum : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// scaled_dot_product_c3
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.scaled_dot_product' op gives lse and entropy with softmax or sum; its normalizer is none}}
  %o, %l = attn.scaled_dot_product %q, %k, %v normalizer = none : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32> lse(tensor<8xf32>)
  return
}

// -----

// general_c1
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>, %w: tensor<64x32xf32>) {
  // expected-error @below {{'attn.general' op query has 64 features, weight fits 32; they must be equal}}
  %o = attn.general %q, %k, %v, %w : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>, tensor<64x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// general_c1
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>, %w: tensor<64xf32>) {
  // expected-error @below {{'attn.general' op weight has rank 1; it must be (Dk, Dq)}}
  %o = attn.general %q, %k, %v, %w : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>, tensor<64xf32> -> tensor<8x32xf32>
  return
}
