// Eight query heads share two key/value heads; results in bf16, LSE in f32.
//
// attnc run examples/grouped_query.mlir --check

func.func @grouped_query(%q: tensor<1x8x65x64xbf16>, %k: tensor<1x2x130x64xbf16>,
                         %v: tensor<1x2x130x64xbf16>)
    -> (tensor<1x8x65x64xbf16>, tensor<1x8x65xf32>) {
  %mask = attn.mask.causal bottom_right
  %o, %lse = attn.scaled_dot_product %q, %k, %v mask(%mask)
       : tensor<1x8x65x64xbf16>, tensor<1x2x130x64xbf16>, tensor<1x2x130x64xbf16>
       -> tensor<1x8x65x64xbf16> lse(tensor<1x8x65xf32>)
  return %o, %lse : tensor<1x8x65x64xbf16>, tensor<1x8x65xf32>
}
