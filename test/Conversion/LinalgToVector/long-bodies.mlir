// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4}))' | FileCheck %s

// Where lanes take an input apart, blocks of several vectors are only more code.
// CHECK-LABEL: func @gathered_sum
// CHECK: scf.for %{{.*}} step %c16
// CHECK: scf.for {{.*}} iter_args(%{{[a-z0-9_]+}} = %{{[a-z0-9_]+}}) -> (vector<16xf32>)
// CHECK-COUNT-16: memref.load
// CHECK-NOT: memref.load
// CHECK: scf.yield
func.func @gathered_sum(%x: memref<2x8x?x64xf32>, %sum: memref<2x8x?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(b, h, i, d) -> (b, h, i, d)>, affine_map<(b, h, i, d) -> (b, h, i)>],
                  iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x : memref<2x8x?x64xf32>) outs(%sum : memref<2x8x?xf32>) {
  ^bb0(%a: f32, %c: f32):
    %r = arith.maximumf %a, %c : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// Terms that take many instructions: two rows of four vectors are a long step.
#key = affine_map<(j, i, d) -> (j, d)>
#query = affine_map<(j, i, d) -> (d, i)>
#score = affine_map<(j, i, d) -> (j, i)>
// CHECK-LABEL: func @long_terms
// CHECK: scf.for
// CHECK-COUNT-8: math.tanh
// CHECK-NOT: math.tanh
// CHECK: scf.yield
func.func @long_terms(%k: memref<96x64xf32>, %q: memref<64x64xf32>, %s: memref<96x64xf32>) {
  linalg.generic {indexing_maps = [#key, #query, #score],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<96x64xf32>, memref<64x64xf32>) outs(%s : memref<96x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.addf %a, %b : f32
    %t = math.tanh %m : f32
    %r = arith.addf %c, %t : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#key = affine_map<(j, i, d) -> (j, d)>
#query = affine_map<(j, i, d) -> (d, i)>
#score = affine_map<(j, i, d) -> (j, i)>
#pair = affine_map<(j, i) -> (j, i)>

// One function runs on the accumulators; rows that are left over come one by one.
// CHECK-LABEL: func @long_epilogue
// CHECK: scf.for {{.*}} step %c6
// CHECK-COUNT-24: math.tanh
// CHECK: scf.for {{.*}} step %c1 {
// CHECK-COUNT-4: math.tanh
// CHECK-NOT: math.tanh
// CHECK: return
func.func @long_epilogue(%k: memref<?x64xf32>, %q: memref<64x64xf32>) -> memref<?x64xf32> {
  %c0 = arith.constant 0 : index
  %n = memref.dim %k, %c0 : memref<?x64xf32>
  %zero = arith.constant 0.0 : f32
  %s = memref.alloc(%n) : memref<?x64xf32>
  linalg.fill ins(%zero : f32) outs(%s : memref<?x64xf32>)
  linalg.generic {indexing_maps = [#key, #query, #score],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<?x64xf32>, memref<64x64xf32>) outs(%s : memref<?x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#pair], iterator_types = ["parallel", "parallel"]}
      outs(%s : memref<?x64xf32>) {
  ^bb0(%x: f32):
    %t = math.tanh %x : f32
    linalg.yield %t : f32
  }
  return %s : memref<?x64xf32>
}

// -----

#key = affine_map<(j, i, d) -> (j, d)>
#query = affine_map<(j, i, d) -> (d, i)>
#score = affine_map<(j, i, d) -> (j, i)>
#pair = affine_map<(j, i) -> (j, i)>

// Three are a pass of their own.
// CHECK-LABEL: func @too_long_epilogue
// CHECK: vector.store
// CHECK: scf.for
// CHECK-COUNT-4: math.tanh
// CHECK-NOT: math.tanh
// CHECK: return
func.func @too_long_epilogue(%k: memref<96x64xf32>, %q: memref<64x64xf32>) -> memref<96x64xf32> {
  %zero = arith.constant 0.0 : f32
  %s = memref.alloc() : memref<96x64xf32>
  linalg.fill ins(%zero : f32) outs(%s : memref<96x64xf32>)
  linalg.generic {indexing_maps = [#key, #query, #score],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<96x64xf32>, memref<64x64xf32>) outs(%s : memref<96x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#pair], iterator_types = ["parallel", "parallel"]}
      outs(%s : memref<96x64xf32>) {
  ^bb0(%x: f32):
    %t = math.tanh %x : f32
    %e = math.exp2 %t : f32
    %l = math.log2 %e : f32
    linalg.yield %l : f32
  }
  return %s : memref<96x64xf32>
}

// -----

// Lanes whose elements do not follow each other, or are booleans, are loaded one by one
// without a branch for each: one that reads nothing loads the first element.
// CHECK-LABEL: func @booleans
// CHECK-SAME: %[[KEEP:.*]]: memref<?x?xi1>
// CHECK: %[[MASK:.*]] = arith.cmpi ult, %{{.*}} : vector<16xindex>
// CHECK: %[[AT:.*]] = arith.select %{{.*}}, %{{.*}}, %{{.*}} : vector<16xi1>, vector<16xindex>
// CHECK: %[[SOME:.*]] = vector.reduction <or>, %{{.*}} : vector<16xi1> into i1
// CHECK: %[[BYTES:.*]] = scf.if %[[SOME]] -> (vector<16xi8>)
// CHECK: %[[FIRST:.*]] = vector.extract %[[AT]][0]
// CHECK: memref.load %{{.*}}[%[[FIRST]]] : memref<?xi1
// CHECK-COUNT-15: memref.load
// CHECK-NOT: scf.if
// CHECK: arith.cmpi ne, %{{.*}} : vector<16xi8>
func.func @booleans(%keep: memref<?x?xi1>, %s: memref<8x16xf32>) {
  %low = arith.constant -1.0 : f32
  linalg.generic {indexing_maps = [affine_map<(j, i) -> (j, i)>], iterator_types = ["parallel", "parallel"]}
      outs(%s : memref<8x16xf32>) {
  ^bb0(%x: f32):
    %j = linalg.index 0 : index
    %i = linalg.index 1 : index
    %k = attn.load %keep[%i, %j] : memref<?x?xi1>
    %r = arith.select %k, %x, %low : f32
    linalg.yield %r : f32
  }
  return
}
