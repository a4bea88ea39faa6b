// RUN: attn-opt %s -attn-shape-functions -split-input-file | FileCheck %s

// Sizes come from arguments alone; the computation stays behind.

// CHECK-LABEL: func @concat(%{{.*}}: tensor<?x4xf32>
// CHECK-LABEL: func @concat_shapes(
// CHECK-SAME: %[[A:.*]]: memref<?x4xf32, strided<[?, 1]>>, %[[B:.*]]: memref<?x4xf32, strided<[?, 1]>>, %[[SIZES:.*]]: memref<?xindex>)
// CHECK-SAME: attributes {attn.entry = "shapes"}
func.func @concat(%a: tensor<?x4xf32>, %b: tensor<?x4xf32>) -> (tensor<?x4xf32>, f32) {
  // CHECK: %[[SUM:.*]] = affine.apply
  // CHECK-NOT: tensor.concat
  // CHECK: memref.store %[[SUM]], %[[SIZES]][%{{.*}}]
  // CHECK: %[[FOUR:.*]] = arith.constant 4
  // CHECK: memref.store %[[FOUR]], %[[SIZES]][%{{.*}}]
  // CHECK-NEXT: return
  %r = tensor.concat dim(0) %a, %b : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %s = arith.constant 1.0 : f32
  return %r, %s : tensor<?x4xf32>, f32
}

// -----

// Requirements are checked there too.

// CHECK-LABEL: func @checked_shapes(
// CHECK: %[[OK:.*]] = arith.cmpi
// CHECK: attn.require %[[OK]], "x is empty"
func.func @checked(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %r = arith.negf %x : tensor<?xf32>
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %ok = arith.cmpi ne, %n, %c0 : index
  attn.require %ok, "x is empty"
  return %r : tensor<?xf32>
}

// -----

// Functions on memrefs and private ones stay as they are.

// CHECK: func @memrefs(
// CHECK-NOT: func @memrefs_shapes
// CHECK: func private @helper(
// CHECK-NOT: func private @helper_shapes
func.func @memrefs(%x: memref<?xf32>) {
  return
}
func.func private @helper(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}
