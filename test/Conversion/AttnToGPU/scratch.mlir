// RUN: attnc compile %s --target=sm_90a --stop-after=optimize -o %t.mlir
// RUN: attn-opt %t.mlir -convert-attn-to-gpu=target=sm_90a | FileCheck %s

// Tables of a mask are released once the kernels that read them are queued, in the
// branches for tensors that copies can read and for others.
// CHECK-LABEL: func.func @documents(
// CHECK: scf.if
// CHECK: %[[MAPPED:.*]] = gpu.alloc
// CHECK-NOT: gpu.dealloc
// CHECK: gpu.launch_func @attn_kernels::@documents_attend0 blocks
// CHECK: gpu.dealloc %[[MAPPED]]
// CHECK: } else {
// CHECK: %[[OTHER:.*]] = gpu.alloc
// CHECK-NOT: gpu.dealloc
// CHECK: gpu.launch_func @attn_kernels::@documents_attend0_unmapped blocks
// CHECK: gpu.dealloc %[[OTHER]]
!t = tensor<1x2x4096x64xf16>
func.func @documents(%q: !t, %k: !t, %v: !t, %ids: tensor<4096xi32>) -> !t {
  %mask = attn.mask.document %ids : tensor<4096xi32>
  %o = attn.scaled_dot_product %q, %k, %v mask(%mask) : !t, !t, !t -> !t
  return %o : !t
}
