// Rotary positions on queries and keys before causal attention.
//
// attnc run examples/rotary.mlir --check

func.func @rotary(%q: tensor<1x4x90x32xf32>, %k: tensor<1x2x90x32xf32>,
                  %v: tensor<1x2x90x32xf32>) -> tensor<1x4x90x32xf32> {
  %rq = attn.rotary %q : tensor<1x4x90x32xf32> -> tensor<1x4x90x32xf32>
  %rk = attn.rotary %k : tensor<1x2x90x32xf32> -> tensor<1x2x90x32xf32>
  %mask = attn.mask.causal
  %o = attn.scaled_dot_product %rq, %rk, %v mask(%mask)
       : tensor<1x4x90x32xf32>, tensor<1x2x90x32xf32>, tensor<1x2x90x32xf32>
       -> tensor<1x4x90x32xf32>
  return %o : tensor<1x4x90x32xf32>
}
