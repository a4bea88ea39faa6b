// The first attention block of the character transformer: positions are added to
// the embeddings of M characters, then causal self-attention of 4 heads with its
// projections. Gives the output and the attention weights.
func.func @attention(%x: tensor<?x?x64xf32>,
    %w_q: tensor<64x64xf32>, %w_k: tensor<64x64xf32>, %w_v: tensor<64x64xf32>, %w_o: tensor<64x64xf32>,
    %b_q: tensor<64xf32>, %b_k: tensor<64xf32>, %b_v: tensor<64xf32>, %b_o: tensor<64xf32>)
    -> (tensor<?x?x64xf32>, tensor<?x4x?x?xf32>) {
  %one = arith.constant 1 : index
  %length = tensor.dim %x, %one : tensor<?x?x64xf32>
  %positions = attn.sinusoid length(%length) : tensor<?x64xf32>
  %placed = linalg.generic {
      indexing_maps = [affine_map<(b, m, e) -> (m, e)>, affine_map<(b, m, e) -> (b, m, e)>, affine_map<(b, m, e) -> (b, m, e)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%positions, %x : tensor<?x64xf32>, tensor<?x?x64xf32>) outs(%x : tensor<?x?x64xf32>) {
  ^bb0(%p: f32, %e: f32, %unused: f32):
    %sum = arith.addf %e, %p : f32
    linalg.yield %sum : f32
  } -> tensor<?x?x64xf32>
  %causal = attn.mask.causal
  %output, %weights = attn.multi_head %placed, %placed, %placed
      weights(%w_q, %w_k, %w_v, %w_o : tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>)
      bias_query(%b_q : tensor<64xf32>) bias_key(%b_k : tensor<64xf32>)
      bias_value(%b_v : tensor<64xf32>) bias_output(%b_o : tensor<64xf32>)
      heads = 4 mask(%causal)
      : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64xf32>
      -> tensor<?x?x64xf32> weights(tensor<?x4x?x?xf32>)
  return %output, %weights : tensor<?x?x64xf32>, tensor<?x4x?x?xf32>
}
