// RUN: attn-opt %s -attn-expand-graph-ops -split-input-file -verify-diagnostics

func.func private @mask_argument(%m: !attn.mask, %s: tensor<8x9xf32>) -> tensor<8x9xf32> {
  // expected-error @below {{mask is a compile-time value and must be built by attn.mask ops in this function}}
  %w = attn.masked_softmax %s mask(%m) : tensor<8x9xf32> -> tensor<8x9xf32>
  return %w : tensor<8x9xf32>
}
