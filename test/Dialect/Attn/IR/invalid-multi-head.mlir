// RUN: attn-opt %s -split-input-file -verify-diagnostics

// multi_head_c12
func.func @f(%x: tensor<1x8x64xf32>, %y: tensor<1x9x48xf32>, %wi: tensor<192x64xf32>, %w: tensor<64x64xf32>, %b: tensor<190xf32>) {
  // expected-error @+1 {{3 weights; four are accepted, of query, key, value and output, or two, the first three packed and that of the output}}
  %o = attn.multi_head %x, %x, %x weights(%wi, %w, %w : tensor<192x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>) heads = 4
      : tensor<1x8x64xf32>, tensor<1x8x64xf32>, tensor<1x8x64xf32> -> tensor<1x8x64xf32>
  return
}

// -----

// multi_head_c12
func.func @f(%x: tensor<1x8x64xf32>, %y: tensor<1x9x48xf32>, %wi: tensor<192x64xf32>, %w: tensor<64x64xf32>, %b: tensor<190xf32>) {
  // expected-error @+1 {{2 weights have 1 types}}
  %o = attn.multi_head %x, %x, %x weights(%wi, %w : tensor<192x64xf32>) heads = 4
      : tensor<1x8x64xf32>, tensor<1x8x64xf32>, tensor<1x8x64xf32> -> tensor<1x8x64xf32>
  return
}

// -----

// multi_head_c12
func.func @f(%x: tensor<1x8x64xf32>, %y: tensor<1x9x48xf32>, %wi: tensor<192x64xf32>, %w: tensor<64x64xf32>, %b: tensor<190xf32>) {
  // expected-error @below {{'attn.multi_head' op takes w_q, w_k and w_v, or w_packed; w_k is missing without w_packed}}
  %o = "attn.multi_head"(%x, %x, %x, %w, %w) <{num_heads = 4 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0>}> : (tensor<1x8x64xf32>, tensor<1x8x64xf32>, tensor<1x8x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<1x8x64xf32>
  return
}

// -----

// multi_head_c12
func.func @f(%x: tensor<1x8x64xf32>, %y: tensor<1x9x48xf32>, %wi: tensor<192x64xf32>, %w: tensor<64x64xf32>, %b: tensor<190xf32>) {
  // expected-error @below {{'attn.multi_head' op takes w_q, w_k and w_v, or w_packed; w_q is given with w_packed}}
  %o = "attn.multi_head"(%x, %x, %x, %w, %wi, %w) <{num_heads = 4 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0>}> : (tensor<1x8x64xf32>, tensor<1x8x64xf32>, tensor<1x8x64xf32>, tensor<64x64xf32>, tensor<192x64xf32>, tensor<64x64xf32>) -> tensor<1x8x64xf32>
  return
}

// -----

// multi_head_c12
func.func @f(%x: tensor<1x8x64xf32>, %y: tensor<1x9x48xf32>, %wi: tensor<192x64xf32>, %w: tensor<64x64xf32>, %b: tensor<190xf32>) {
  // expected-error @below {{'attn.multi_head' op b_k is given with w_packed; b_packed holds all biases}}
  %o = attn.multi_head %x, %x, %x weights(%wi, %w : tensor<192x64xf32>, tensor<64x64xf32>) bias_key(%b : tensor<190xf32>) heads = 4
      : tensor<1x8x64xf32>, tensor<1x8x64xf32>, tensor<1x8x64xf32> -> tensor<1x8x64xf32>
  return
}

// -----

// multi_head_c12
func.func @f(%x: tensor<1x8x64xf32>, %y: tensor<1x9x48xf32>, %wi: tensor<192x64xf32>, %w: tensor<64x64xf32>, %b: tensor<190xf32>) {
  // expected-error @below {{'attn.multi_head' op b_packed is given without w_packed}}
  %o = attn.multi_head %x, %x, %x weights(%w, %w, %w, %w : tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>) bias_packed(%b : tensor<190xf32>) heads = 4
      : tensor<1x8x64xf32>, tensor<1x8x64xf32>, tensor<1x8x64xf32> -> tensor<1x8x64xf32>
  return
}

// -----

// multi_head_c4
func.func @f(%x: tensor<1x8x64xf32>, %y: tensor<1x9x48xf32>, %wi: tensor<192x64xf32>, %w: tensor<64x64xf32>, %b: tensor<190xf32>) {
  // expected-error @below {{'attn.multi_head' op w_packed takes 64 features, key has 48; they must be equal}}
  %o = attn.multi_head %x, %y, %y weights(%wi, %w : tensor<192x64xf32>, tensor<64x64xf32>) heads = 4
      : tensor<1x8x64xf32>, tensor<1x9x48xf32>, tensor<1x9x48xf32> -> tensor<1x8x64xf32>
  return
}

// -----

// multi_head_c6
func.func @f(%x: tensor<1x8x64xf32>, %y: tensor<1x9x48xf32>, %wi: tensor<192x64xf32>, %w: tensor<64x64xf32>, %b: tensor<190xf32>) {
  // expected-error @below {{'attn.multi_head' op b_packed has 190 features, w_packed gives 192; they must be equal}}
  %o = attn.multi_head %x, %x, %x weights(%wi, %w : tensor<192x64xf32>, tensor<64x64xf32>) bias_packed(%b : tensor<190xf32>) heads = 4
      : tensor<1x8x64xf32>, tensor<1x8x64xf32>, tensor<1x8x64xf32> -> tensor<1x8x64xf32>
  return
}

// -----

// multi_head_c7
func.func @f(%x: tensor<1x8x64xf32>, %y: tensor<1x9x48xf32>, %wi: tensor<192x64xf32>, %w: tensor<64x64xf32>, %b: tensor<190xf32>) {
  // expected-error @below {{'attn.multi_head' op w_packed gives 192 features; it takes a multiple of 15, the number of its heads}}
  %o = attn.multi_head %x, %x, %x weights(%wi, %w : tensor<192x64xf32>, tensor<64x64xf32>) heads = 5
      : tensor<1x8x64xf32>, tensor<1x8x64xf32>, tensor<1x8x64xf32> -> tensor<1x8x64xf32>
  return
}

// -----

// multi_head_c4
func.func @f(%x: tensor<1x8x64xf32>, %y: tensor<1x9x48xf32>, %wi: tensor<192x64xf32>, %w: tensor<64x64xf32>, %b: tensor<190xf32>) {
  // expected-error @below {{'attn.multi_head' op w_o takes 64 features, the merge of all heads has 96; they must be equal}}
  %o = attn.multi_head %x, %x, %x weights(%wi, %w : tensor<192x64xf32>, tensor<64x64xf32>) heads = 4 kv_heads = 2
      : tensor<1x8x64xf32>, tensor<1x8x64xf32>, tensor<1x8x64xf32> -> tensor<1x8x64xf32>
  return
}
