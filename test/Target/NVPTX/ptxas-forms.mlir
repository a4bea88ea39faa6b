// REQUIRES: ptxas
// RUN: sh -c 'for size in 128xf16 64xf32; do sed "s/HEADxTYPE/$size/g; s/TYPE/${size#*x}/g" %s > %t.mlir; attnc compile %t.mlir --target=sm_80 -o %t.ptx && ptxas -v -arch=sm_80 %t.ptx -o %t.cubin; done' 2>&1 | FileCheck %s
// RUN: sh -c 'sed "s/HEAD/64/g; s/TYPE/bf16/g" %s > %t.mlir; attnc compile %t.mlir --target=sm_90a -o %t.ptx && ptxas -v -arch=sm_90a %t.ptx -o %t.cubin' 2>&1 | FileCheck %s --check-prefix=WARPGROUPS

// Scores that are no products, all weights, and weights of other normalizers, by
// wgmma, too, assemble without a spill.
// CHECK-COUNT-8: bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// CHECK-NOT: spill
// WARPGROUPS-NOT: C75
// WARPGROUPS-COUNT-5: bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// WARPGROUPS-NOT: {{spill|C75}}
!many = tensor<2x1024xHEADxTYPE>
func.func @additive(%q: !many, %k: !many, %v: !many, %w: tensor<HEADxTYPE>) -> !many {
  %mask = attn.mask.causal
  %o = attn.additive %q, %k, %v, %w mask(%mask) : !many, !many, !many, tensor<HEADxTYPE> -> !many
  return %o : !many
}
func.func @regression(%q: !many, %k: !many, %v: !many) -> !many {
  %o = attn.kernel_regression epanechnikov %q, %k, %v : !many, !many, !many -> !many
  return %o : !many
}
func.func @weights(%q: !many, %k: !many, %v: !many) -> (!many, tensor<2x1024x1024xTYPE>) {
  %mask = attn.mask.causal
  %o, %w = attn.scaled_dot_product %q, %k, %v mask(%mask) : !many, !many, !many -> !many weights(tensor<2x1024x1024xTYPE>)
  return %o, %w : !many, tensor<2x1024x1024xTYPE>
}
func.func @sigmoid(%q: !many, %k: !many, %v: !many) -> !many {
  %s = attn.score.sigmoid
  %o = attn.scaled_dot_product %q, %k, %v score(%s) normalizer = none : !many, !many, !many -> !many
  return %o : !many
}
