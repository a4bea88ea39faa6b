// RUN: attn-opt %s -attn-phase-optimize -attn-phase-tile="target=x86-64:sapphirerapids" | FileCheck %s --check-prefix=TILE
// RUN: attn-opt %s -attn-phase-optimize -attn-phase-tile="target=x86-64:sapphirerapids" -attn-phase-decompose="target=x86-64:sapphirerapids" | FileCheck %s

// For tile registers, keys and values are packed once for all queries of a band: keys
// as rows of features, values turned. 100 keys leave 28 rows and columns of zeros, 40
// features 24 columns.
// TILE: linalg.fill {{.*}} outs(%{{.*}} : tensor<28x64xbf16>)
// TILE: linalg.fill {{.*}} outs(%{{.*}} : tensor<128x24xbf16>)
// TILE: bufferization.materialize_in_destination
// TILE: linalg.fill {{.*}} outs(%{{.*}} : tensor<96x28xbf16>)
// TILE: linalg.generic {{.*}} outs(%{{.*}} : tensor<96x100xbf16>)
// TILE: attn.attend_tile dot softmax ins(%{{.*}} : tensor<64x64xbf16>, tensor<100x64xbf16>, tensor<96x100xbf16>)
// TILE-SAME: padded_keys = 128

// Both products take whole tiles. Keys that do not exist have a score of -inf.
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<128x32x2xbf16>, tensor<32x64x2xbf16>) outs(%{{.*}} : tensor<128x64xf32>)
// CHECK: %[[PADDING:.*]] = tensor.extract_slice %{{.*}}[100, 0] [28, 64] [1, 1] : tensor<128x64xf32> to tensor<28x64xf32>
// CHECK: linalg.fill ins(%{{.*}} : f32) outs(%[[PADDING]] : tensor<28x64xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<96x64x2xbf16>, tensor<64x64x2xbf16>) outs(%{{.*}} : tensor<96x64xf32>)
func.func @f(%q: tensor<1x1x64x40xbf16>, %k: tensor<1x1x100x40xbf16>, %v: tensor<1x1x100x96xbf16>) -> tensor<1x1x64x96xbf16> {
  %o = attn.scaled_dot_product %q, %k, %v : tensor<1x1x64x40xbf16>, tensor<1x1x100x40xbf16>, tensor<1x1x100x96xbf16> -> tensor<1x1x64x96xbf16>
  return %o : tensor<1x1x64x96xbf16>
}

// Few queries take whole tiles of keys as they lie, and values in pairs. Weights, pairs
// of keys, are turned. Each of four ops fetches half of the keys or values of a tile to
// come.
// CHECK-LABEL: func @few(
// CHECK: scf.if
// CHECK: %[[KEYS:.*]] = tensor.extract_slice %{{.*}}[%{{.*}}, 0] [32, 64] [1, 1]
// CHECK: %[[FIRST:.*]] = tensor.extract_slice %[[KEYS]][0, 0] [16, 64]
// CHECK: %[[ROWS:.*]] = tensor.expand_shape %[[KEYS]]
// CHECK: linalg.generic {{.*}} ins(%[[ROWS]], %{{.*}}, %[[FIRST]] : tensor<32x32x2xbf16>, tensor<32x16x2xbf16>, tensor<16x64xbf16>) outs(%{{.*}} : tensor<32x16xf32>) attrs = {attn.ahead = 64 : index, attn.streamed = array<i64: 2>}
// CHECK: %[[SECOND:.*]] = tensor.extract_slice %[[KEYS]][16, 0] [16, 64]
// CHECK: linalg.generic {{.*}} %[[SECOND]] : {{.*}} outs(%{{.*}}, %{{.*}} : tensor<16x16x2xbf16>, tensor<16xf32>) attrs = {attn.ahead = 64 : index, attn.streamed = array<i64: 2>}
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<16x16x2xbf16>) outs(%{{.*}} : tensor<16x16x2xbf16>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<16x64x2xbf16>) attrs = {attn.ahead = 64 : index, attn.streamed = array<i64: 1>}
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<16x16x2xbf16>, tensor<16x64x2xbf16>, tensor<16x64xbf16>) outs(%{{.*}} : tensor<16x64xf32>) attrs = {attn.ahead = 64 : index, attn.streamed = array<i64: 2>}

// The last tile is copied onto zeros, and fetches nothing.
// CHECK: } else {
// CHECK: linalg.fill {{.*}} outs(%{{.*}} : tensor<32x64xbf16>)
// CHECK: tensor.insert_slice
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<32x32x2xbf16>, tensor<32x16x2xbf16>) outs(%{{.*}} : tensor<32x16xf32>)
// CHECK-NOT: attn.streamed
// CHECK: return
func.func @few(%q: tensor<1x1x16x64xbf16>, %k: tensor<1x1x100x64xbf16>, %v: tensor<1x1x100x64xbf16>) -> tensor<1x1x16x64xbf16> {
  %o = attn.scaled_dot_product %q, %k, %v : tensor<1x1x16x64xbf16>, tensor<1x1x100x64xbf16>, tensor<1x1x100x64xbf16> -> tensor<1x1x16x64xbf16>
  return %o : tensor<1x1x16x64xbf16>
}
