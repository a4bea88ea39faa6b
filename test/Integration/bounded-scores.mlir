// Scores within 60: weights are relative to a fixed maximum. The reference does
// not know. Rows that the mask leaves empty, LSE, queries that saturate.

// RUN: attnc run %s --entry capped --check | FileCheck %s
// RUN: attnc run %s --entry capped_at_60 --check | FileCheck %s
// CHECK: check {{.*}}passed
// CHECK: check {{.*}}passed

!t = tensor<1x2x150x32xf32>
!l = tensor<1x2x150xf32>

func.func @capped(%q: !t, %k: !t, %v: !t) -> (!t, !l) {
  %cap = arith.constant 8.0 : f32
  %s = attn.score.softcap %cap : f32
  %five = arith.constant -5 : index
  %m = attn.mask.causal offset(%five : index)
  %o, %l = attn.scaled_dot_product %q, %k, %v mask(%m) score(%s) scale = 4.0 : !t, !t, !t -> !t lse(!l)
  return %o, %l : !t, !l
}

func.func @capped_at_60(%q: !t, %k: !t, %v: !t) -> (!t, !l) {
  %cap = arith.constant 60.0 : f32
  %s = attn.score.softcap %cap : f32
  %m = attn.mask.causal
  %o, %l = attn.scaled_dot_product %q, %k, %v mask(%m) score(%s) scale = 20.0 : !t, !t, !t -> !t lse(!l)
  return %o, %l : !t, !l
}
