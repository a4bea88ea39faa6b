// RUN: attn-opt %s -attn-bind-destinations | FileCheck %s

// Inputs are only read; the attention writes into the destination itself.
// CHECK-LABEL: func @in_place(
// CHECK-SAME: %[[IN:[a-z0-9]+]]: memref<?x16xf32, strided<[?, 1], offset: ?>>, %[[N:[a-z0-9]+]]: index, %[[OUT:[a-z0-9]+]]: memref<?x16xf32, strided<[?, 1], offset: ?>>
func.func @in_place(%q: tensor<?x16xf32>, %n: index) -> tensor<?x16xf32> {
  // CHECK-DAG: %[[Q:.*]] = bufferization.to_tensor %[[IN]] restrict : memref
  // CHECK-DAG: %[[D:.*]] = memref.dim %[[OUT]]
  // CHECK: %[[SAME:.*]] = arith.cmpi eq, %[[N]], %[[D]]
  // CHECK: attn.require %[[SAME]], "output 0 has {0} in dimension 0; it must have {1}"(%[[D]], %[[N]])
  // CHECK: %[[INIT:.*]] = bufferization.to_tensor %[[OUT]] restrict writable
  // CHECK: %[[R:.*]] = attn.attend dot softmax ins(%[[Q]], %[[Q]], %[[Q]] : {{.*}} outs(%[[INIT]] :
  // CHECK: bufferization.materialize_in_destination %[[R]] in restrict writable %[[OUT]]
  // CHECK: return{{$}}
  %e = tensor.empty(%n) : tensor<?x16xf32>
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) outs(%e : tensor<?x16xf32>)
      indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (i, d)>, affine_map<(b, hkv, g, i, j, d, e) -> (j, d)>,
                       affine_map<(b, hkv, g, i, j, d, e) -> (j, e)>, affine_map<(b, hkv, g, i, j, d, e) -> (i, e)>] scale = 0.25 -> tensor<?x16xf32>
  return %r : tensor<?x16xf32>
}

// The destination is seen in the shape that its producer writes.
// CHECK-LABEL: func @reshaped(
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<8x4xf32, strided<[?, 1], offset: ?>>
func.func @reshaped(%x: f32) -> tensor<8x4xf32> {
  // CHECK: %[[SPLIT:.*]] = memref.expand_shape %[[OUT]] {{\[}}[0, 1], [2]] output_shape [2, 4, 4]
  // CHECK: %[[INIT:.*]] = bufferization.to_tensor %[[SPLIT]] restrict writable
  // CHECK: %[[R:.*]] = linalg.fill {{.*}} outs(%[[INIT]] :
  // CHECK: bufferization.materialize_in_destination %[[R]] in restrict writable %[[SPLIT]]
  %e = tensor.empty() : tensor<2x4x4xf32>
  %f = linalg.fill ins(%x : f32) outs(%e : tensor<2x4x4xf32>) -> tensor<2x4x4xf32>
  %c = tensor.collapse_shape %f [[0, 1], [2]] : tensor<2x4x4xf32> into tensor<8x4xf32>
  return %c : tensor<8x4xf32>
}

// What is returned as it came is copied.
// CHECK-LABEL: func @copied(
// CHECK-SAME: %[[IN:[a-z0-9]+]]: memref<8xf32, strided<[1], offset: ?>>, %[[OUT:[a-z0-9]+]]: memref<8xf32, strided<[1], offset: ?>>
func.func @copied(%x: tensor<8xf32>) -> tensor<8xf32> {
  // CHECK: %[[T:.*]] = bufferization.to_tensor %[[IN]]
  // CHECK: bufferization.materialize_in_destination %[[T]] in restrict writable %[[OUT]]
  return %x : tensor<8xf32>
}

// A requirement that depends on inputs alone moves before everything else: a
// refused call has written nothing.
// CHECK-LABEL: func @refused(
// CHECK: attn.require
// CHECK: linalg.fill
func.func @refused(%x: tensor<?xf32>, %f: f32) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %r = linalg.fill ins(%f : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?xf32>
  %ok = arith.cmpi sgt, %d, %c0 : index
  attn.require %ok, "x has {0} elements; it needs one" (%d)
  return %r : tensor<8xf32>
}

// CHECK-LABEL: func private @private(%{{.*}}: tensor<8xf32>) -> tensor<8xf32>
func.func private @private(%x: tensor<8xf32>) -> tensor<8xf32> {
  return %x : tensor<8xf32>
}
