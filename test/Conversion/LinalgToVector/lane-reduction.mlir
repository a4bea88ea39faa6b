// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4}))' | FileCheck %s --check-prefixes=CHECK,V4
// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v3}))' | FileCheck %s --check-prefixes=CHECK,V3

#key = affine_map<(j, i, d) -> (j, d)>
#query = affine_map<(j, i, d) -> (i, d)>
#score = affine_map<(j, i, d) -> (j, i)>

// Both inputs are contiguous along d alone: four keys by four queries on 16 lanes,
// one accumulator each, whose lanes a tree of shuffles sums; converted as they are
// read, fetched some rows ahead; then single keys.
// CHECK-LABEL: func @scores
// CHECK-SAME: %[[K:.*]]: memref<?x64xbf16, {{.*}}>, %[[Q:.*]]: memref<4x64xf32>, %[[S:.*]]: memref<?x4xf32>
// CHECK-NOT: linalg
// V4: scf.for
// V4: scf.for {{.*}} iter_args
// V4-COUNT-2: memref.prefetch %[[K]]
// V4: vector.load %[[K]]{{.*}} vector<16xbf16>
// V4: arith.extf %{{.*}} : vector<16xbf16> to vector<16xf32>
// V4-COUNT-16: math.fma
// V4-NEXT: scf.yield
// V4-COUNT-30: vector.shuffle
// V4: %[[FLAT:.*]] = memref.collapse_shape %[[S]]
// V4: vector.store %{{.*}}, %[[FLAT]]{{.*}} vector<16xf32>
// V4: scf.for
// V4: scf.for {{.*}} iter_args
// V4-COUNT-4: math.fma
// V4-NEXT: scf.yield
// V3: scf.for {{.*}} iter_args
// V3-COUNT-8: math.fma
// V3-NEXT: scf.yield
// V3-COUNT-14: vector.shuffle
func.func @scores(%k: memref<?x64xbf16, strided<[?, 1], offset: ?>>,
                  %q: memref<4x64xf32>, %s: memref<?x4xf32>) {
  linalg.generic {indexing_maps = [#key, #query, #score],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<?x64xbf16, strided<[?, 1], offset: ?>>, memref<4x64xf32>)
      outs(%s : memref<?x4xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
  ^bb0(%a: bf16, %b: f32, %c: f32):
    %w = arith.extf %a : bf16 to f32
    %m = arith.mulf %w, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#key = affine_map<(j, i, d) -> (j, d)>
#query = affine_map<(j, i, d) -> (i, d)>
#score = affine_map<(j, i, d) -> (j, i)>

// What is left of a vector is read under a mask and left out of the sum.
// CHECK-LABEL: func @tail
// CHECK: vector.create_mask
// CHECK: vector.maskedload
// CHECK: arith.select
func.func @tail(%k: memref<?x20xf32>, %q: memref<3x20xf32>, %s: memref<?x3xf32>) {
  linalg.generic {indexing_maps = [#key, #query, #score],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<?x20xf32>, memref<3x20xf32>) outs(%s : memref<?x3xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}
