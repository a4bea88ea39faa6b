// RUN: attn-opt %s -attn-tile-queries="target=x86-64:sapphirerapids" -attn-tile-keys="target=x86-64:sapphirerapids" -canonicalize -cse | FileCheck %s

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

// Tile registers multiply features up to a multiple of 32: those that do not exist are
// zero in queries, too, though a tile is full, as what lies in scratch may be NaN.
// CHECK-LABEL: func @features_of_full_tiles(
// CHECK: %[[STACK:.*]] = memref.alloc() : memref<2x64x64xbf16>
// CHECK: %[[ROOM:.*]] = memref.subview %[[STACK]]
// CHECK: %[[TILE:.*]] = bufferization.to_tensor %[[ROOM]] restrict writable
// CHECK: %[[REST:.*]] = tensor.extract_slice %[[TILE]][40, 0] [24, 64] [1, 1]
// CHECK: %[[ZEROS:.*]] = linalg.fill ins(%{{.*}}) outs(%[[REST]] :
// CHECK: %[[CLEARED:.*]] = tensor.insert_slice %[[ZEROS]] into %[[TILE]][40, 0]
// CHECK: %[[PACKED:.*]] = tensor.insert_slice %{{.*}} into %[[CLEARED]][0, 0] [40, 64]
// CHECK: bufferization.materialize_in_destination %[[PACKED]] in restrict writable %[[ROOM]]
func.func @features_of_full_tiles(%q: tensor<1x128x40xbf16>, %k: tensor<1x300x40xbf16>, %o: tensor<1x128x40xbf16>) -> tensor<1x128x40xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<1x128x40xbf16>, tensor<1x300x40xbf16>, tensor<1x300x40xbf16>)
      outs(%o : tensor<1x128x40xbf16>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<1x128x40xbf16>
  return %r : tensor<1x128x40xbf16>
}
