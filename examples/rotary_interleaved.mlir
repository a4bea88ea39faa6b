// Rotary embedding of neighbouring features, at positions that a cache gives.
//
// attnc run examples/rotary_interleaved.mlir --check

func.func @rotary_interleaved(%x: tensor<3x2x9x16xf16>, %positions: tensor<3x9xi32>)
    -> tensor<3x2x9x16xf16> {
  %r = attn.rotary %x positions(%positions : tensor<3x9xi32>) interleaved
       : tensor<3x2x9x16xf16> -> tensor<3x2x9x16xf16>
  return %r : tensor<3x2x9x16xf16>
}
