// RUN: attn-opt %s -attn-lower-signatures -convert-attn-to-llvm -attn-emit-entries | FileCheck %s

// CHECK: llvm.func @f(%[[CONTEXT:.*]]: !llvm.ptr, %[[ARGS:.*]]: !llvm.ptr, %[[COUNT:.*]]: i32) -> i32
// CHECK: %[[FRAME:.*]] = llvm.alloca %{{.*}} x i8
// CHECK: %[[WORDS:.*]] = llvm.alloca %{{.*}} x i64
// CHECK: %[[STATUS:.*]] = llvm.call @attn_rt_enter(%[[FRAME]], %[[CONTEXT]], %[[ARGS]], %[[COUNT]], %{{.*}}, %{{.*}}, %[[WORDS]])
// CHECK: llvm.cond_br %{{.*}}, ^[[ACCEPTED:.*]], ^[[REFUSED:.*]]
// CHECK: ^[[REFUSED]]:
// CHECK: llvm.return %[[STATUS]]
// CHECK: ^[[ACCEPTED]]:
// CHECK: %[[SCALAR:.*]] = llvm.load %{{.*}} : !llvm.ptr -> f32
// CHECK: %[[RESULT:.*]] = llvm.call @f.body(%[[FRAME]], {{.*}}%[[SCALAR]])
// CHECK: %[[LAST:.*]] = llvm.call @attn_rt_leave(%[[FRAME]], %[[RESULT]])
// CHECK: llvm.return %[[LAST]]
// CHECK: llvm.mlir.global private constant @f.body.spec(dense<{{.*}}> : tensor<{{.*}}xi64>)
// CHECK: llvm.mlir.global private constant @f.body.names("f\00arg0\00arg1\00")
// CHECK: llvm.func internal @f.body(
// CHECK-NOT: attn.spec
func.func @f(%x: memref<?x4xf32, strided<[?, 1]>>, %s: f32) {
  return
}
