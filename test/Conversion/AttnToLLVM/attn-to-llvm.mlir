// RUN: attn-opt %s -attn-lower-signatures -convert-attn-to-llvm -split-input-file | FileCheck %s

// Scratch of a call comes from its frame, and a call without it ends.

// CHECK-LABEL: llvm.func @scratch(
// CHECK-SAME: %[[FRAME:.*]]: !llvm.ptr, %{{.*}}: i64) -> i32
func.func @scratch(%n: index) {
  // CHECK: %[[P:.*]] = llvm.call @attn_rt_alloc(%[[FRAME]], %{{.*}})
  // CHECK: %[[NONE:.*]] = llvm.icmp "eq" %[[P]]
  // CHECK: llvm.cond_br %[[NONE]], ^[[LEAVE:.*]], ^[[GO:.*]]
  // CHECK: ^[[LEAVE]]:
  // CHECK-NEXT: %[[STATUS:.*]] = llvm.mlir.constant(2 : i32)
  // CHECK-NEXT: llvm.return %[[STATUS]]
  // CHECK: ^[[GO]]:
  %m = memref.alloc(%n) : memref<?xf32>
  // CHECK: attn.parallel %{{.*}} : i64
  attn.parallel %n : index {
  // CHECK-NEXT: ^bb0(%{{.*}}: i64, %{{.*}}: i64):
  ^bb0(%begin: index, %end: index):
    // CHECK: llvm.call @attn_rt_alloc_local(%[[FRAME]],
    // CHECK: attn.yield
    // CHECK: llvm.call @attn_rt_free_local(%[[FRAME]],
    // CHECK: attn.yield
    %l = memref.alloc(%n) : memref<?xf32>
    memref.dealloc %l : memref<?xf32>
    attn.yield
  }
  // CHECK: llvm.call @attn_rt_free(%[[FRAME]],
  memref.dealloc %m : memref<?xf32>
  return
}

// -----

// What LLVM has no instruction for is a function of libm.
// CHECK-LABEL: llvm.func internal @numbers(
// CHECK: llvm.intr.fma(%{{.*}}) : (vector<4xf32>, vector<4xf32>, vector<4xf32>) -> vector<4xf32>
// CHECK: llvm.intr.fma(%{{.*}}) : (f32, f32, f32) -> f32
// CHECK: llvm.call @erff(
// CHECK: llvm.mlir.constant(dense<[0, 1, 2, 3]>
// CHECK: llvm.store
func.func private @numbers(%v: vector<4xf32>, %x: f32, %m: memref<4xindex>) -> (vector<4xf32>, f32) {
  %c0 = arith.constant 0 : index
  %a = math.fma %v, %v, %v : vector<4xf32>
  %b = math.fma %x, %x, %x : f32
  %c = math.erf %b : f32
  %step = vector.step : vector<4xindex>
  vector.store %step, %m[%c0] : memref<4xindex>, vector<4xindex>
  return %a, %c : vector<4xf32>, f32
}

// -----

// The mask of what is left of a vector compares its positions with a number that is
// known when the function runs.
// CHECK-LABEL: llvm.func internal @rest(
// CHECK: %[[MASK:.*]] = llvm.icmp "sgt" %{{.*}}, %{{.*}} : vector<4xi64>
// CHECK: llvm.intr.masked.load %{{.*}}, %[[MASK]], %{{.*}}
func.func private @rest(%m: memref<?xf32>, %left: index) -> vector<4xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0.0> : vector<4xf32>
  %mask = vector.create_mask %left : vector<4xi1>
  %v = vector.maskedload %m[%c0], %mask, %zero : memref<?xf32>, vector<4xi1>, vector<4xf32> into vector<4xf32>
  return %v : vector<4xf32>
}

// -----

// Functions are converted apart: what is alike is there once, what only has the same
// name gets another.
// CHECK-COUNT-1: llvm.func @abort()
// CHECK-NOT: llvm.func @abort()
// CHECK-DAG: llvm.mlir.global private constant @[[FIRST:assert_msg[_0-9]*]](dense<[102, 105, 114, 115, 116, 0]>
// CHECK-DAG: llvm.mlir.global private constant @[[SECOND:assert_msg[_0-9]*]](dense<[115, 101, 99, 111, 110, 100, 0]>
// CHECK-DAG: llvm.mlir.addressof @[[FIRST]]
// CHECK-DAG: llvm.mlir.addressof @[[SECOND]]
func.func @first(%ok: i1) {
  cf.assert %ok, "first"
  return
}
func.func @second(%ok: i1) {
  cf.assert %ok, "second"
  return
}

// -----

// Elements alone are aligned, unless an access says more.
// CHECK-LABEL: llvm.func internal @alignment(
// CHECK: llvm.load %{{.*}} {alignment = 2 : i64} : !llvm.ptr -> vector<16xbf16>
// CHECK: llvm.load %{{.*}} {alignment = 64 : i64} : !llvm.ptr -> vector<16xf32>
// CHECK: llvm.store %{{.*}} {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
// CHECK: llvm.store %{{.*}} {alignment = 1 : i64} : vector<8xi1>, !llvm.ptr
func.func private @alignment(%a: memref<?xbf16>, %b: memref<?xf32>, %c: memref<?xi1>, %i: index, %x: vector<8xi1>) {
  %0 = vector.load %a[%i] : memref<?xbf16>, vector<16xbf16>
  %1 = vector.load %b[%i] {alignment = 64 : i64} : memref<?xf32>, vector<16xf32>
  %2 = arith.extf %0 : vector<16xbf16> to vector<16xf32>
  %3 = arith.addf %1, %2 : vector<16xf32>
  vector.store %3, %b[%i] : memref<?xf32>, vector<16xf32>
  vector.store %x, %c[%i] : memref<?xi1>, vector<8xi1>
  return
}
