// The inner loops of f16 and bf16 where nothing multiplies pairs: products of many
// queries are those of f32, on numbers that are extended before, or as they are read.
// RUN: sed s/TYPE/f16/g %s > %t.f16.mlir
// RUN: sed s/TYPE/bf16/g %s > %t.bf16.mlir
// RUN: attnc compile %t.f16.mlir --target=x86-64:x86-64-v4 --threads=1 -o %t.f16.v4.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.f16.v4.s | FileCheck %s --check-prefix=V4
// RUN: attnc compile %t.bf16.mlir --target=x86-64:x86-64-v4 --threads=1 -o %t.bf16.v4.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.bf16.v4.s | FileCheck %s --check-prefix=V4
// RUN: attnc compile %t.f16.mlir --target=x86-64:x86-64-v3 --threads=1 -o %t.f16.v3.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.f16.v3.s | FileCheck %s --check-prefix=V3
// RUN: attnc compile %t.bf16.mlir --target=x86-64:x86-64-v3 --threads=1 -o %t.bf16.v3.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.bf16.v3.s | FileCheck %s --check-prefix=V3
// RUN: attnc compile %t.f16.mlir --target=aarch64:neoverse-n1 --threads=1 -o %t.f16.neon.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.f16.neon.s | FileCheck %s --check-prefix=NEON
// RUN: attnc compile %t.bf16.mlir --target=aarch64:neoverse-n1 --threads=1 -o %t.bf16.neon.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.bf16.neon.s | FileCheck %s --check-prefix=NEON

// V4: loop vbroadcastss=6 vfmadd231ps=24 vmov{{[au]}}ps=4 stack=0
// V4: loop {{.*}}vfmadd213ps=20 {{.*}}vscalefps=4 stack=0
// V4: loop vbroadcastss=6 vfmadd231ps=24 vmov{{[au]}}ps=4 stack=0

// V3: loop vbroadcastss=4 vfmadd231ps=12 vmov{{[au]}}ps=3 stack=0
// V3: loop {{.*}}vfmadd213ps=15 {{.*}}vpslld=3
// V3: loop vbroadcastss=4 vfmadd231ps=12 vmov{{[au]}}ps=3 stack=0

// Values of few rows are extended as they are read.
// NEON: loop fmla=24 stack=0
// NEON: loop fadd={{.*}}fmla=20 {{.*}}stack=0
// NEON: loop {{.*}}fmla=16 stack=0
!q = tensor<1x1x?x64xTYPE>
func.func @f(%q: !q, %k: !q, %v: !q) -> !q {
  %o = attn.scaled_dot_product %q, %k, %v : !q, !q, !q -> !q
  return %o : !q
}
