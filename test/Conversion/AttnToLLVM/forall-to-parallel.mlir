// RUN: attn-opt %s -attn-forall-to-parallel -split-input-file | FileCheck %s
// RUN: attn-opt %s -attn-forall-to-parallel=parallel=false -split-input-file | FileCheck %s --check-prefix=SERIAL
// RUN: attn-opt %s -attn-forall-to-parallel=several=true -split-input-file | FileCheck %s --check-prefix=SEVERAL

// The last dimension is fastest; a loop inside stays in its thread.

// CHECK-LABEL: func @nested(
// CHECK-SAME: %[[M:.*]]: memref<?x?xf32>, %[[A:.*]]: index, %[[B:.*]]: index
// SERIAL-LABEL: func @nested(
// SERIAL-NOT: attn.parallel
// SERIAL: scf.for
// SERIAL: scf.for
// SERIAL: scf.for
// SEVERAL-LABEL: func @nested(
// SEVERAL-NOT: attn.parallel
// SEVERAL: scf.forall
// SEVERAL: scf.forall
func.func @nested(%m: memref<?x?xf32>, %a: index, %b: index, %x: f32) {
  // CHECK: attn.parallel %{{.*}} : index {
  // CHECK-NEXT: ^bb0(%[[BEGIN:.*]]: index, %[[END:.*]]: index):
  // CHECK: scf.for %[[I:.*]] = %[[BEGIN]] to %[[END]]
  // CHECK: arith.remui %[[I]], %[[COUNT:.*]] : index
  // CHECK: arith.divui %[[I]], %[[COUNT]] : index
  // CHECK: scf.for
  // CHECK: memref.store
  // CHECK: attn.yield
  scf.forall (%i, %j) in (%a, %b) {
    scf.forall (%k) in (%b) {
      memref.store %x, %m[%i, %k] : memref<?x?xf32>
    }
  }
  return
}

// -----

// CHECK-LABEL: func @two(
// CHECK-COUNT-2: attn.parallel
// SERIAL-LABEL: func @two(
// SERIAL-COUNT-2: scf.for
// SEVERAL-LABEL: func @two(
// SEVERAL-COUNT-2: attn.parallel
func.func @two(%m: memref<?xf32>, %n: index, %x: f32) {
  scf.forall (%i) in (%n) {
    memref.store %x, %m[%i] : memref<?xf32>
  }
  scf.forall (%i) in (%n) {
    memref.store %x, %m[%i] : memref<?xf32>
  }
  return
}

// -----

// Steps are interleaved later, as those of scf.forall.
// SEVERAL-LABEL: func @interleaved(
// SEVERAL: attn.parallel
// SEVERAL: scf.forall
// SEVERAL: } {attn.interleave = 2 : index}
// SEVERAL: attn.parallel
// SEVERAL-NOT: attn.parallel
func.func @interleaved(%m: memref<?xf32>, %n: index, %x: f32) {
  scf.forall (%i) in (%n) {
    memref.store %x, %m[%i] : memref<?xf32>
  }
  scf.forall (%i) in (8) {
    memref.store %x, %m[%i] : memref<?xf32>
  } {attn.interleave = 2 : index}
  scf.forall (%i) in (%n) {
    memref.store %x, %m[%i] : memref<?xf32>
  }
  return
}
