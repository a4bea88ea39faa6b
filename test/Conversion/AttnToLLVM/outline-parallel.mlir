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

// What attn-isolate-parallel made of a body takes its place again, and only
// what it uses of a descriptor travels.
// CHECK-NOT: @isolated.body
// CHECK-LABEL: llvm.func internal @isolated.parallel.0(
// CHECK-SAME: %{{.*}}: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64)
// CHECK-COUNT-1: llvm.load {{.*}} -> !llvm.ptr
// CHECK-NOT: llvm.load
// CHECK-NOT: llvm.extractvalue
// CHECK: llvm.icmp "eq" %[[BEGIN]], %[[END]]
// CHECK: llvm.cond_br %{{.*}}, ^bb[[LEAVE:.*]], ^bb[[STORE:.*]]
// CHECK: ^bb[[STORE]]:
// CHECK: llvm.store %[[BEGIN]], %{{.*}}
// CHECK: ^bb[[LEAVE]]:
// CHECK: llvm.return
// CHECK-LABEL: llvm.func @isolated(
// CHECK: llvm.alloca %{{.*}} x !llvm.struct<(ptr)>
// CHECK: llvm.mlir.addressof @isolated.parallel.0
// CHECK-NOT: @isolated.body
llvm.func internal @isolated.body(%begin: i64, %end: i64, %out: !llvm.ptr, %size: i64) attributes {attn.body} {
  %none = llvm.mlir.poison : !llvm.struct<(ptr, i64)>
  %some = llvm.insertvalue %out, %none[0] : !llvm.struct<(ptr, i64)>
  %all = llvm.insertvalue %size, %some[1] : !llvm.struct<(ptr, i64)>
  %empty = llvm.icmp "eq" %begin, %end : i64
  llvm.cond_br %empty, ^leave, ^store
^store:
  %pointer = llvm.extractvalue %all[0] : !llvm.struct<(ptr, i64)>
  llvm.store %begin, %pointer : i64, !llvm.ptr
  llvm.br ^leave
^leave:
  llvm.return
}
llvm.func @isolated(%frame: !llvm.ptr, %out: !llvm.ptr, %n: i64) -> i32 {
  attn.parallel %n : i64 {
  ^bb0(%begin: i64, %end: i64):
    llvm.call @isolated.body(%begin, %end, %out, %n) : (i64, i64, !llvm.ptr, i64) -> ()
    attn.yield
  }
  %ok = llvm.mlir.constant(0 : i32) : i32
  llvm.return %ok : i32
}

// What a body takes as a constant from outside was known too late to be one in it.
// CHECK-LABEL: llvm.func internal @known.parallel.0(
// CHECK: %[[COUNT:.*]] = llvm.load %{{.*}} : !llvm.ptr -> i64
// CHECK: llvm.urem %{{.*}}, %[[COUNT]] : i64
// CHECK-LABEL: llvm.func @known(
// CHECK: %[[EIGHT:.*]] = llvm.mlir.constant(8 : i64) : i64
// CHECK: %[[FROZEN:.*]] = llvm.freeze %[[EIGHT]] : i64
// CHECK: llvm.store %[[FROZEN]], %{{.*}} : i64, !llvm.ptr
llvm.func internal @known.body(%begin: i64, %end: i64, %out: !llvm.ptr, %count: i64) attributes {attn.body} {
  %rest = llvm.urem %begin, %count : i64
  llvm.store %rest, %out : i64, !llvm.ptr
  llvm.return
}
llvm.func @known(%frame: !llvm.ptr, %out: !llvm.ptr, %n: i64) -> i32 {
  %eight = llvm.mlir.constant(8 : i64) : i64
  attn.parallel %n : i64 {
  ^bb0(%begin: i64, %end: i64):
    llvm.call @known.body(%begin, %end, %out, %eight) : (i64, i64, !llvm.ptr, i64) -> ()
    attn.yield
  }
  %ok = llvm.mlir.constant(0 : i32) : i32
  llvm.return %ok : i32
}
