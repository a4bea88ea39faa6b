// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4,+avx512bf16}))' | FileCheck %s --check-prefixes=CHECK,DOT
// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4}))' | FileCheck %s --check-prefixes=CHECK,V4

#value = affine_map<(i, e, j) -> (j, e)>
#weight = affine_map<(i, e, j) -> (j floordiv 2, i, j mod 2)>
#sum = affine_map<(i, e, j) -> (i, e)>

// Two steps of the reduction at once: their vectors are interleaved within 128 bits, a
// shuffle each, and sums have that order of lanes meanwhile. Both lines are fetched.
// CHECK-LABEL: func @even
// CHECK-SAME: %[[V:.*]]: memref<8x64xbf16, {{.*}}>, %[[W:.*]]: memref<4x4x2xbf16>, %[[O:.*]]: memref<4x64xf32>
// DOT: %[[A:.*]] = vector.load %[[O]]{{.*}} vector<16xf32>
// DOT: %[[B:.*]] = vector.load %[[O]]{{.*}} vector<16xf32>
// DOT: vector.shuffle %[[A]], %[[B]] [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27]
// DOT: vector.shuffle %[[A]], %[[B]] [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31]
// DOT: scf.for %[[PAIR:[a-z0-9]+]] = %c0{{.*}} iter_args
// DOT: %[[J:.*]] = affine.apply {{.*}}(%[[PAIR]])
// DOT: memref.prefetch %[[V]]
// DOT: %[[ROW:.*]] = vector.load %[[V]][%[[J]]{{.*}} vector<32xbf16>
// DOT: %[[NEXT:.*]] = affine.apply {{.*}}(%[[PAIR]])
// DOT: memref.prefetch %[[V]]
// DOT: %[[SECOND:.*]] = vector.load %[[V]][%[[NEXT]]{{.*}} vector<32xbf16>
// DOT: %[[LOW:.*]] = vector.shuffle %[[ROW]], %[[SECOND]] [0, 32, 1, 33, 2, 34, 3, 35, 8, 40,
// DOT: %[[HIGH:.*]] = vector.shuffle %[[ROW]], %[[SECOND]] [4, 36, 5, 37, 6, 38, 7, 39, 12, 44,
// DOT: vector.load %[[W]][%[[PAIR]], {{.*}} vector<2xbf16>
// DOT: x86vector.avx512.dot %{{.*}}, %{{.*}}, %[[LOW]]
// DOT: x86vector.avx512.dot %{{.*}}, %{{.*}}, %[[HIGH]]
// DOT-COUNT-14: x86vector.avx512.dot
// DOT-NEXT: scf.yield
// DOT-NOT: x86vector.avx512.dot
// DOT: vector.shuffle {{.*}} [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23]
// DOT: vector.shuffle {{.*}} [8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31]
// V4: math.fma
func.func @even(%v: memref<8x64xbf16, strided<[?, 1], offset: ?>>, %w: memref<4x4x2xbf16>,
                %o: memref<4x64xf32>) {
  linalg.generic {indexing_maps = [#value, #weight, #sum],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%v, %w : memref<8x64xbf16, strided<[?, 1], offset: ?>>, memref<4x4x2xbf16>)
      outs(%o : memref<4x64xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 16 : index} {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#value = affine_map<(i, e, j) -> (j, e)>
#weight = affine_map<(i, e, j) -> (j floordiv 2, i, j mod 2)>
#sum = affine_map<(i, e, j) -> (i, e)>

// The partner of an odd last step is zero: no row beyond it is read.
// CHECK-LABEL: func @any_number
// CHECK-SAME: %[[V:.*]]: memref<?x32xbf16>
// DOT: %[[WHOLE:.*]] = arith.divui %[[SIZE:.*]], %c2
// DOT: scf.for %{{.*}} = %c0{{.*}} to %[[WHOLE]] step
// DOT-COUNT-2: vector.load %[[V]]
// DOT-COUNT-2: x86vector.avx512.dot
// DOT: %[[ALL:.*]] = arith.ceildivui %[[SIZE]], %c2
// DOT: scf.for %{{.*}} = %[[WHOLE]] to %[[ALL]] step
// DOT: %[[ROW:.*]] = vector.load %[[V]]
// DOT-NOT: vector.load %[[V]]
// DOT: vector.shuffle %[[ROW]], %cst
// DOT-COUNT-2: x86vector.avx512.dot
// V4: math.fma
func.func @any_number(%v: memref<?x32xbf16>, %w: memref<?x1x2xbf16>, %o: memref<1x32xf32>) {
  linalg.generic {indexing_maps = [#value, #weight, #sum],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%v, %w : memref<?x32xbf16>, memref<?x1x2xbf16>) outs(%o : memref<1x32xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}
