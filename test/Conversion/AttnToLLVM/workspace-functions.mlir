// RUN: attn-opt %s -attn-workspace-functions -canonicalize -split-input-file | FileCheck %s

// 12 bytes a row in units of 64, and 64 for the single i1; the allocation in the
// loop does not count.

// CHECK-LABEL: func @rows_workspace(
// CHECK-SAME: %[[X:.*]]: memref<?xf32>) -> index attributes {attn.entry = "workspace"}
// CHECK-DAG: %[[N:.*]] = memref.dim %[[X]]
// CHECK: %[[BYTES:.*]] = arith.muli %[[N]], %{{.*}} : index
// CHECK: %[[UNITS:.*]] = arith.ceildivui %[[BYTES]], %{{.*}} : index
// CHECK: %[[SUM:.*]] = arith.addi
// CHECK-NEXT: return %[[SUM]] : index
func.func @rows(%x: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %a = memref.alloc(%n) : memref<?x3xf32>
  %b = memref.alloc() : memref<1xi1>
  scf.for %i = %c0 to %n step %c1 {
    %c = memref.alloc(%i) : memref<?xf32>
    memref.dealloc %c : memref<?xf32>
  }
  memref.dealloc %a : memref<?x3xf32>
  memref.dealloc %b : memref<1xi1>
  return
}
