// The inner loops of decoding, four heads that share keys: scores of four keys and four
// heads, whose features lie along lanes, and four rows of sums of values.
// RUN: sed s/TYPE/f32/g %s > %t.f32.mlir
// RUN: sed s/TYPE/f16/g %s > %t.f16.mlir
// RUN: sed s/TYPE/bf16/g %s > %t.bf16.mlir
// RUN: attnc compile %t.f32.mlir --target=x86-64:x86-64-v4 --threads=1 -o %t.f32.v4.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.f32.v4.s | FileCheck %s --check-prefix=F32-V4
// RUN: attnc compile %t.f16.mlir --target=x86-64:x86-64-v4 --threads=1 -o %t.f16.v4.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.f16.v4.s | FileCheck %s --check-prefix=F16-V4
// RUN: attnc compile %t.bf16.mlir --target=x86-64:x86-64-v4 --threads=1 -o %t.bf16.v4.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.bf16.v4.s | FileCheck %s --check-prefix=BF16-V4
// RUN: attnc compile %t.bf16.mlir --target=x86-64:x86-64-v4,+avx512bf16 --threads=1 -o %t.dot.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.dot.s | FileCheck %s --check-prefix=DOT
// RUN: attnc compile %t.f32.mlir --target=x86-64:x86-64-v3 --threads=1 -o %t.f32.v3.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.f32.v3.s | FileCheck %s --check-prefix=F32-V3
// RUN: attnc compile %t.f16.mlir --target=x86-64:x86-64-v3 --threads=1 -o %t.f16.v3.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.f16.v3.s | FileCheck %s --check-prefix=F16-V3
// RUN: attnc compile %t.bf16.mlir --target=x86-64:x86-64-v3 --threads=1 -o %t.bf16.v3.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.bf16.v3.s | FileCheck %s --check-prefix=BF16-V3
// RUN: attnc compile %t.f32.mlir --target=aarch64:neoverse-n1 --threads=1 -o %t.f32.neon.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.f32.neon.s | FileCheck %s --check-prefix=F32-NEON --implicit-check-not='stack={{[1-9]}}'
// RUN: attnc compile %t.f16.mlir --target=aarch64:neoverse-n1 --threads=1 -o %t.f16.neon.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.f16.neon.s | FileCheck %s --check-prefix=F16-NEON --implicit-check-not='stack={{[1-9]}}'
// RUN: attnc compile %t.bf16.mlir --target=aarch64:neoverse-n1 --threads=1 -o %t.bf16.neon.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.bf16.neon.s | FileCheck %s --check-prefix=BF16-NEON --implicit-check-not='stack={{[1-9]}}'

// F32-V4: loop vfmadd231ps=16 vmov{{[au]}}ps=8 stack=0
// F32-V4: loop vbroadcastss=4 vfmadd231ps=16 vmov{{[au]}}ps=4 stack=0

// F16-V4: loop vcvtph2ps=4 vfmadd231ps=16 vmov{{[au]}}ps=4 stack=0
// F16-V4: loop vbroadcastss=4 vcvtph2ps=4 vfmadd231ps=16 stack=0

// Even and odd features of bf16 are a shift and a mask away from f32.
// BF16-V4: loop vfmadd231ps=32 vmovdqu64=4 vmov{{[au]}}ps=8 vpandq=4 vpslld=4 stack=0
// BF16-V4: loop vbroadcastss=4 vfmadd231ps=16 vmovdqu64=2 vpandq=2 vpslld=2 stack=0

// DOT: loop vdpbf16ps=16 vmov{{[au]}}ps=8 stack=0
// DOT: loop vbroadcastss=4 vdpbf16ps=16 vmovdqu64=4 vpunpckhwd=2 vpunpcklwd=2 stack=0

// F32-V3: loop vfmadd231ps=8 vmov{{[au]}}ps=6 stack=0
// F32-V3: loop vbroadcastss=4 vfmadd231ps=12 vmov{{[au]}}ps=3 stack=0

// F16-V3: loop vcvtph2ps=2 vfmadd231ps=8 vmov{{[au]}}ps=4 stack=0
// F16-V3: loop vbroadcastss=4 vcvtph2ps=2 vfmadd231ps=8 stack=0

// BF16-V3: loop vfmadd231ps=16 vmovdqu=2 vmov{{[au]}}ps=8 vpblendw=2 vpslld=2 stack=0
// BF16-V3: loop vbroadcastss=4 vfmadd231ps=8 vmovdqu=1 vpblendw=1 vpslld=1 stack=0

// Four rows are one vector of queries there.
// F32-NEON: loop fmla=24 stack=0
// F32-NEON: loop fmla=20 stack=0
// F16-NEON: loop fmla=32 stack=0
// F16-NEON: loop fcvtl=4 fmla=16 stack=0
// BF16-NEON: loop fmla=32 stack=0
// BF16-NEON: loop fmla=16 stack=0
!q = tensor<1x32x1x128xTYPE>
!k = tensor<1x8x4096x128xTYPE>
func.func @f(%q: !q, %k: !k, %v: !k) -> !q {
  %o = attn.scaled_dot_product %q, %k, %v : !q, !k, !k -> !q
  return %o : !q
}
