// RUN: attn-opt %s -attn-expand-reshapes -canonicalize | FileCheck %s
// Upstream's pass takes what comes out.
// RUN: attn-opt %s -attn-expand-reshapes -expand-strided-metadata | FileCheck %s --check-prefix=UP

// UP-NOT: memref.expand_shape

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
