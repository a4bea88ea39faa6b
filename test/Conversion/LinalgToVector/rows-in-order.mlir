// RUN: attn-opt %s --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:znver4}))' | FileCheck %s
// RUN: attn-opt %s --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4}))' | FileCheck %s --check-prefix=FETCH

#key = affine_map<(j, i, d) -> (j, d)>
#query = affine_map<(j, i, d) -> (i, d)>
#score = affine_map<(j, i, d) -> (j, i)>

// Where hardware follows what is read in order, a block of 16 keys reads one key after
// the other, fetches nothing, and sums lanes of what it stored.
// CHECK-LABEL: func @scores
// CHECK-SAME: %[[K:.*]]: memref<?x64xf32, {{.*}}>, %[[Q:.*]]: memref<1x64xf32>
// CHECK-NOT: memref.prefetch
// CHECK: scf.for %[[BLOCK:.*]] = {{.*}} step %c16
// CHECK: %[[SUMS:.*]] = memref.alloca() {{.*}} memref<16x1x16xf32>
// CHECK: scf.for %[[I:.*]] = %c0{{.*}} to %c16{{.*}} step %c1
// CHECK: %[[ROW:.*]] = arith.addi %[[BLOCK]], %[[I]]
// CHECK: scf.for {{.*}} iter_args
// CHECK: vector.load %[[K]][%[[ROW]],
// CHECK: math.fma
// CHECK-NEXT: scf.yield
// CHECK: vector.store %{{.*}}, %[[SUMS]][%[[I]],
// CHECK-COUNT-16: vector.load %[[SUMS]]
// CHECK-COUNT-15: vector.shuffle
// CHECK-NOT: memref.prefetch
// CHECK-LABEL: func @values
// CHECK-NOT: memref.prefetch
// CHECK-COUNT-4: math.fma
// CHECK-NOT: memref.prefetch
// FETCH-LABEL: func @scores
// FETCH-NOT: memref.alloca
// FETCH-COUNT-16: memref.prefetch
// FETCH-LABEL: func @values
// FETCH-COUNT-4: memref.prefetch
func.func @scores(%k: memref<?x64xf32, strided<[?, 1], offset: ?>>,
                  %q: memref<1x64xf32>, %s: memref<?x1xf32>) {
  linalg.generic {indexing_maps = [#key, #query, #score],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<?x64xf32, strided<[?, 1], offset: ?>>, memref<1x64xf32>)
      outs(%s : memref<?x1xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}

func.func @values(%v: memref<?x64xf32, strided<[?, 1], offset: ?>>,
                  %w: memref<?x1xf32>, %o: memref<1x64xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, e, j) -> (j, e)>, affine_map<(i, e, j) -> (j, i)>,
                                   affine_map<(i, e, j) -> (i, e)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%v, %w : memref<?x64xf32, strided<[?, 1], offset: ?>>, memref<?x1xf32>)
      outs(%o : memref<1x64xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}


// Four rows meet a key at once, its features unrolled.
// CHECK-LABEL: func @scores_of_four
// CHECK-SAME: %[[K:.*]]: memref<?x64xf32, {{.*}}>
// CHECK-NOT: memref.prefetch
// CHECK: %[[SUMS:.*]] = memref.alloca() {{.*}} memref<4x4x16xf32>
// CHECK: scf.for %[[I:.*]] = %c0{{.*}} to %c4{{.*}} step %c1
// CHECK-NOT: scf.for
// CHECK-COUNT-16: math.fma
// CHECK-NOT: math.fma
// CHECK-COUNT-4: vector.store %{{.*}}, %[[SUMS]][%[[I]],
// CHECK: }
// CHECK-COUNT-16: vector.load %[[SUMS]]
func.func @scores_of_four(%k: memref<?x64xf32, strided<[?, 1], offset: ?>>,
                          %q: memref<4x64xf32>, %s: memref<?x4xf32>) {
  linalg.generic {indexing_maps = [#key, #query, #score],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<?x64xf32, strided<[?, 1], offset: ?>>, memref<4x64xf32>)
      outs(%s : memref<?x4xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}

// Two rows of sums by all four vectors read values whole, 16 at a time for both pairs
// of rows.
// CHECK-LABEL: func @values_of_four
// CHECK-NOT: memref.prefetch
// CHECK: %[[END:.*]] = arith.minui %c16{{.*}}, %[[SIZE:.*]] : index
// CHECK: scf.for {{.*}} to %[[END]] step %c1{{.*}} iter_args
// CHECK-COUNT-8: math.fma
// CHECK-NEXT: scf.yield
// CHECK: scf.for %[[FIRST:.*]] = %c16{{.*}} to %[[SIZE]] step %c16
// CHECK: %[[NEXT:.*]] = arith.addi %[[FIRST]], %c16
// CHECK: %[[LAST:.*]] = arith.minui %[[NEXT]], %[[SIZE]]
// CHECK: scf.for {{.*}} = %[[FIRST]] to %[[LAST]] step %c1{{.*}} iter_args
// CHECK-COUNT-8: math.fma
// CHECK-NEXT: scf.yield
func.func @values_of_four(%v: memref<?x64xf32, strided<[?, 1], offset: ?>>,
                          %w: memref<?x4xf32>, %o: memref<4x64xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, e, j) -> (j, e)>, affine_map<(i, e, j) -> (j, i)>,
                                   affine_map<(i, e, j) -> (i, e)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%v, %w : memref<?x64xf32, strided<[?, 1], offset: ?>>, memref<?x4xf32>)
      outs(%o : memref<4x64xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}
