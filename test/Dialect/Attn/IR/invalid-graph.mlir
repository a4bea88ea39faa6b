// RUN: attn-opt %s -split-input-file -verify-diagnostics

// multi_head_c1
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op has 4 heads; they must be a multiple of 3 key/value heads}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 3
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c1
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op attribute 'num_heads' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 0 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c2
func.func @f(%q: tensor<8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op query has rank 2; it must be (batch, length, features)}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 2
      : tensor<8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c3
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op w_q has rank 1; it must be (out, in)}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c3
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<f32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op w_q has rank 0; it must be (out, in)}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<f32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c4
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x39xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op w_v takes 39 features, value has 40; they must be equal}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x39xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c4
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x31xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op w_o takes 31 features, the merge of all heads has 32; they must be equal}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x31xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c5
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<64x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op w_q gives heads of size 16, w_k of size 32; they must be equal}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<64x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c5
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<25x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op w_o gives 25 features, output has 24; they must be equal}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<25x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c6
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<63xf32>) {
  // expected-error @below {{'attn.multi_head' op b_q has 63 features, w_q gives 64; they must be equal}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<63xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c6
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<24x1xf32>) {
  // expected-error @below {{'attn.multi_head' op b_o has rank 2; it must be a vector (out)}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_output(%b : tensor<24x1xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c7
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<66x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<66xf32>) {
  // expected-error @below {{'attn.multi_head' op w_q gives 66 features; it takes a multiple of 4, the number of its heads}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<66x64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<66xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c7
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<17x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op w_v gives 17 features; it takes a multiple of 2, the number of its heads}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<17x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c8
func.func @f(%q: tensor<2x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op query has batch size 2, key has 1; they must be equal}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 2
      : tensor<2x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<2x8x24xf32>
  return
}

// -----

// multi_head_c8
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x10x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op key has length 9, value has 10; they must be equal}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x10x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c8
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op query has length 8, output has 7; they must be equal}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x7x24xf32>
  return
}

// -----

// multi_head_c9
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op weights are 'tensor<1x2x8x9xf32>'; they must be (batch, 4 heads, query length, key length)}}
  %o, %w = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32> weights(tensor<1x2x8x9xf32>)
  return
}

// -----

// multi_head_c10
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf16>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op w_k has element type 'f16', query has 'f32'; they must be equal}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf16>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c10
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf64>) {
  // expected-error @below {{'attn.multi_head' op b_q has element type 'f64', query has 'f32'; they must be equal}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf64>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// multi_head_c11
func.func @f(%q: tensor<1x8x64xf32>, %k: tensor<1x9x48xf32>, %v: tensor<1x9x40xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>, %wv: tensor<16x40xf32>, %wo: tensor<24x32xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{'attn.multi_head' op scale nan is not finite}}
  %o = attn.multi_head %q, %k, %v weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x40xf32>, tensor<24x32xf32>)
      bias_query(%b : tensor<64xf32>) heads = 4 kv_heads = 2 scale = 0x7FF8000000000000
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x40xf32> -> tensor<1x8x24xf32>
  return
}

// -----

// masked_softmax_c1
func.func @f(%s: tensor<8xf32>) {
  // expected-error @below {{'attn.masked_softmax' op scores have rank 1; they take at least (M, N)}}
  %0 = attn.masked_softmax %s : tensor<8xf32> -> tensor<8xf32>
  return
}

// -----

// masked_softmax_c2
func.func @f(%s: tensor<8x8xf32>) {
  // expected-error @below {{'attn.masked_softmax' op result is 'tensor<8x8xf16>'; it must be that of scores, 'tensor<8x8xf32>'}}
  %0 = attn.masked_softmax %s : tensor<8x8xf32> -> tensor<8x8xf16>
  return
}

// -----

// sinusoid_c1
func.func @f() {
  // expected-error @below {{'attn.sinusoid' op result has rank 3; it must be (length, dim)}}
  %0 = attn.sinusoid : tensor<1x8x64xf32>
  return
}

// -----

// sinusoid_c2
func.func @f() {
  // expected-error @below {{'attn.sinusoid' op result 'tensor<8x?xf32>' has a dynamic dim; it must be static}}
  %0 = attn.sinusoid : tensor<8x?xf32>
  return
}

// -----

// sinusoid_c3
func.func @f() {
  // expected-error @below {{'attn.sinusoid' op takes 'length' exactly where the first dimension of its result is dynamic; it is 'tensor<?x64xf32>'}}
  %0 = attn.sinusoid : tensor<?x64xf32>
  return
}

// -----

// sinusoid_c3
func.func @f(%n: index) {
  // expected-error @below {{'attn.sinusoid' op takes 'length' exactly where the first dimension of its result is dynamic; it is 'tensor<8x64xf32>'}}
  %0 = attn.sinusoid length(%n) : tensor<8x64xf32>
  return
}

// -----

// sinusoid_c3
func.func @f() {
  %n = arith.constant -8 : index
  // expected-error @below {{'attn.sinusoid' op length -8 is not at least 0}}
  %0 = attn.sinusoid length(%n) : tensor<?x64xf32>
  return
}

// -----

// sinusoid_c4
func.func @f() {
  // expected-error @below {{'attn.sinusoid' op base 0.000000e+00 is not finite and greater than 0}}
  %0 = attn.sinusoid base = 0.0 : tensor<8x64xf32>
  return
}

// -----

// rotary_c1
func.func @f(%x: tensor<64xf32>) {
  // expected-error @below {{'attn.rotary' op input has rank 1; it takes at least (position, D)}}
  %0 = attn.rotary %x : tensor<64xf32> -> tensor<64xf32>
  return
}

// -----

// rotary_c2
func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @below {{'attn.rotary' op result is 'tensor<8x32xf32>'; it must be that of input, 'tensor<8x64xf32>'}}
  %0 = attn.rotary %x : tensor<8x64xf32> -> tensor<8x32xf32>
  return
}

// -----

// rotary_c3
func.func @f(%x: tensor<8x63xf32>) {
  // expected-error @below {{'attn.rotary' op head size 63 is not even}}
  %0 = attn.rotary %x : tensor<8x63xf32> -> tensor<8x63xf32>
  return
}

// -----

// rotary_c4
func.func @f(%x: tensor<8x64xf32>, %p: tensor<7xi32>) {
  // expected-error @below {{'attn.rotary' op has 7 positions for 8 rows; they must be equal}}
  %0 = attn.rotary %x positions(%p : tensor<7xi32>) : tensor<8x64xf32> -> tensor<8x64xf32>
  return
}

// -----

// rotary_c4
func.func @f(%x: tensor<8x64xf32>, %p: tensor<2x8xi32>) {
  // expected-error @below {{'attn.rotary' op has positions per batch, but input 'tensor<8x64xf32>' has no batch dimension}}
  %0 = attn.rotary %x positions(%p : tensor<2x8xi32>) : tensor<8x64xf32> -> tensor<8x64xf32>
  return
}

// -----

// rotary_c4
func.func @f(%x: tensor<2x4x8x64xf32>, %p: tensor<3x8xi32>) {
  // expected-error @below {{'attn.rotary' op has positions of 3 batches, input has 2; they must be equal}}
  %0 = attn.rotary %x positions(%p : tensor<3x8xi32>) : tensor<2x4x8x64xf32> -> tensor<2x4x8x64xf32>
  return
}

// -----

// rotary_c5
func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @below {{'attn.rotary' op base INF is not finite and greater than 0}}
  %0 = attn.rotary %x base = 0x7FF0000000000000 : tensor<8x64xf32> -> tensor<8x64xf32>
  return
}

// -----

// merge_c1
func.func @f() {
  // expected-error @below {{'attn.merge' op has 0 operands; it takes at least one output, and an lse for each}}
  %0:2 = "attn.merge"() : () -> (tensor<8x64xf32>, tensor<8xf32>)
  return
}

// -----

// merge_c1
func.func @f(%o: tensor<8x64xf32>, %l: tensor<8xf32>) {
  // expected-error @below {{'attn.merge' op has 3 operands; it takes at least one output, and an lse for each}}
  %0:2 = "attn.merge"(%o, %l, %l) : (tensor<8x64xf32>, tensor<8xf32>, tensor<8xf32>) -> (tensor<8x64xf32>, tensor<8xf32>)
  return
}

// -----

// merge_c1
func.func @f(%o: tensor<8x64xf32>, %l: tensor<8xf32>) {
  // expected-error @below {{2 outputs need as many lses, not 1}}
  %0:2 = attn.merge %o, %o lse(%l) : tensor<8x64xf32>, tensor<8xf32>
  return
}

// -----

// merge_c2
func.func @f(%o: tensor<8x64xf32>, %l: tensor<8xf32>) {
  // expected-error @below {{'attn.merge' op merges outputs of type 'tensor<8x64xf32>' into 'tensor<8x64xf16>'; all must have one type}}
  %0:2 = "attn.merge"(%o, %l) : (tensor<8x64xf32>, tensor<8xf32>) -> (tensor<8x64xf16>, tensor<8xf32>)
  return
}

// -----

// merge_c3
func.func @f(%o: tensor<8x64xf32>, %l: tensor<8xf32>) {
  // expected-error @below {{'attn.merge' op merges lses of type 'tensor<8xf32>' into 'tensor<8xf64>'; all must have one type}}
  %0:2 = "attn.merge"(%o, %l) : (tensor<8x64xf32>, tensor<8xf32>) -> (tensor<8x64xf32>, tensor<8xf64>)
  return
}

// -----

// merge_c4
func.func @f(%o: tensor<8x64xf32>, %l: tensor<7xf32>) {
  // expected-error @below {{'attn.merge' op lse is 'tensor<7xf32>'; it must have the shape of 'tensor<8x64xf32>' without the last dimension}}
  %0:2 = attn.merge %o lse(%l) : tensor<8x64xf32>, tensor<7xf32>
  return
}

// -----

// merge_c5
func.func @f(%o: tensor<f32>) {
  // expected-error @below {{'attn.merge' op merges outputs of rank 0; they take at least (M, Dv)}}
  %0:2 = attn.merge %o lse(%o) : tensor<f32>, tensor<f32>
  return
}

// -----

// merge_c6
func.func @f(%o: tensor<8x64xf16>, %l: tensor<8xf16>) {
  // expected-error @below {{'attn.merge' op lse has element type 'f16'; it must be the accumulator type 'f32'}}
  %0:2 = attn.merge %o lse(%l) : tensor<8x64xf16>, tensor<8xf16>
  return
}

// -----

// rotary_c6
func.func @f(%x: tensor<5x8xf32>, %f: tensor<3xf32>) {
  // expected-error @below {{'attn.rotary' op has 3 frequencies for 4 pairs; they must be equal}}
  %r = attn.rotary %x frequencies(%f : tensor<3xf32>) : tensor<5x8xf32> -> tensor<5x8xf32>
  return
}
