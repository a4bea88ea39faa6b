// Causal attention over 2 heads of size 4, any number of queries and keys.
func.func @attention(%q: tensor<2x?x4xf32>, %k: tensor<2x?x4xf32>,
                     %v: tensor<2x?x4xf32>) -> tensor<2x?x4xf32> {
  %causal = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%causal) layout = "hmd"
       : tensor<2x?x4xf32>, tensor<2x?x4xf32>, tensor<2x?x4xf32>
       -> tensor<2x?x4xf32>
  return %o : tensor<2x?x4xf32>
}
