// REQUIRES: ptxas
// RUN: sh -c 'attnc compile %s --target=sm_80 -o %t.ptx && ptxas -v -arch=sm_80 %t.ptx -o %t.cubin' 2>&1 | FileCheck %s
// RUN: %python %attn_src/utils/registers.py sm_90a:f16:64:window+documents:bias:static sm_90a:bf16:128:causal+documents:softcap:static sm_90a:f16:256:window+blocks:bias:dynamic sm_90a:bf16:128:window+documents:softcap+alibi:dynamic sm_80:f16:128:window+documents:bias:static

// Attention that classifies tiles by tables, and the four kernels that make
// these, assemble without a spill. So do the hardest of the combinations with
// scores, by wgmma and mma.sync.
// CHECK-COUNT-5: bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// CHECK-NOT: spill
!many = tensor<2x4x1024x128xf16>
func.func @documents(%q: !many, %k: !many, %v: !many, %ids: tensor<1024xi32>) -> !many {
  %causal = attn.mask.causal
  %same = attn.mask.document %ids : tensor<1024xi32>
  %mask = attn.mask.and %causal, %same
  %o = attn.scaled_dot_product %q, %k, %v mask(%mask) : !many, !many, !many -> !many
  return %o : !many
}
