// RUN: attnc compile %s --target=sm_80 --stop-after=optimize -o %t.mlir
// RUN: attn-opt %t.mlir -convert-attn-to-gpu=target=sm_80 -canonicalize -cse | FileCheck %s

// A warp makes each entry of a mask's tables: its lanes share positions.
// CHECK-LABEL: gpu.func @documents_attend0_mask0(
// CHECK-DAG: %[[LANES:.*]] = arith.constant 32 : index
// CHECK-DAG: %[[LEAST:.*]] = arith.constant 9223372036854775807 : i64
// CHECK: scf.for %{{.*}} step %[[LANES]] iter_args(%{{.*}} = %[[LEAST]],
// CHECK: nvvm.shfl.sync {{ *}}bfly
// CHECK: arith.minsi
// CHECK: scf.if
// CHECK: llvm.store

// All threads of a block look whether keys ascend, and tell it by shared memory.
// CHECK-LABEL: gpu.func @boxcar_table{{[0-9]+}}(
// CHECK-DAG: %[[THREADS:.*]] = arith.constant 256 : index
// CHECK-DAG: %[[TRUE:.*]] = arith.constant true
// CHECK: scf.for %{{.*}} step %[[THREADS]] iter_args(%{{.*}} = %[[TRUE]])
// CHECK: nvvm.shfl.sync {{ *}}bfly
// CHECK: llvm.store %{{.*}} : i1, !llvm.ptr<3>
// CHECK: nvvm.barrier0
// CHECK: llvm.load %{{.*}} : !llvm.ptr<3> -> i1
// CHECK: nvvm.barrier0

// CHECK-LABEL: func.func @documents(
func.func @documents(%q: tensor<200x64xf16>, %k: tensor<300x64xf16>, %ids: tensor<?xi32>) -> tensor<200x64xf16> {
  %m = attn.mask.document %ids : tensor<?xi32>
  %o = attn.scaled_dot_product %q, %k, %k mask(%m) : tensor<200x64xf16>, tensor<300x64xf16>, tensor<300x64xf16> -> tensor<200x64xf16>
  return %o : tensor<200x64xf16>
}

// CHECK-LABEL: func.func @boxcar(
// CHECK: %[[BYTES:.*]] = arith.constant 64 : i32
// CHECK: gpu.launch_func @attn_kernels::@boxcar_table{{[0-9]+}} {{.*}} dynamic_shared_memory_size %[[BYTES]]
func.func @boxcar(%q: tensor<200x1xf32>, %k: tensor<300x1xf32>, %v: tensor<300x8xf32>) -> tensor<200x8xf32> {
  %o = attn.kernel_regression boxcar %q, %k, %v : tensor<200x1xf32>, tensor<300x1xf32>, tensor<300x8xf32> -> tensor<200x8xf32>
  return %o : tensor<200x8xf32>
}
