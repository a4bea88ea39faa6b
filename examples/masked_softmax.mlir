// Weights of given scores: a softmax over the valid keys of each sentence.
//
// attnc run examples/masked_softmax.mlir --check

func.func @masked_softmax(%scores: tensor<4x5x13xf32>, %lengths: tensor<4xi32>)
    -> tensor<4x5x13xf32> {
  %mask = attn.mask.padding %lengths : tensor<4xi32>
  %w = attn.masked_softmax %scores mask(%mask)
       : tensor<4x5x13xf32> -> tensor<4x5x13xf32>
  return %w : tensor<4x5x13xf32>
}
