// Additive attention (Bahdanau): score = w . tanh(W_q q + W_k k).
//
// attnc run examples/additive.mlir --check

func.func @additive(%q: tensor<2x11x24xf32>, %k: tensor<2x37x40xf32>,
                    %v: tensor<2x37x40xf32>,
                    %w: tensor<32xf32> {attn.spread = 0.5},
                    %wq: tensor<32x24xf32> {attn.spread = 0.2},
                    %wk: tensor<32x40xf32> {attn.spread = 0.15})
    -> (tensor<2x11x40xf32>, tensor<2x11x37xf32>) {
  %o, %weights = attn.additive %q, %k, %v, %w
       project_query(%wq : tensor<32x24xf32>) project_key(%wk : tensor<32x40xf32>)
       : tensor<2x11x24xf32>, tensor<2x37x40xf32>, tensor<2x37x40xf32>,
         tensor<32xf32>
       -> tensor<2x11x40xf32> weights(tensor<2x11x37xf32>)
  return %o, %weights : tensor<2x11x40xf32>, tensor<2x11x37xf32>
}
