// One learned sink per head takes weight from keys that do not matter.
//
// attnc run examples/sinks.mlir --check

func.func @sinks(%q: tensor<4x33x64xf32>, %k: tensor<4x33x64xf32>,
                 %v: tensor<4x33x64xf32>, %sink: tensor<1xf32>)
    -> tensor<4x33x64xf32> {
  %mask = attn.mask.window past = 8 future = 0
  %o = attn.scaled_dot_product %q, %k, %v mask(%mask) sink(%sink : tensor<1xf32>)
       : tensor<4x33x64xf32>, tensor<4x33x64xf32>, tensor<4x33x64xf32>
       -> tensor<4x33x64xf32>
  return %o : tensor<4x33x64xf32>
}
