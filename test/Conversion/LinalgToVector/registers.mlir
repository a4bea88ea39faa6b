// What the machine executes in the inner loops: both contractions have as many
// multiply-adds as their block has accumulators, and no vector goes to the stack but
// in exponentials.
// RUN: attnc compile %s --target=x86-64:x86-64-v3 --threads=1 -o %t3.s
// RUN: %python %attn_src/utils/inner_loops.py < %t3.s | FileCheck %s --check-prefix=V3 --implicit-check-not='231ps={{.*}} stack={{[1-9]}}'
// RUN: attnc compile %s --target=x86-64:x86-64-v4 --threads=1 -o %t4.s
// RUN: %python %attn_src/utils/inner_loops.py < %t4.s | FileCheck %s --check-prefix=V4 --implicit-check-not='stack={{[1-9]}}'
// RUN: sed s/f32/bf16/g %s > %t.mlir
// RUN: attnc compile %t.mlir --target=x86-64:x86-64-v4,+avx512bf16 --threads=1 -o %tb.s
// RUN: %python %attn_src/utils/inner_loops.py < %tb.s | FileCheck %s --check-prefix=DOT --implicit-check-not='dpbf16ps={{.*}} stack={{[1-9]}}'
// RUN: sed 's/f32/bf16/g; s/x?x/x256x/g' %s > %tt.mlir
// RUN: attnc compile %tt.mlir --target=x86-64:sapphirerapids --threads=1 -o %tt.s
// RUN: %python %attn_src/utils/inner_loops.py < %tt.s | FileCheck %s --check-prefix=TILES --implicit-check-not='stack={{[1-9]}}'
// RUN: sed 's/f32/bf16/g; s/x64x/x128x/g; s/\(%q:\|%v :\|->\|%o :\) tensor<1x1x?x/\1 tensor<1x1x16x/g' %s > %tf.mlir
// RUN: attnc compile %tf.mlir --target=x86-64:sapphirerapids --threads=1 -o %tf.s
// RUN: %python %attn_src/utils/inner_loops.py < %tf.s | FileCheck %s --check-prefix=FEW --implicit-check-not='stack={{[1-9]}}'
// RUN: attnc compile %s --target=aarch64:neoverse-n1 --threads=1 -o %tn.s
// RUN: %python %attn_src/utils/inner_loops.py < %tn.s | FileCheck %s --check-prefix=NEON --implicit-check-not='loop fmla={{.*}} stack={{[1-9]}}'

// 4 keys, or value features, x 3 vectors of queries.
// V3: loop vbroadcastss=4 vfmadd231ps=12 vmov{{[au]}}ps=3 stack=0
// V3: loop {{.*}}vfmadd213ps=15 {{.*}}vpslld=3
// V3: loop vbroadcastss=4 vfmadd231ps=12 vmov{{[au]}}ps=3 stack=0

// 6 x 4; exponentials take one instruction more than their polynomial and sums.
// V4: loop vbroadcastss=6 vfmadd231ps=24 vmov{{[au]}}ps=4 stack=0
// V4: loop {{.*}}vfmadd213ps=20 {{.*}}vreduceps=4 vscalefps=4
// V4: loop vbroadcastss=6 vfmadd231ps=24 vmov{{[au]}}ps=4 stack=0

// DOT: loop vbroadcastss=6 vdpbf16ps=24 vmov{{[au]}}ps=4 stack=0
// DOT: loop vbroadcastss=8 vdpbf16ps=16 vmovdq{{[au]}}64=2 vpunpckhwd=1 vpunpcklwd=1 stack=0

// Weights are rounded two vectors at once. Products of so small heads are no loops:
// four tiles of sums times two steps for scores, and for values.
// TILES: loop {{.*}}vcvtne2ps2bf16=1 {{.*}}vscalefps=2 stack=0

// Few queries: two tiles of keys as they lie for each of queries; of weights one for
// four of values, whose sums pass by.
// FEW: loop tdpbf16ps=2 tileloadd=3 stack=0
// FEW: loop {{.*}}vcvtne2ps2bf16=1 {{.*}}vscalefps=2 stack=0
// FEW: loop tdpbf16ps=4 tileloadd=9 tilestored=4 stack=0

// NEON: loop fmla=24 stack=0
// NEON: loop fadd={{.*}}fmla=20
// NEON: loop fmla=24 stack=0
func.func @f(%q: tensor<1x1x?x64xf32>, %k: tensor<1x1x?x64xf32>, %v: tensor<1x1x?x64xf32>) -> tensor<1x1x?x64xf32> {
  %o = attn.scaled_dot_product %q, %k, %v : tensor<1x1x?x64xf32>, tensor<1x1x?x64xf32>, tensor<1x1x?x64xf32> -> tensor<1x1x?x64xf32>
  return %o : tensor<1x1x?x64xf32>
}
