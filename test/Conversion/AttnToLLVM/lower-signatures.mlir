// RUN: attn-opt %s -attn-lower-signatures="features=5 threads=2" -split-input-file | FileCheck %s

// features, threads, arguments; then code, bits, output, rank, sizes, strides.

// CHECK: llvm.mlir.global private constant @attn.message.0("n is {0}\00")
// CHECK-LABEL: func @f(
// CHECK-SAME: %[[FRAME:.*]]: !llvm.ptr, %{{.*}}: memref<?x4xf32, strided<[?, 1], offset: ?>>, %[[N:.*]]: index, %{{.*}}: memref<bf16>) -> i32
// CHECK-SAME: attn.names = "f\00x\00arg1\00y\00"
// CHECK-SAME: attn.spec = array<i64: 5, 2, 3, 2, 32, 0, 2, -1, 4, -1, 1, 0, 64, 0, 0, 4, 16, 1, 0>
func.func @f(%x: memref<?x4xf32, strided<[?, 1], offset: ?>> {attn.name = "x"}, %n: index, %y: memref<bf16> {attn.name = "y", attn.result}) {
  %c0 = arith.constant 0 : index
  %ok = arith.cmpi ne, %n, %c0 : index
  // CHECK: cf.cond_br %{{.*}}, ^[[GO:.*]], ^[[REFUSE:.*]]
  // CHECK: ^[[REFUSE]]:
  // CHECK: llvm.store %{{.*}}, %{{.*}} : i64, !llvm.ptr
  // CHECK: %[[STATUS:.*]] = llvm.call @attn_rt_refuse(%[[FRAME]],
  // CHECK: return %[[STATUS]]
  // CHECK: ^[[GO]]:
  // CHECK: %[[OK:.*]] = arith.constant 0 : i32
  // CHECK: return %[[OK]]
  attn.require %ok, "n is {0}" (%n)
  return
}
