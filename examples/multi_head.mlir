// A transformer's self-attention: positions added, projections, causal heads.
//
// attnc run examples/multi_head.mlir --check

func.func @multi_head(%x: tensor<1x77x64xf32> {attn.spread = 1.0},
                      %wq: tensor<64x64xf32> {attn.spread = 0.125},
                      %wk: tensor<32x64xf32> {attn.spread = 0.125},
                      %wv: tensor<32x64xf32> {attn.spread = 0.125},
                      %wo: tensor<64x64xf32> {attn.spread = 0.125},
                      %bq: tensor<64xf32>, %bo: tensor<64xf32>)
    -> tensor<1x77x64xf32> {
  %table = attn.sinusoid : tensor<77x64xf32>
  %positions = tensor.expand_shape %table [[0, 1], [2]] output_shape [1, 77, 64]
               : tensor<77x64xf32> into tensor<1x77x64xf32>
  %y = arith.addf %x, %positions : tensor<1x77x64xf32>
  %mask = attn.mask.causal
  %o = attn.multi_head %y, %y, %y
       weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x64xf32>,
               tensor<32x64xf32>, tensor<64x64xf32>)
       bias_query(%bq : tensor<64xf32>) bias_output(%bo : tensor<64xf32>)
       heads = 4 kv_heads = 2 mask(%mask)
       : tensor<1x77x64xf32>, tensor<1x77x64xf32>, tensor<1x77x64xf32>
       -> tensor<1x77x64xf32>
  return %o : tensor<1x77x64xf32>
}
