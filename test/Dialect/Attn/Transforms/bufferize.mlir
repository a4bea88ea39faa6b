// RUN: attn-opt %s -attn-bufferize | FileCheck %s

// Scratch of static size is on the stack, at the top of the parallel body.
// CHECK-LABEL: func @scratch(
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<8x64xf32>
func.func @scratch(%out: memref<8x64xf32>, %x: f32) {
  // CHECK: scf.forall (%[[I:.*]]) in (8) {
  // CHECK-NEXT: %[[ROW:.*]] = memref.alloca() {alignment = 64 : i64} : memref<64xf32>
  // CHECK-NOT: memref.alloc()
  // CHECK: linalg.fill ins(%{{.*}} : f32) outs(%[[ROW]] :
  %init = bufferization.to_tensor %out restrict writable : memref<8x64xf32> to tensor<8x64xf32>
  %r = scf.forall (%i) in (8) shared_outs(%o = %init) -> tensor<8x64xf32> {
    %e = tensor.empty() : tensor<64xf32>
    %f = linalg.fill ins(%x : f32) outs(%e : tensor<64xf32>) -> tensor<64xf32>
    %s = tensor.extract_slice %o[%i, 0] [1, 64] [1, 1] : tensor<8x64xf32> to tensor<64xf32>
    %t = linalg.copy ins(%f : tensor<64xf32>) outs(%s : tensor<64xf32>) -> tensor<64xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %t into %o[%i, 0] [1, 64] [1, 1] : tensor<64xf32> into tensor<8x64xf32>
    }
  }
  bufferization.materialize_in_destination %r in restrict writable %out : (tensor<8x64xf32>, memref<8x64xf32>) -> ()
  return
}

// Without a parallel loop, that of other loops is at the top of the function.
// CHECK-LABEL: func @single_step(
func.func @single_step(%out: memref<64xf32>, %x: f32, %n: index) {
  // CHECK: %[[ROW:.*]] = memref.alloca() {alignment = 64 : i64} : memref<64xf32>
  // CHECK-NOT: memref.alloc()
  // CHECK: scf.for
  // CHECK: linalg.fill ins(%{{.*}} : f32) outs(%[[ROW]] :
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %init = bufferization.to_tensor %out restrict writable : memref<64xf32> to tensor<64xf32>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%o = %init) -> tensor<64xf32> {
    %e = tensor.empty() : tensor<64xf32>
    %f = linalg.fill ins(%x : f32) outs(%e : tensor<64xf32>) -> tensor<64xf32>
    %s = linalg.add ins(%f, %o : tensor<64xf32>, tensor<64xf32>) outs(%o : tensor<64xf32>) -> tensor<64xf32>
    scf.yield %s : tensor<64xf32>
  }
  bufferization.materialize_in_destination %r in restrict writable %out : (tensor<64xf32>, memref<64xf32>) -> ()
  return
}

// So is that of a function's body without such a loop, what fits.
// CHECK-LABEL: func @no_loop(
func.func @no_loop(%out: memref<1xf32>, %x: f32, %n: index) {
  // CHECK-NEXT: memref.alloca() {alignment = 64 : i64} : memref<64xf32>
  // CHECK: memref.alloc() {alignment = 64 : i64} : memref<1048576xf32>
  // CHECK-NOT: memref.alloc()
  // CHECK: return
  %e = tensor.empty() : tensor<64xf32>
  %f = linalg.fill ins(%x : f32) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %le = tensor.empty() : tensor<1048576xf32>
  %lf = linalg.fill ins(%x : f32) outs(%le : tensor<1048576xf32>) -> tensor<1048576xf32>
  %a = tensor.extract %f[%n] : tensor<64xf32>
  %b = tensor.extract %lf[%n] : tensor<1048576xf32>
  %sum = arith.addf %a, %b : f32
  %c0 = arith.constant 0 : index
  memref.store %sum, %out[%c0] : memref<1xf32>
  return
}

// What would not fit on a thread's stack, and what is not inside a parallel
// loop where there is one, stays on the heap.
// CHECK-LABEL: func @large(
func.func @large(%out: memref<8xf32>, %x: f32) {
  // CHECK: memref.alloc() {alignment = 64 : i64} : memref<16xf32>
  // CHECK: scf.forall
  // CHECK-NOT: memref.alloca
  // CHECK: memref.alloc() {alignment = 64 : i64} : memref<1048576xf32>
  %c0 = arith.constant 0 : index
  %init = bufferization.to_tensor %out restrict writable : memref<8xf32> to tensor<8xf32>
  %se = tensor.empty() : tensor<16xf32>
  %sf = linalg.fill ins(%x : f32) outs(%se : tensor<16xf32>) -> tensor<16xf32>
  %r = scf.forall (%i) in (8) shared_outs(%o = %init) -> tensor<8xf32> {
    %y = tensor.extract %sf[%i] : tensor<16xf32>
    %e = tensor.empty() : tensor<1048576xf32>
    %f = linalg.fill ins(%y : f32) outs(%e : tensor<1048576xf32>) -> tensor<1048576xf32>
    %g = tensor.extract_slice %f[%i] [1] [1] : tensor<1048576xf32> to tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %g into %o[%i] [1] [1] : tensor<1xf32> into tensor<8xf32>
    }
  }
  bufferization.materialize_in_destination %r in restrict writable %out : (tensor<8xf32>, memref<8xf32>) -> ()
  return
}

// A captured tensor is read from where it lies.
// CHECK-LABEL: func @captured(
// CHECK-SAME: %[[T:[a-z0-9]+]]: memref<8xi32>
func.func @captured(%t: memref<8xi32>, %i: index, %out: memref<i32>) {
  // CHECK-NOT: memref.alloc
  // CHECK: attn.load %[[T]][%{{.*}}] : memref<8xi32>
  %tensor = bufferization.to_tensor %t restrict : memref<8xi32> to tensor<8xi32>
  %x = attn.load %tensor[%i] : tensor<8xi32>
  memref.store %x, %out[] : memref<i32>
  return
}

// Where strides are not known, sizes tell which dimension of size 1 a slice drops.
// CHECK-LABEL: func @unit_dimensions(
func.func @unit_dimensions(%out: memref<1x?x2x?xf32, strided<[?, ?, ?, 1], offset: ?>>, %x: f32, %n: index, %m: index) {
  // CHECK: %[[HALF:.*]] = memref.subview %{{.*}}[0, 0, 1, 0] [1, %{{.*}}, 1, %{{.*}}] [1, 1, 1, 1] : memref<1x?x2x?xf32, {{.*}}> to memref<1x?x1x?xf32,
  // CHECK: %[[JOINED:.*]] = memref.collapse_shape %[[HALF]] {{\[}}[0], [1, 2], [3]] : memref<1x?x1x?xf32, {{.*}}> into memref<1x?x?xf32,
  // CHECK: linalg.fill ins(%{{.*}} : f32) outs(%[[JOINED]] :
  %init = bufferization.to_tensor %out restrict writable : memref<1x?x2x?xf32, strided<[?, ?, ?, 1], offset: ?>> to tensor<1x?x2x?xf32>
  %half = tensor.extract_slice %init[0, 0, 1, 0] [1, %n, 1, %m] [1, 1, 1, 1] : tensor<1x?x2x?xf32> to tensor<1x?x?xf32>
  %filled = linalg.fill ins(%x : f32) outs(%half : tensor<1x?x?xf32>) -> tensor<1x?x?xf32>
  %r = tensor.insert_slice %filled into %init[0, 0, 1, 0] [1, %n, 1, %m] [1, 1, 1, 1] : tensor<1x?x?xf32> into tensor<1x?x2x?xf32>
  bufferization.materialize_in_destination %r in restrict writable %out : (tensor<1x?x2x?xf32>, memref<1x?x2x?xf32, strided<[?, ?, ?, 1], offset: ?>>) -> ()
  return
}
