// RUN: attn-opt %s -attn-lower-to-attend -split-input-file -verify-diagnostics

func.func @batches_apart(%q: tensor<2x8x3x16xf32>) -> tensor<2x8x3x16xf32> {
  // expected-error @below {{'attn.scaled_dot_product' op has batch dimensions 0 and 2 apart from each other; transpose them together}}
  %o = attn.scaled_dot_product %q, %q, %q layout = "xmyd" : tensor<2x8x3x16xf32>, tensor<2x8x3x16xf32>, tensor<2x8x3x16xf32> -> tensor<2x8x3x16xf32>
  return %o : tensor<2x8x3x16xf32>
}

// -----

func.func private @mask_argument(%m: !attn.mask, %q: tensor<8x16xf32>) -> tensor<8x16xf32> {
  // expected-error @below {{mask is a compile-time value and must be built by attn.mask ops in this function}}
  %o = attn.scaled_dot_product %q, %q, %q mask(%m) : tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32> -> tensor<8x16xf32>
  return %o : tensor<8x16xf32>
}

// -----

func.func private @score_argument(%s: !attn.score_mod, %q: tensor<8x16xf32>) -> tensor<8x16xf32> {
  // expected-error @below {{score modifier is a compile-time value and must be built by attn.score ops in this function}}
  %o = attn.scaled_dot_product %q, %q, %q score(%s) : tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32> -> tensor<8x16xf32>
  return %o : tensor<8x16xf32>
}
