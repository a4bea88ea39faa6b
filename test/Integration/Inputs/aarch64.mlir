// Three types with sizes that fill no vector, a mask and grouped heads.
func.func @f32(%q: tensor<1x2x?x40xf32>, %k: tensor<1x1x?x40xf32>, %v: tensor<1x1x?x24xf32>) -> tensor<1x2x?x24xf32> {
  %m = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<1x2x?x40xf32>, tensor<1x1x?x40xf32>, tensor<1x1x?x24xf32> -> tensor<1x2x?x24xf32>
  return %o : tensor<1x2x?x24xf32>
}
func.func @bf16(%q: tensor<1x2x?x40xbf16>, %k: tensor<1x1x?x40xbf16>, %v: tensor<1x1x?x24xbf16>) -> tensor<1x2x?x24xbf16> {
  %m = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<1x2x?x40xbf16>, tensor<1x1x?x40xbf16>, tensor<1x1x?x24xbf16> -> tensor<1x2x?x24xbf16>
  return %o : tensor<1x2x?x24xbf16>
}
func.func @f16(%q: tensor<1x2x?x40xf16>, %k: tensor<1x1x?x40xf16>, %v: tensor<1x1x?x24xf16>) -> tensor<1x2x?x24xf16> {
  %m = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<1x2x?x40xf16>, tensor<1x1x?x40xf16>, tensor<1x1x?x24xf16> -> tensor<1x2x?x24xf16>
  return %o : tensor<1x2x?x24xf16>
}
