// RUN: attn-opt %s -attn-expand-views -canonicalize | FileCheck %s

// CHECK-LABEL: @heads(
// CHECK-SAME: %[[M:.*]]: memref<?x?x8xf16, strided<[?, ?, 1], offset: ?>>, %[[B:.*]]: index, %[[H:.*]]: index, %[[G:.*]]: index)
// CHECK: %{{.*}}, %[[OFFSET:.*]], %{{.*}}:3, %[[STRIDES:.*]]:3 = memref.extract_strided_metadata %[[M]]
// CHECK: %[[OUTER:.*]] = arith.muli %[[STRIDES]]#1, %[[G]]
// CHECK: memref.reinterpret_cast %[[M]] to offset: [%[[OFFSET]]], sizes: [%[[B]], %[[H]], %[[G]], 2, 4], strides: [%[[STRIDES]]#0, %[[OUTER]], %[[STRIDES]]#1, 4, 1]
func.func @heads(%m: memref<?x?x8xf16, strided<[?, ?, 1], offset: ?>>, %b: index, %h: index, %g: index)
    -> memref<?x?x?x2x4xf16, strided<[?, ?, ?, 4, 1], offset: ?>> {
  %e = memref.expand_shape %m [[0], [1, 2], [3, 4]] output_shape [%b, %h, %g, 2, 4]
      : memref<?x?x8xf16, strided<[?, ?, 1], offset: ?>>
        into memref<?x?x?x2x4xf16, strided<[?, ?, ?, 4, 1], offset: ?>>
  return %e : memref<?x?x?x2x4xf16, strided<[?, ?, ?, 4, 1], offset: ?>>
}

// Chains of views end in one cast, alone with what it needs.
// CHECK-LABEL: @tile(
// CHECK-SAME: %[[M:.*]]: memref<4x64x64xf32>, %[[I:.*]]: index, %[[J:.*]]: index)
// CHECK-NOT: memref.subview
// CHECK-NOT: memref.collapse_shape
// CHECK-NOT: memref.extract_strided_metadata
// CHECK: %[[OFFSET:.*]] = affine.apply
// CHECK: memref.reinterpret_cast %{{.*}} to offset: [%[[OFFSET]]], sizes: [512], strides: [1]
// CHECK-NOT: memref.subview
// CHECK: return
func.func @tile(%m: memref<4x64x64xf32>, %i: index, %j: index)
    -> memref<512xf32, strided<[1], offset: ?>> {
  %head = memref.subview %m[%i, 0, 0] [1, 64, 64] [1, 1, 1]
      : memref<4x64x64xf32> to memref<64x64xf32, strided<[64, 1], offset: ?>>
  %rows = memref.subview %head[%j, 0] [8, 64] [1, 1]
      : memref<64x64xf32, strided<[64, 1], offset: ?>>
        to memref<8x64xf32, strided<[64, 1], offset: ?>>
  %flat = memref.collapse_shape %rows [[0, 1]]
      : memref<8x64xf32, strided<[64, 1], offset: ?>>
        into memref<512xf32, strided<[1], offset: ?>>
  return %flat : memref<512xf32, strided<[1], offset: ?>>
}
