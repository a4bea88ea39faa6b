// RUN: attn-opt %s -attn-outline-parallel | FileCheck %s

// The constant is repeated in the body; the other values travel.

// CHECK-LABEL: llvm.func internal @f.parallel.0(
// CHECK-SAME: %[[DATA:.*]]: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64)
// CHECK-DAG: %[[P:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK-DAG: %[[C:.*]] = llvm.mlir.constant(7 : i64)
// CHECK: %[[SUM:.*]] = llvm.add %[[BEGIN]], %[[C]]
// CHECK: llvm.store %[[SUM]], %[[P]]
// CHECK: llvm.return
// CHECK-LABEL: llvm.func @f(
// CHECK-SAME: %[[FRAME:.*]]: !llvm.ptr, %[[OUT:.*]]: !llvm.ptr, %[[N:.*]]: i64)
llvm.func @f(%frame: !llvm.ptr, %out: !llvm.ptr, %n: i64) -> i32 {
  %c = llvm.mlir.constant(7 : i64) : i64
  // CHECK: %[[CAPTURES:.*]] = llvm.alloca %{{.*}} x !llvm.struct<(ptr)>
  // CHECK: llvm.store %[[OUT]], %{{.*}}
  // CHECK: %[[BODY:.*]] = llvm.mlir.addressof @f.parallel.0
  // CHECK: llvm.call @attn_rt_parallel_for(%[[FRAME]], %[[N]], %[[BODY]], %[[CAPTURES]])
  attn.parallel %n : i64 {
  ^bb0(%begin: i64, %end: i64):
    %sum = llvm.add %begin, %c : i64
    llvm.store %sum, %out : i64, !llvm.ptr
    attn.yield
  }
  %ok = llvm.mlir.constant(0 : i32) : i32
  llvm.return %ok : i32
}

// Of a descriptor travels what the body needs and what is not constant.
// CHECK-LABEL: llvm.func internal @descriptor.parallel.0(
// CHECK-COUNT-1: llvm.load {{.*}} -> !llvm.ptr
// CHECK-NOT: llvm.load
// CHECK: %[[SIZE:.*]] = llvm.mlir.constant(5 : i64)
// CHECK: llvm.store %[[SIZE]], %{{.*}}
// CHECK-LABEL: llvm.func @descriptor(
// CHECK: llvm.alloca %{{.*}} x !llvm.struct<(ptr)>
llvm.func @descriptor(%frame: !llvm.ptr, %out: !llvm.ptr, %n: i64) -> i32 {
  %size = llvm.mlir.constant(5 : i64) : i64
  %none = llvm.mlir.poison : !llvm.struct<(ptr, i64)>
  %some = llvm.insertvalue %out, %none[0] : !llvm.struct<(ptr, i64)>
  %all = llvm.insertvalue %size, %some[1] : !llvm.struct<(ptr, i64)>
  attn.parallel %n : i64 {
  ^bb0(%begin: i64, %end: i64):
    %pointer = llvm.extractvalue %all[0] : !llvm.struct<(ptr, i64)>
    %count = llvm.extractvalue %all[1] : !llvm.struct<(ptr, i64)>
    llvm.store %count, %pointer : i64, !llvm.ptr
    attn.yield
  }
  %ok = llvm.mlir.constant(0 : i32) : i32
  llvm.return %ok : i32
}
