// Decoder queries look at an encoder's keys, as many as are valid per sentence.
//
// attnc run examples/cross_attention.mlir --check

func.func @cross_attention(%q: tensor<3x4x17x32xf32>, %k: tensor<3x4x29x32xf32>,
                           %v: tensor<3x4x29x48xf32>, %lengths: tensor<3xi32>)
    -> (tensor<3x4x17x48xf32>, tensor<3x4x17x29xf32>) {
  %mask = attn.mask.padding %lengths : tensor<3xi32>
  %o, %weights = attn.scaled_dot_product %q, %k, %v mask(%mask)
       : tensor<3x4x17x32xf32>, tensor<3x4x29x32xf32>, tensor<3x4x29x48xf32>
       -> tensor<3x4x17x48xf32> weights(tensor<3x4x17x29xf32>)
  return %o, %weights : tensor<3x4x17x48xf32>, tensor<3x4x17x29xf32>
}
