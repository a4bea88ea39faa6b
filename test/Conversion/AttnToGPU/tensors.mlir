// RUN: attnc compile %s --target=sm_80 --stop-after=optimize -o %t.mlir
// RUN: attn-opt %t.mlir -convert-attn-to-gpu=target=sm_80 -canonicalize -cse | FileCheck %s

// What attention is made of, and what is made of it, becomes kernels with a
// thread for each element, in order; fills are where sums begin.
// CHECK: gpu.func @additive_tensor0(
// CHECK-SAME: known_block_size = array<i32: 256, 1, 1>
// CHECK: scf.if
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (f32)
// CHECK: arith.mulf
// CHECK: llvm.store
// CHECK: gpu.func @additive_attend0(

// The products of queries are f32;
// keys and values become f32, and the output is rounded last.
// CHECK-LABEL: func.func @additive(
// CHECK: %[[QUERY:.*]] = gpu.alloc
// CHECK: gpu.launch_func @attn_kernels::@additive_tensor0
// CHECK: gpu.launch_func @attn_kernels::@additive_tensor1
// CHECK: gpu.launch_func @attn_kernels::@additive_tensor2
// CHECK: gpu.launch_func @attn_kernels::@additive_attend0
// CHECK: gpu.launch_func @attn_kernels::@additive_tensor{{[0-9]+}}
// CHECK-NOT: gpu.launch_func
// CHECK: gpu.dealloc %[[QUERY]]
func.func @additive(%q: tensor<2x200x32xf16>, %k: tensor<2x70x64xf16>, %v: tensor<2x70x16xf16>, %w: tensor<64xf16>, %wq: tensor<64x32xf16>) -> tensor<2x200x16xf16> {
  %o = attn.additive %q, %k, %v, %w project_query(%wq : tensor<64x32xf16>)
      : tensor<2x200x32xf16>, tensor<2x70x64xf16>, tensor<2x70x16xf16>, tensor<64xf16> -> tensor<2x200x16xf16>
  return %o : tensor<2x200x16xf16>
}

// Requirements come before all that is written, those of the second attention,
// too.
// CHECK-LABEL: func.func @twice(
// CHECK: attn.require %{{.*}}, "key starts
// CHECK: attn.require %{{.*}}, "key starts
// CHECK: gpu.launch_func @attn_kernels::@twice_attend0
// CHECK-NOT: attn.require
// CHECK: gpu.launch_func @attn_kernels::@twice_attend1
func.func @twice(%q: tensor<200x64xf16>, %k: tensor<70x64xf16>, %l: tensor<70x64xf16>) -> (tensor<200x64xf16>, tensor<200x64xf16>) {
  %o = attn.scaled_dot_product %q, %k, %k : tensor<200x64xf16>, tensor<70x64xf16>, tensor<70x64xf16> -> tensor<200x64xf16>
  %p = attn.scaled_dot_product %o, %l, %k : tensor<200x64xf16>, tensor<70x64xf16>, tensor<70x64xf16> -> tensor<200x64xf16>
  return %o, %p : tensor<200x64xf16>, tensor<200x64xf16>
}
