// RUN: attn-opt %s -attn-interleave-steps | FileCheck %s

// What leads up to a store, a loop, too, is followed by the same for the next step. The
// dimension is the last whose number of steps is a multiple.
// CHECK-LABEL: func @two_dimensions(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<?x6x3xf32>, %[[Y:[a-z0-9]+]]: memref<?x6x3xf32>, %[[N:[a-z0-9]+]]: index)
// CHECK: scf.forall (%[[I:.*]], %[[J:.*]], %[[L:.*]]) = (0, 0, 0) to (%[[N]], 6, 3) step (1, 2, 1) {
// CHECK: %[[NEXT:.*]] = arith.addi %[[J]], %{{.*}} : index
// CHECK: %[[A:.*]] = memref.load %[[X]][%[[I]], %[[J]], %[[L]]]
// CHECK-NEXT: %[[SUM:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %[[A]])
// CHECK: }
// CHECK-NEXT: %[[TWICE:.*]] = arith.addf %[[SUM]], %[[SUM]]
// CHECK-NEXT: memref.store %[[TWICE]], %[[Y]][%[[I]], %[[J]], %[[L]]]
// CHECK-NEXT: %[[B:.*]] = memref.load %[[X]][%[[I]], %[[NEXT]], %[[L]]]
// CHECK-NEXT: %[[SUMB:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %[[B]])
// CHECK: }
// CHECK-NEXT: %[[TWICEB:.*]] = arith.addf %[[SUMB]], %[[SUMB]]
// CHECK-NEXT: memref.store %[[TWICEB]], %[[Y]][%[[I]], %[[NEXT]], %[[L]]]
// CHECK-NOT: attn.interleave
// CHECK: return
func.func @two_dimensions(%x: memref<?x6x3xf32>, %y: memref<?x6x3xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.forall (%i, %j, %l) in (%n, 6, 3) {
    %a = memref.load %x[%i, %j, %l] : memref<?x6x3xf32>
    %sum = scf.for %k = %c0 to %c4 step %c1 iter_args(%s = %a) -> f32 {
      %t = arith.addf %s, %s : f32
      scf.yield %t : f32
    }
    %twice = arith.addf %sum, %sum : f32
    memref.store %twice, %y[%i, %j, %l] : memref<?x6x3xf32>
  } {attn.interleave = 2 : index}
  return
}

// Four steps of a loop that begins at 2 and takes every third: 2, 5, 8, 11.
// CHECK-LABEL: func @strided(
// CHECK: scf.forall (%[[I:.*]]) = (2) to (26) step (12) {
// CHECK-DAG: %[[I1:.*]] = arith.addi %[[I]], %c3
// CHECK-DAG: %[[I2:.*]] = arith.addi %[[I]], %c6
// CHECK-DAG: %[[I3:.*]] = arith.addi %[[I]], %c9
// CHECK: memref.store %{{.*}}, %{{.*}}[%[[I]]]
// CHECK-NEXT: memref.store %{{.*}}, %{{.*}}[%[[I1]]]
// CHECK-NEXT: memref.store %{{.*}}, %{{.*}}[%[[I2]]]
// CHECK-NEXT: memref.store %{{.*}}, %{{.*}}[%[[I3]]]
func.func @strided(%y: memref<26xf32>, %x: f32) {
  scf.forall (%i) = (2) to (26) step (3) {
    memref.store %x, %y[%i] : memref<26xf32>
  } {attn.interleave = 4 : index}
  return
}

// Steps whose number is not known, or no multiple, stay as they are.
// CHECK-LABEL: func @odd(
// CHECK: scf.forall (%[[I:.*]], %[[J:.*]]) in (%{{.*}}, 5) {
// CHECK-NEXT: memref.store %{{.*}}, %{{.*}}[%[[I]], %[[J]]]
// CHECK-NEXT: }
// CHECK-NEXT: return
func.func @odd(%y: memref<?x5xf32>, %x: f32, %n: index) {
  scf.forall (%i, %j) in (%n, 5) {
    memref.store %x, %y[%i, %j] : memref<?x5xf32>
  } {attn.interleave = 2 : index}
  return
}
