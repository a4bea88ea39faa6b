// Inner loops of one vector of queries. Scores take each scalar of the keys from
// memory in the multiply-add itself, two steps of 16 keys at a time, from one pointer:
// with a base and an index each would be two instructions. Values of f16 are extended
// as they are read, two vectors for eight rows.
// RUN: attnc compile %s --target=x86-64:x86-64-v4 --threads=1 -o %t.s
// RUN: %python %attn_src/utils/inner_loops.py < %t.s | FileCheck %s --check-prefix=LOOPS --implicit-check-not='stack={{[1-9]}}'
// RUN: FileCheck %s --check-prefix=POINTER < %t.s

// LOOPS: loop vfmadd231ps=32 vmov{{[au]}}ps=2 stack=0
// LOOPS: loop vbroadcastss=8 vcvtph2ps=2 vfmadd231ps=16 stack=0

// POINTER: vfmadd231ps (%[[P:r[a-z0-9]+]]){1to16}
// POINTER-NEXT: vfmadd231ps 512(%[[P]]){1to16}
// POINTER: vfmadd231ps 7680(%[[P]]){1to16}
// POINTER: vfmadd231ps 4(%[[P]]){1to16}

// Keys of f32 are read as they lie: of two versions one knows how far apart, has code for
// whole tiles, of 24 keys, and fetches the next one, two lines in three steps of each of
// two blocks.
// RUN: sed s/f16/f32/g %s > %t32.mlir
// RUN: attnc compile %t32.mlir --target=x86-64:x86-64-v4 --threads=1 -o %t32.s
// RUN: %python %attn_src/utils/inner_loops.py < %t32.s | FileCheck %s --check-prefix=WIDE
// RUN: FileCheck %s --check-prefix=CONSTANT < %t32.s

// WIDE: loop vfmadd231ps=24 vmov{{[au]}}ps=2 stack=0
// WIDE: loop vbroadcastss=6 vfmadd231ps=24 vmov{{[au]}}ps=4 stack=0
// WIDE: loop vbroadcastss=4 vfmadd231ps=16 vmov{{[au]}}ps=4 stack=0

// CONSTANT: vfmadd231ps (%[[P:r[a-z0-9]+]]){1to16}
// CONSTANT-NEXT: vfmadd231ps 512(%[[P]]){1to16}
// CONSTANT: vfmadd231ps 5632(%[[P]]){1to16}
// CONSTANT: vfmadd231ps 4(%[[P]]){1to16}
// CONSTANT: prefetcht1 12288(
// CONSTANT: jl

// Where one instruction multiplies pairs of bf16, features of both lie along lanes: keys
// and queries as they lie, and values of two keys that two shuffles per line interleave.
// RUN: sed s/f16/bf16/g %s > %tp.mlir
// RUN: attnc compile %tp.mlir --target=x86-64:x86-64-v4,+avx512bf16 --threads=1 -o %tp.s
// RUN: %python %attn_src/utils/inner_loops.py < %tp.s | FileCheck %s --check-prefix=PAIRS

// PAIRS: loop vdpbf16ps=16 vmov{{[au]}}ps=8 stack=0
// PAIRS: loop vbroadcastss=8 vdpbf16ps=16 vmovdq{{[au]}}64=2 vpunpckhwd=1 vpunpcklwd=1 stack=
!q = tensor<1x1x16x128xf16>
!k = tensor<1x1x2048x128xf16>
func.func @f(%q: !q, %k: !k, %v: !k) -> !q {
  %o = attn.scaled_dot_product %q, %k, %v : !q, !k, !k -> !q
  return %o : !q
}
