// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4}))' | FileCheck %s --check-prefixes=CHECK,V4
// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v3}))' | FileCheck %s --check-prefixes=CHECK,V3
// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4,+avx512bf16}))' | FileCheck %s --check-prefix=DOT

#key = affine_map<(j, i, d) -> (j, d)>
#query = affine_map<(j, i, d) -> (i, d)>
#score = affine_map<(j, i, d) -> (j, i)>

// Both inputs are contiguous along d alone: four keys by four queries on 16 lanes,
// one accumulator each, whose lanes a tree of shuffles sums; converted as they are
// read, fetched some rows ahead; then single keys.
// CHECK-LABEL: func @scores
// CHECK-SAME: %[[K:.*]]: memref<?x64xf16, {{.*}}>, %[[Q:.*]]: memref<4x64xf32>, %[[S:.*]]: memref<?x4xf32>
// CHECK-NOT: linalg
// V4: scf.for
// V4: scf.for {{.*}} iter_args
// V4-COUNT-2: memref.prefetch %[[K]]
// V4: vector.load %[[K]]{{.*}} vector<16xf16>
// V4: arith.extf %{{.*}} : vector<16xf16> to vector<16xf32>
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
func.func @scores(%k: memref<?x64xf16, strided<[?, 1], offset: ?>>,
                  %q: memref<4x64xf32>, %s: memref<?x4xf32>) {
  linalg.generic {indexing_maps = [#key, #query, #score],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<?x64xf16, strided<[?, 1], offset: ?>>, memref<4x64xf32>)
      outs(%s : memref<?x4xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
  ^bb0(%a: f16, %b: f32, %c: f32):
    %w = arith.extf %a : f16 to f32
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

// bf16 is extended without a shuffle: the even ones of 32 keys' features, then the odd
// ones, beside a copy of the queries in that order.
// CHECK-LABEL: func @halves
// CHECK-SAME: %[[K:.*]]: memref<?x64xbf16, {{.*}}>, %[[Q:.*]]: memref<4x64xf32>, %[[S:.*]]: memref<?x4xf32>
// CHECK-NOT: arith.extf
// V4: %[[COPY:.*]] = memref.alloca() {{.*}} memref<4x64xf32>
// V4: %[[A:.*]] = vector.load %[[Q]]{{.*}} vector<16xf32>
// V4: %[[B:.*]] = vector.load %[[Q]]{{.*}} vector<16xf32>
// V4: %[[EVEN:.*]] = vector.shuffle %[[A]], %[[B]] [0, 2, 4, {{.*}}, 30]
// V4: %[[ODD:.*]] = vector.shuffle %[[A]], %[[B]] [1, 3, 5, {{.*}}, 31]
// V4: vector.store %[[EVEN]], %[[COPY]]
// V4: vector.store %[[ODD]], %[[COPY]]
// V4: scf.for {{.*}} iter_args
// V4-COUNT-4: memref.prefetch %[[K]]
// V4: %[[PAIRS:.*]] = vector.load %[[K]]{{.*}} vector<32xbf16>
// V4: %[[WORDS:.*]] = vector.bitcast %[[PAIRS]] : vector<32xbf16> to vector<16xi32>
// V4: %[[LOW:.*]] = arith.shli %[[WORDS]]
// V4: %[[HIGH:.*]] = arith.andi %[[WORDS]]
// V4: vector.bitcast %[[LOW]] : vector<16xi32> to vector<16xf32>
// V4: vector.bitcast %[[HIGH]] : vector<16xi32> to vector<16xf32>
// V4: vector.load %[[COPY]]
// V4-COUNT-32: math.fma
// V4-NEXT: scf.yield
// V4-COUNT-30: vector.shuffle
// V3: vector.load {{.*}} vector<16xbf16>
// V3-COUNT-16: math.fma
func.func @halves(%k: memref<?x64xbf16, strided<[?, 1], offset: ?>>,
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

// Where one instruction multiplies pairs of bf16, both sides are read as they lie.
// DOT-LABEL: func @pairs
// DOT-SAME: %[[K:.*]]: memref<?x64xbf16, {{.*}}>, %[[Q:.*]]: memref<4x64xbf16>
// DOT: scf.for {{.*}} step %c32{{.*}} iter_args
// DOT-NOT: arith.extf
// DOT: %[[KEY:.*]] = vector.load %[[K]]{{.*}} vector<32xbf16>
// DOT: %[[QUERY:.*]] = vector.load %[[Q]]{{.*}} vector<32xbf16>
// DOT: x86vector.avx512.dot %{{.*}}, %[[KEY]], %[[QUERY]] : vector<32xbf16> -> vector<16xf32>
// DOT-COUNT-15: x86vector.avx512.dot
// DOT-NEXT: scf.yield
// DOT-COUNT-30: vector.shuffle
// V4-LABEL: func @pairs
// V4-COUNT-16: math.fma
func.func @pairs(%k: memref<?x64xbf16, strided<[?, 1], offset: ?>>,
                 %q: memref<4x64xbf16>, %s: memref<?x4xf32>) {
  linalg.generic {indexing_maps = [#key, #query, #score],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<?x64xbf16, strided<[?, 1], offset: ?>>, memref<4x64xbf16>)
      outs(%s : memref<?x4xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %v = arith.extf %a : bf16 to f32
    %w = arith.extf %b : bf16 to f32
    %m = arith.mulf %v, %w : f32
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

// -----

#key = affine_map<(j, i, d) -> (j, d)>
#query = affine_map<(j, i, d) -> (i, d)>
#score = affine_map<(j, i, d) -> (j, i)>

// More than four rows of functions would not fit into registers.
// CHECK-LABEL: func @functions
// CHECK: scf.for %[[J:[a-z0-9]+]] = {{.*}} step %c4
// CHECK-COUNT-4: math.exp2 {{.*}} : vector<
// CHECK-NOT: math.exp2
// CHECK: scf.yield
func.func @functions(%k: memref<?x64xf32, strided<[?, 1], offset: ?>>, %q: memref<1x64xf32>, %s: memref<?x1xf32>) {
  linalg.generic {indexing_maps = [#key, #query, #score], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<?x64xf32, strided<[?, 1], offset: ?>>, memref<1x64xf32>) outs(%s : memref<?x1xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %sum = arith.addf %a, %b : f32
    %e = math.exp2 %sum : f32
    %r = arith.addf %c, %e : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// One row of outputs: as many columns as lanes, summed together.
// CHECK-LABEL: func @single_row
// V4: scf.for %{{.*}} step %c16
// V4: %[[SUMS:.*]]:16 = scf.for
// V4-COUNT-16: math.fma
// V4: scf.yield
// V3: %[[SUMS:.*]]:8 = scf.for
func.func @single_row(%x: memref<1x512xf32>, %w: memref<64x512xf32>, %y: memref<1x64xf32>) {
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<1x512xf32>, memref<64x512xf32>) outs(%y : memref<1x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#key = affine_map<(j, i, d) -> (j, d)>
#query = affine_map<(j, i, d) -> (i, d)>
#score = affine_map<(j, i, d) -> (j, i)>

// Known outputs are vectors of outputs, wherever rows end: 16 are five keys of three
// queries and one of the sixth; the last eight are summed as half a vector.
// V4-LABEL: func @flat
// V4: scf.for {{.*}} iter_args
// V4-COUNT-16: math.fma
// V4-NEXT: scf.yield
// V4: vector.store %{{.*}} vector<16xf32>
// V4: scf.for {{.*}} iter_args
// V4-COUNT-8: math.fma
// V4-NEXT: scf.yield
// V4: vector.extract_strided_slice {{.*}} : vector<16xf32> to vector<8xf32>
// V4: arith.addf {{.*}} : vector<8xf32>
// V4: vector.store %{{.*}} vector<8xf32>
// V4-NOT: scf.for
// V4: return
func.func @flat(%k: memref<8x64xf32>, %q: memref<3x64xf32>, %s: memref<8x3xf32>) {
  linalg.generic {indexing_maps = [#key, #query, #score],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<8x64xf32>, memref<3x64xf32>)
      outs(%s : memref<8x3xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// One output has no other to share shuffles with: halves are added, down to 128 bits.
// CHECK-LABEL: func @single
// V4: %[[SUM:.*]] = scf.for {{.*}} -> (vector<16xf32>)
// V4: scf.yield
// V4-NEXT: }
// V4-NOT: vector.shuffle
// V4: arith.addf {{.*}} : vector<8xf32>
// V4-NOT: vector.shuffle
// V4: arith.addf {{.*}} : vector<4xf32>
// V4: vector.shuffle {{.*}} : vector<4xf32>
// CHECK: return
func.func @single(%q: memref<1x64xf32>, %k: memref<1x64xf32>, %s: memref<1x1xf32>) {
  linalg.generic {indexing_maps = [affine_map<(j, i, d) -> (i, d)>, affine_map<(j, i, d) -> (j, d)>, affine_map<(j, i, d) -> (j, i)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %k : memref<1x64xf32>, memref<1x64xf32>) outs(%s : memref<1x1xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// Many columns have a loop: without one, code would be long.
// CHECK-LABEL: func @many_columns(
// CHECK: scf.for
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK: vector.load
// CHECK-COUNT-4: scf.for
func.func @many_columns(%rows: memref<7x64xf32>, %columns: memref<769x64xf32>, %sums: memref<7x769xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%rows, %columns : memref<7x64xf32>, memref<769x64xf32>) outs(%sums : memref<7x769xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}
