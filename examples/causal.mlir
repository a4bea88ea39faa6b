// Causal self-attention: every query sees the keys up to its own.
//
// attnc run examples/causal.mlir --check

func.func @causal(%q: tensor<2x4x100x64xf32>, %k: tensor<2x4x100x64xf32>,
                  %v: tensor<2x4x100x64xf32>) -> tensor<2x4x100x64xf32> {
  %mask = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%mask)
       : tensor<2x4x100x64xf32>, tensor<2x4x100x64xf32>, tensor<2x4x100x64xf32>
       -> tensor<2x4x100x64xf32>
  return %o : tensor<2x4x100x64xf32>
}
