// RUN: attn-opt %s -attn-hoist-stack-buffers | FileCheck %s

// CHECK-LABEL: func @loops(
func.func @loops(%n: index, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK-NEXT: %[[OUTER:.*]] = memref.alloca() : memref<3xf32>
  // CHECK: scf.for
  // CHECK-NEXT: memref.store %{{.*}}, %[[OUTER]]
  scf.for %i = %c0 to %n step %c1 {
    %a = memref.alloca() : memref<3xf32>
    memref.store %x, %a[%c0] : memref<3xf32>
  }
  // CHECK: attn.parallel
  // CHECK-NEXT: ^bb0
  // CHECK-NEXT: %[[INNER:.*]] = memref.alloca() : memref<5xf32>
  // CHECK-NEXT: scf.for
  // CHECK-NEXT: memref.store %{{.*}}, %[[INNER]]
  attn.parallel %n : index {
  ^bb0(%begin: index, %end: index):
    scf.for %i = %begin to %end step %c1 {
      %b = memref.alloca() : memref<5xf32>
      memref.store %x, %b[%c0] : memref<5xf32>
    }
    attn.yield
  }
  return
}
