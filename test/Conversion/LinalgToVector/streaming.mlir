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
