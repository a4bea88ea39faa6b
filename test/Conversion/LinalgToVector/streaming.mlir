// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4}))' | FileCheck %s

#key = affine_map<(j, i, d) -> (j, d)>
#query = affine_map<(j, i, d) -> (d, i)>
#score = affine_map<(j, i, d) -> (j, i)>

// Keys are walked along: steps take turns with the sixteen rows of a block, and each
// fetches a line of a row 96 rows ahead.
// CHECK-LABEL: func @along_rows
// CHECK-SAME: %[[K:[a-z0-9]+]]: memref<96x64xf32, {{.*}}>
// CHECK: scf.for %[[J:[a-z0-9]+]] = {{.*}} step %c16
// CHECK: scf.for %[[D:[a-z0-9]+]] = {{.*}} iter_args
// CHECK: %[[WITHIN:.*]] = arith.andi %[[D]], %c15
// CHECK: %[[SCALED:.*]] = arith.muli %[[WITHIN]], %c16
// CHECK: %[[TURN:.*]] = arith.divui %[[SCALED]], %c16
// CHECK: %[[ROW:.*]] = arith.addi %[[J]], %[[TURN]]
// CHECK: %[[AHEAD:.*]] = arith.addi %[[ROW]], %c96
// CHECK: memref.prefetch %[[K]][%[[AHEAD]], %[[D]]], read, locality<2>, data
// CHECK-NOT: memref.prefetch
// CHECK-COUNT-16: math.fma
func.func @along_rows(%k: memref<96x64xf32, strided<[64, 1], offset: ?>>,
                      %q: memref<64x16xf32>, %s: memref<96x16xf32>) {
  linalg.generic {indexing_maps = [#key, #query, #score],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<96x64xf32, strided<[64, 1], offset: ?>>, memref<64x16xf32>)
      outs(%s : memref<96x16xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 96 : index} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#value = affine_map<(e, i, j) -> (j, e)>
#weight = affine_map<(e, i, j) -> (j, i)>
#output = affine_map<(e, i, j) -> (e, i)>

// Values are walked down: each step fetches the block's line of a row ahead.
// CHECK-LABEL: func @down_rows
// CHECK-SAME: %[[V:[a-z0-9]+]]: memref<96x64xf32, {{.*}}>
// CHECK: scf.for %[[E:[a-z0-9]+]] =
// CHECK: scf.for %[[J:[a-z0-9]+]] = {{.*}} iter_args
// CHECK: %[[AHEAD:.*]] = arith.addi %[[J]], %c96
// CHECK: memref.prefetch %[[V]][%[[AHEAD]], %[[E]]], read
// CHECK-NOT: memref.prefetch
// CHECK-COUNT-16: math.fma
func.func @down_rows(%v: memref<96x64xf32, strided<[64, 1], offset: ?>>,
                     %p: memref<96x16xf32>, %o: memref<64x16xf32>) {
  linalg.generic {indexing_maps = [#value, #weight, #output],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%v, %p : memref<96x64xf32, strided<[64, 1], offset: ?>>, memref<96x16xf32>)
      outs(%o : memref<64x16xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 96 : index} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#turnedvalue = affine_map<(i, e, j) -> (j, e)>
#turnedweight = affine_map<(i, e, j) -> (j, i)>
#turnedoutput = affine_map<(i, e, j) -> (i, e)>

// Where all blocks of rows read the same lines, the blocks take turns: each of
// eleven fetches one of the four lines of a row.
// CHECK-LABEL: func @turns
// CHECK-SAME: %[[V:[a-z0-9]+]]: memref<96x64xf32, {{.*}}>
// CHECK: scf.for %[[I:[a-z0-9]+]] = {{.*}} step %c6
// CHECK: scf.for %[[E:[a-z0-9]+]] = {{.*}} step %c64
// CHECK: scf.for %[[J:[a-z0-9]+]] = {{.*}} iter_args
// CHECK: %[[BLOCK:.*]] = arith.divui %[[I]], %c6
// CHECK: %[[TURN:.*]] = arith.remui %[[BLOCK]], %c4
// CHECK: %[[FIRST:.*]] = arith.muli %[[TURN]], %c16
// CHECK: %[[LINE:.*]] = arith.addi %[[E]], %[[FIRST]]
// CHECK: %[[AHEAD:.*]] = arith.addi %[[J]], %c96
// CHECK: memref.prefetch %[[V]][%[[AHEAD]], %[[LINE]]], read
// CHECK-NOT: memref.prefetch
// CHECK-COUNT-24: math.fma
func.func @turns(%v: memref<96x64xf32, strided<[64, 1], offset: ?>>,
                 %p: memref<96x64xf32>, %o: memref<64x64xf32>) {
  linalg.generic {indexing_maps = [#turnedvalue, #turnedweight, #turnedoutput],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%v, %p : memref<96x64xf32, strided<[64, 1], offset: ?>>, memref<96x64xf32>)
      outs(%o : memref<64x64xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 96 : index} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#id = affine_map<(j, d) -> (j, d)>

// Where lanes run along rows, every line that is read has one fetched ahead: two
// vectors of bf16 to a line.
// CHECK-LABEL: func @lanes
// CHECK-SAME: %[[K:[a-z0-9]+]]: memref<?x64xbf16, {{.*}}>
// CHECK: scf.for %[[J:[a-z0-9]+]] =
// CHECK-COUNT-2: memref.prefetch %[[K]]
// CHECK-NOT: memref.prefetch
// CHECK-COUNT-4: vector.load %[[K]]
func.func @lanes(%k: memref<?x64xbf16, strided<[?, 1], offset: ?>>, %w: memref<?x64xf32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%k : memref<?x64xbf16, strided<[?, 1], offset: ?>>) outs(%w : memref<?x64xf32>)
      attrs = {attn.streamed = array<i64: 0>, attn.ahead = 48 : index} {
  ^bb0(%a: bf16, %b: f32):
    %x = arith.extf %a : bf16 to f32
    linalg.yield %x : f32
  }
  return
}

// -----

#rows = affine_map<(j, e) -> (j, e)>
#none = affine_map<(j, e) -> (0, 0)>
#pairs = affine_map<(j, e) -> (j floordiv 2, e, j mod 2)>

// What no loop names is fetched in equal shares by blocks: of 32 lines, two by each pair
// of rows.
// CHECK-LABEL: func @spread
// CHECK-SAME: %[[V:[a-z0-9]+]]: memref<32x32xbf16>, %[[F:[a-z0-9]+]]: memref<32x32xbf16, {{.*}}>
// CHECK: scf.for %[[J:[a-z0-9]+]] = {{.*}} step %c2
// CHECK-COUNT-2: memref.prefetch %[[F]][%{{.*}}, %c0{{.*}}], read, locality<2>, data
// CHECK-NOT: memref.prefetch
// CHECK: vector.interleave
// CHECK-NOT: memref.prefetch
func.func @spread(%v: memref<32x32xbf16>, %f: memref<32x32xbf16, strided<[32, 1], offset: ?>>, %p: memref<16x32x2xbf16>) {
  linalg.generic {indexing_maps = [#rows, #none, #pairs], iterator_types = ["parallel", "parallel"]}
      ins(%v, %f : memref<32x32xbf16>, memref<32x32xbf16, strided<[32, 1], offset: ?>>)
      outs(%p : memref<16x32x2xbf16>) attrs = {attn.streamed = array<i64: 1>, attn.ahead = 64 : index} {
  ^bb0(%a: bf16, %b: bf16, %c: bf16):
    linalg.yield %a : bf16
  }
  return
}

// -----

#key = affine_map<(j, i, d) -> (j, d)>
#query = affine_map<(j, i, d) -> (d, i)>
#none = affine_map<(j, i, d) -> (0, 0)>
#score = affine_map<(j, i, d) -> (j, i)>

// A product fetches it step by step: of 128 lines, each of four blocks takes 32, so that
// two of its 64 steps fetch the same one.
// CHECK-LABEL: func @spread_over_steps
// CHECK-SAME: %[[F:[a-z0-9]+]]: memref<32x64xf32, {{.*}}>
// CHECK: scf.for %[[J:[a-z0-9]+]] = {{.*}} step %c6
// CHECK-NOT: memref.prefetch
// CHECK: scf.for %[[D:[a-z0-9]+]] = {{.*}} iter_args
// CHECK: %[[BLOCK:.*]] = affine.apply #{{.*}}(%[[J]], %{{.*}})
// CHECK: %[[STEP:.*]] = arith.muli %[[D]], %c32
// CHECK: %[[WITHIN:.*]] = arith.divui %[[STEP]], %c64
// CHECK: %[[FIRST:.*]] = arith.muli %[[BLOCK]], %c32
// CHECK: %[[LINE:.*]] = arith.addi %[[FIRST]], %[[WITHIN]]
// CHECK: %[[ROW:.*]] = arith.divui %[[LINE]], %c4
// CHECK: %[[INROW:.*]] = arith.remui %[[LINE]], %c4
// CHECK: %[[COLUMN:.*]] = arith.muli %[[INROW]], %c16
// CHECK: %[[AHEAD:.*]] = arith.addi %[[ROW]], %c96
// CHECK: memref.prefetch %[[F]][%[[AHEAD]], %[[COLUMN]]], read, locality<2>, data
// CHECK-COUNT-24: math.fma
// CHECK-NOT: memref.prefetch
func.func @spread_over_steps(%f: memref<32x64xf32, strided<[?, 1], offset: ?>>, %k: memref<24x64xf32>,
                             %q: memref<64x64xf32>, %s: memref<24x64xf32>) {
  linalg.generic {indexing_maps = [#key, #query, #none, #score], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q, %f : memref<24x64xf32>, memref<64x64xf32>, memref<32x64xf32, strided<[?, 1], offset: ?>>)
      outs(%s : memref<24x64xf32>) attrs = {attn.streamed = array<i64: 2>, attn.ahead = 96 : index} {
  ^bb0(%a: f32, %b: f32, %x: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#key = affine_map<(j, i, d) -> (j, d)>
#query = affine_map<(j, i, d) -> (d, i)>
#none = affine_map<(j, i, d) -> (0, 0)>
#score = affine_map<(j, i, d) -> (j, i)>

// Single vectors do so, too, where they fetch nothing else. Of 192 lines each of two
// blocks takes 96 in 64 steps: two in each.
// CHECK-LABEL: func @two_lines_a_step
// CHECK-SAME: %[[F:[a-z0-9]+]]: memref<48x64xf32, {{.*}}>
// CHECK: scf.for {{.*}} step %c12
// CHECK: scf.for %[[D:[a-z0-9]+]] = {{.*}} iter_args
// CHECK: %[[STEP:.*]] = arith.muli %[[D]], %c96
// CHECK: %[[WITHIN:.*]] = arith.divui %[[STEP]], %c64
// CHECK: %[[LINE:.*]] = arith.addi %{{.*}}, %[[WITHIN]]
// CHECK: arith.divui %[[LINE]], %c4
// CHECK: memref.prefetch %[[F]]
// CHECK: %[[NEXT:.*]] = arith.addi %[[LINE]], %c1
// CHECK: arith.divui %[[NEXT]], %c4
// CHECK: memref.prefetch %[[F]]
// CHECK-COUNT-12: math.fma
// CHECK-LABEL: func @one_thing_a_step
// CHECK-SAME: %[[F:[a-z0-9]+]]: memref<48x64xf32>
// CHECK-NOT: memref.prefetch %[[F]]
// CHECK: return
func.func @two_lines_a_step(%f: memref<48x64xf32, strided<[?, 1], offset: ?>>, %k: memref<24x64xf32>,
                            %q: memref<64x16xf32>, %s: memref<24x16xf32>) {
  linalg.generic {indexing_maps = [#key, #query, #none, #score], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q, %f : memref<24x64xf32>, memref<64x16xf32>, memref<48x64xf32, strided<[?, 1], offset: ?>>)
      outs(%s : memref<24x16xf32>) attrs = {attn.streamed = array<i64: 2>, attn.ahead = 96 : index} {
  ^bb0(%a: f32, %b: f32, %x: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}
func.func @one_thing_a_step(%f: memref<48x64xf32>, %k: memref<24x64xf32>, %q: memref<64x16xf32>, %s: memref<24x16xf32>) {
  linalg.generic {indexing_maps = [#key, #query, #none, #score], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q, %f : memref<24x64xf32>, memref<64x16xf32>, memref<48x64xf32>)
      outs(%s : memref<24x16xf32>) attrs = {attn.streamed = array<i64: 0, 2>, attn.ahead = 96 : index} {
  ^bb0(%a: f32, %b: f32, %x: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#lhs = affine_map<(i, e, j) -> (i, j)>
#rhs = affine_map<(i, e, j) -> (j, e)>
#out = affine_map<(i, e, j) -> (i, e)>
#element = affine_map<(i, e) -> (i, e)>

// Lines of results are fetched by blocks that take long enough for them to come.
// CHECK-LABEL: func @long_sums
// CHECK-SAME: %[[O:[a-z0-9]+]]: memref<6x64xf32> {attn.result}
// CHECK-COUNT-24: memref.prefetch %[[O]]{{.*}}, write, locality<3>, data
// CHECK: scf.for
// CHECK-LABEL: func @short_sums
// CHECK-NOT: write
func.func @long_sums(%a: memref<6x128xf32>, %b: memref<128x64xf32>, %o: memref<6x64xf32> {attn.result}) {
  %c = memref.alloca() : memref<6x64xf32>
  linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<6x128xf32>, memref<128x64xf32>) outs(%c : memref<6x64xf32>)
      attrs = {attn.streamed = array<i64: 1>, attn.ahead = 96 : index} {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %z, %m : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#element, #element], iterator_types = ["parallel", "parallel"]}
      ins(%c : memref<6x64xf32>) outs(%o : memref<6x64xf32>) {
  ^bb0(%x: f32, %y: f32):
    %r = arith.negf %x : f32
    linalg.yield %r : f32
  }
  return
}
func.func @short_sums(%a: memref<6x64xf32>, %b: memref<64x64xf32>, %o: memref<6x64xf32> {attn.result}) {
  %c = memref.alloca() : memref<6x64xf32>
  linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<6x64xf32>, memref<64x64xf32>) outs(%c : memref<6x64xf32>)
      attrs = {attn.streamed = array<i64: 1>, attn.ahead = 96 : index} {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %z, %m : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#element, #element], iterator_types = ["parallel", "parallel"]}
      ins(%c : memref<6x64xf32>) outs(%o : memref<6x64xf32>) {
  ^bb0(%x: f32, %y: f32):
    %r = arith.negf %x : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#weight = affine_map<(i, e, j) -> (i, j)>
#value = affine_map<(i, e, j) -> (j, e)>
#output = affine_map<(i, e, j) -> (i, e)>

// Few rows fetch the matrix behind theirs in the order in which it lies: of two blocks
// of 64 columns each takes half of its rows, and two steps the eight lines of a row.
// CHECK-LABEL: func @in_order
// CHECK-SAME: %[[V:[a-z0-9]+]]: memref<?x128xf32, {{.*}}>
// CHECK: scf.for %[[E:[a-z0-9]+]] = {{.*}} step %c64{{[_0-9]*}}
// CHECK: scf.for %[[J:[a-z0-9]+]] = {{.*}} iter_args
// CHECK: %[[BLOCK:.*]] = arith.divui %[[E]], %c64{{[_0-9]*}}
// CHECK: %[[NUMBER:.*]] = arith.addi {{.*}}, %[[BLOCK]]
// CHECK: %[[TURN:.*]] = arith.remui %[[NUMBER]], %c2{{[_0-9]*}}
// CHECK: %[[HALF:.*]] = arith.divui %[[SIZE:[a-z0-9_]+]], %c2{{[_0-9]*}}
// CHECK: %[[PART:.*]] = arith.muli %[[TURN]], %[[HALF]]
// CHECK: %[[FIRST:.*]] = arith.addi %[[SIZE]], %[[PART]]
// CHECK: %[[ROW:.*]] = arith.divui %[[J]], %c2{{[_0-9]*}}
// CHECK: %[[TARGET:.*]] = arith.addi %[[FIRST]], %[[ROW]]
// CHECK: %[[PLACE:.*]] = arith.remui %[[J]], %c2{{[_0-9]*}}
// CHECK: %[[COLUMN:.*]] = arith.muli %[[PLACE]], %c64{{[_0-9]*}}
// CHECK-COUNT-4: memref.prefetch %[[V]][%[[TARGET]], %{{.*}}], read, locality<2>, data
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func @in_order(%p: memref<4x?xf32>, %v: memref<?x128xf32, strided<[128, 1], offset: ?>>,
                    %o: memref<4x128xf32>) {
  linalg.generic {indexing_maps = [#weight, #value, #output],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%p, %v : memref<4x?xf32>, memref<?x128xf32, strided<[128, 1], offset: ?>>)
      outs(%o : memref<4x128xf32>) attrs = {attn.streamed = array<i64: 1>, attn.ahead = 64 : index} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return
}
