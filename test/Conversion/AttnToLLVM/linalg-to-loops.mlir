// RUN: attn-opt %s -attn-linalg-to-loops -canonicalize | FileCheck %s

// CHECK-LABEL: @scale(
// CHECK-SAME: %[[A:.*]]: memref<?x3xf32>, %[[B:.*]]: memref<3x?xf32>)
// CHECK: scf.for %[[I:.*]] =
// CHECK: scf.for %[[J:.*]] =
// CHECK: %[[X:.*]] = memref.load %[[A]][%[[I]], %[[J]]]
// CHECK: %[[Y:.*]] = arith.addf %[[X]], %[[X]]
// CHECK: memref.store %[[Y]], %[[B]][%[[J]], %[[I]]]
// CHECK-NOT: linalg
// CHECK: return
func.func @scale(%a: memref<?x3xf32>, %b: memref<3x?xf32>) {
  linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j, i)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%a : memref<?x3xf32>) outs(%b : memref<3x?xf32>) {
  ^bb0(%x: f32, %old: f32):
    %y = arith.addf %x, %x : f32
    linalg.yield %y : f32
  }
  return
}

// Tensors are not memory.
// CHECK-LABEL: @tensors(
// CHECK: linalg.fill
func.func @tensors(%a: tensor<4xf32>, %x: f32) -> tensor<4xf32> {
  %r = linalg.fill ins(%x : f32) outs(%a : tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
