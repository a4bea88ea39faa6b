// RUN: attn-opt %s -attn-phase-optimize -attn-phase-tile="target=x86-64:sapphirerapids" | FileCheck %s --check-prefix=TILE
// RUN: attn-opt %s -attn-phase-optimize -attn-phase-tile="target=x86-64:sapphirerapids" -attn-phase-decompose | FileCheck %s

// For tile registers, keys and values are packed once for all queries of a band: keys
// as rows of features, values turned. 100 keys leave 28 rows and columns of zeros, 40
// features 24 columns.
// TILE: linalg.fill {{.*}} outs(%{{.*}} : tensor<28x64xbf16>)
// TILE: linalg.fill {{.*}} outs(%{{.*}} : tensor<128x24xbf16>)
// TILE: bufferization.materialize_in_destination
// TILE: linalg.fill {{.*}} outs(%{{.*}} : tensor<96x28xbf16>)
// TILE: linalg.generic {{.*}} outs(%{{.*}} : tensor<96x100xbf16>)
// TILE: attn.attend_tile dot softmax ins(%{{.*}} : tensor<64x64xbf16>, tensor<100x64xbf16>, tensor<96x100xbf16>)
// TILE-SAME: attn.padded_keys = 128

// Both products take whole tiles. Keys that do not exist have a score of -inf.
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<128x32x2xbf16>, tensor<32x64x2xbf16>) outs(%{{.*}} : tensor<128x64xf32>)
// CHECK: %[[PADDING:.*]] = tensor.extract_slice %{{.*}}[100, 0] [28, 64] [1, 1] : tensor<128x64xf32> to tensor<28x64xf32>
// CHECK: linalg.fill ins(%{{.*}} : f32) outs(%[[PADDING]] : tensor<28x64xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<96x64x2xbf16>, tensor<64x64x2xbf16>) outs(%{{.*}} : tensor<96x64xf32>)
func.func @f(%q: tensor<1x1x64x40xbf16>, %k: tensor<1x1x100x40xbf16>, %v: tensor<1x1x100x96xbf16>) -> tensor<1x1x64x96xbf16> {
  %o = attn.scaled_dot_product %q, %k, %v : tensor<1x1x64x40xbf16>, tensor<1x1x100x40xbf16>, tensor<1x1x100x96xbf16> -> tensor<1x1x64x96xbf16>
  return %o : tensor<1x1x64x96xbf16>
}
