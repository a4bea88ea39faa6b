// Packed documents: a sliding window that never leaves its document.
//
// attnc run examples/window_document.mlir --check

func.func @window_document(%q: tensor<4x150x32xf32>, %k: tensor<4x150x32xf32>,
                           %v: tensor<4x150x32xf32>, %ids: tensor<4x150xi32>)
    -> tensor<4x150x32xf32> {
  %window = attn.mask.window past = 40 future = 0
  %document = attn.mask.document %ids : tensor<4x150xi32>
  %mask = attn.mask.and %window, %document
  %o = attn.scaled_dot_product %q, %k, %v mask(%mask)
       : tensor<4x150x32xf32>, tensor<4x150x32xf32>, tensor<4x150x32xf32>
       -> tensor<4x150x32xf32>
  return %o : tensor<4x150x32xf32>
}
