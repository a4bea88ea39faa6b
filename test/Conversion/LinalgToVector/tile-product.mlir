// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:sapphirerapids}))' | FileCheck %s
// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4}))' | FileCheck %s --check-prefix=NONE
// NONE-NOT: amx

#a = affine_map<(j, i, p, n) -> (j, p, n)>
#b = affine_map<(j, i, p, n) -> (p, i, n)>
#c = affine_map<(j, i, p, n) -> (j, i)>

// Blocks of two by two tiles; what is left of 48 rows has one.
// CHECK-LABEL: func @sums(
// CHECK-SAME: %[[A:[a-z0-9]+]]: memref<48x64x2xbf16, strided<[144, 2, 1], offset: ?>>, %[[B:[a-z0-9]+]]: memref<64x64x2xbf16>, %[[C:[a-z0-9]+]]: memref<48x64xf32>
// CHECK: scf.for %[[J:[a-z0-9]+]] = %c0{{.*}} to %c32
// CHECK: scf.for %[[I:[a-z0-9]+]] = %c0{{.*}} to %c64{{.*}} step %c32
// CHECK: amx.tile_load %[[C]][%[[J]], %[[I]]], %c64{{.*}} : memref<48x64xf32> into !amx.tile<16x16xf32>
// CHECK-COUNT-3: amx.tile_load %[[C]]
// CHECK: scf.for %[[P:[a-z0-9]+]] = %c0{{.*}} to %c64{{.*}} step %c16{{.*}} iter_args(%[[S:[a-z0-9]+]] =
// CHECK: %[[B0:.*]] = amx.tile_load %[[B]][%[[P]], %[[I]], %c0{{.*}}], %c128
// CHECK: %[[B1:.*]] = amx.tile_load %[[B]]
// CHECK: %[[A0:.*]] = amx.tile_load %[[A]][%[[J]], %[[P]], %c0{{.*}}], %c144
// CHECK: amx.tile_mulf %[[A0]], %[[B0]], %[[S]]
// CHECK: amx.tile_mulf %[[A0]], %[[B1]]
// CHECK: %[[A1:.*]] = amx.tile_load %[[A]]
// CHECK: amx.tile_mulf %[[A1]], %[[B0]]
// CHECK: amx.tile_mulf %[[A1]], %[[B1]]
// CHECK-COUNT-4: amx.tile_store %[[C]]
// CHECK: scf.for %{{.*}} = %c32{{.*}} to %c48
// CHECK-COUNT-2: amx.tile_mulf
// CHECK-NOT: amx.tile_mulf
func.func @sums(%a: memref<48x64x2xbf16, strided<[144, 2, 1], offset: ?>>, %b: memref<64x64x2xbf16>, %c: memref<48x64xf32>) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%a, %b : memref<48x64x2xbf16, strided<[144, 2, 1], offset: ?>>, memref<64x64x2xbf16>) outs(%c : memref<48x64xf32>) {
  ^bb0(%x: bf16, %y: bf16, %s: f32):
    %u = arith.extf %x : bf16 to f32
    %v = arith.extf %y : bf16 to f32
    %m = arith.mulf %u, %v : f32
    %r = arith.addf %s, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#a = affine_map<(j, i, p, n) -> (j, p, n)>
#b = affine_map<(j, i, p, n) -> (p, i, n)>
#c = affine_map<(j, i, p, n) -> (j, i)>

// One column of tiles has blocks of four; two steps along pairs are written out.
// CHECK-LABEL: func @column(
// CHECK-SAME: %[[A:[a-z0-9]+]]: memref<64x32x2xbf16>, %[[B:[a-z0-9]+]]: memref<32x16x2xbf16>, %[[C:[a-z0-9]+]]: memref<64x16xf32>
// CHECK: scf.for %{{.*}} to %c64{{.*}} step %c64
// CHECK-COUNT-4: amx.tile_load %[[C]]
// CHECK-NOT: scf.for
// CHECK: amx.tile_load %[[B]]
// CHECK-COUNT-4: amx.tile_mulf
// CHECK: amx.tile_load %[[B]]
// CHECK-COUNT-4: amx.tile_mulf
// CHECK-COUNT-4: amx.tile_store %[[C]]
// CHECK-NOT: amx.tile_
func.func @column(%a: memref<64x32x2xbf16>, %b: memref<32x16x2xbf16>, %c: memref<64x16xf32>) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%a, %b : memref<64x32x2xbf16>, memref<32x16x2xbf16>) outs(%c : memref<64x16xf32>) {
  ^bb0(%x: bf16, %y: bf16, %s: f32):
    %u = arith.extf %x : bf16 to f32
    %v = arith.extf %y : bf16 to f32
    %m = arith.mulf %u, %v : f32
    %r = arith.addf %s, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#a = affine_map<(j, i, p, n) -> (j, p, n)>
#b = affine_map<(j, i, p, n) -> (p, i, n)>
#c = affine_map<(j, i, p, n) -> (j, i)>

// A fill by zero is taken in; one by another number starts the sums from memory as
// vectors do.
// CHECK-LABEL: func @from_zero(
// CHECK-NOT: vector.store
// CHECK: amx.tile_zero
// CHECK-LABEL: func @from_one(
// CHECK-NOT: amx
// CHECK: return
func.func @from_zero(%a: memref<16x16x2xbf16>, %b: memref<16x16x2xbf16>) -> memref<16x16xf32> {
  %c = memref.alloc() : memref<16x16xf32>
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<16x16xf32>)
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%a, %b : memref<16x16x2xbf16>, memref<16x16x2xbf16>) outs(%c : memref<16x16xf32>) {
  ^bb0(%x: bf16, %y: bf16, %s: f32):
    %u = arith.extf %x : bf16 to f32
    %v = arith.extf %y : bf16 to f32
    %m = arith.mulf %u, %v : f32
    %r = arith.addf %s, %m : f32
    linalg.yield %r : f32
  }
  return %c : memref<16x16xf32>
}
func.func @from_one(%a: memref<16x16x2xbf16>, %b: memref<16x16x2xbf16>) -> memref<16x16xf32> {
  %c = memref.alloc() : memref<16x16xf32>
  %one = arith.constant 1.0 : f32
  linalg.fill ins(%one : f32) outs(%c : memref<16x16xf32>)
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%a, %b : memref<16x16x2xbf16>, memref<16x16x2xbf16>) outs(%c : memref<16x16xf32>) {
  ^bb0(%x: bf16, %y: bf16, %s: f32):
    %u = arith.extf %x : bf16 to f32
    %v = arith.extf %y : bf16 to f32
    %m = arith.mulf %u, %v : f32
    %r = arith.addf %s, %m : f32
    linalg.yield %r : f32
  }
  return %c : memref<16x16xf32>
}

// -----

#a = affine_map<(j, i, p, n) -> (j, p, n)>
#b = affine_map<(j, i, p, n) -> (p, i, n)>
#c = affine_map<(j, i, p, n) -> (j, i)>

// Parts of tiles stay on vectors: 24 rows, or a number that is not known.
// CHECK-LABEL: func @part(
// CHECK-NOT: amx
// CHECK-LABEL: func @unknown(
// CHECK-NOT: amx
// CHECK: return
func.func @part(%a: memref<24x16x2xbf16>, %b: memref<16x16x2xbf16>, %c: memref<24x16xf32>) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%a, %b : memref<24x16x2xbf16>, memref<16x16x2xbf16>) outs(%c : memref<24x16xf32>) {
  ^bb0(%x: bf16, %y: bf16, %s: f32):
    %u = arith.extf %x : bf16 to f32
    %v = arith.extf %y : bf16 to f32
    %m = arith.mulf %u, %v : f32
    %r = arith.addf %s, %m : f32
    linalg.yield %r : f32
  }
  return
}
func.func @unknown(%a: memref<?x16x2xbf16>, %b: memref<16x16x2xbf16>, %c: memref<?x16xf32>) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%a, %b : memref<?x16x2xbf16>, memref<16x16x2xbf16>) outs(%c : memref<?x16xf32>) {
  ^bb0(%x: bf16, %y: bf16, %s: f32):
    %u = arith.extf %x : bf16 to f32
    %v = arith.extf %y : bf16 to f32
    %m = arith.mulf %u, %v : f32
    %r = arith.addf %s, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#a = affine_map<(j, i, p, n) -> (j, p, n)>
#b = affine_map<(j, i, p, n) -> (p, i, n)>
#c = affine_map<(j, i, p, n) -> (j, i)>

// One tile of one side stays in a register, and four of the other pass by. Rows lie as
// far apart as their memref says.
// CHECK-LABEL: func @tall(
// CHECK-SAME: %[[A:[a-z0-9]+]]: memref<64x16x2xbf16, strided<[?, 2, 1], offset: ?>>
// CHECK: amx.tile_load %arg1
// CHECK: %[[METADATA:.*]], %{{.*}}, %{{.*}}:3, %[[STRIDES:.*]]:3 = memref.extract_strided_metadata %[[A]]
// CHECK: amx.tile_load %[[A]]{{.*}}, %[[STRIDES]]#0
// CHECK-COUNT-4: amx.tile_mulf
// CHECK-COUNT-4: amx.tile_store
// CHECK-NOT: amx.tile_mulf
func.func @tall(%a: memref<64x16x2xbf16, strided<[?, 2, 1], offset: ?>>, %b: memref<16x16x2xbf16>, %c: memref<64x16xf32>) {
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%a, %b : memref<64x16x2xbf16, strided<[?, 2, 1], offset: ?>>, memref<16x16x2xbf16>) outs(%c : memref<64x16xf32>) {
  ^bb0(%x: bf16, %y: bf16, %s: f32):
    %u = arith.extf %x : bf16 to f32
    %v = arith.extf %y : bf16 to f32
    %m = arith.mulf %u, %v : f32
    %r = arith.addf %s, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#a = affine_map<(i, e, p, n) -> (i, p, n)>
#b = affine_map<(i, e, p, n) -> (p, e, n)>
#none = affine_map<(i, e, p, n) -> (0, 0)>
#c = affine_map<(i, e, p, n) -> (i, e)>

// An operand that no loop names is fetched meanwhile: 16 lines, eight by each of
// two steps, after the products.
// CHECK-LABEL: func @wide_fetching(
// CHECK-SAME: %[[F:[a-z0-9]+]]: memref<8x64xbf16, strided<[64, 1], offset: ?>>
// CHECK: scf.for %[[E:[a-z0-9]+]] = %c0{{.*}} to %c128{{.*}} step %c64
// CHECK: amx.tile_load %arg0
// CHECK-COUNT-4: amx.tile_mulf
// CHECK: affine.apply #{{.*}}(%{{.*}}, %[[E]])
// CHECK: %[[AHEAD:.*]] = arith.addi %{{.*}}, %c32
// CHECK: memref.prefetch %[[F]][%[[AHEAD]], %c0{{.*}}], read, locality<2>
// CHECK: memref.prefetch %[[F]][%{{.*}}, %c32{{.*}}], read, locality<2>
// CHECK-COUNT-6: memref.prefetch
// CHECK-NOT: memref.prefetch
func.func @wide_fetching(%a: memref<16x16x2xbf16>, %b: memref<16x128x2xbf16>, %f: memref<8x64xbf16, strided<[64, 1], offset: ?>>, %c: memref<16x128xf32>) {
  linalg.generic {indexing_maps = [#a, #b, #none, #c], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%a, %b, %f : memref<16x16x2xbf16>, memref<16x128x2xbf16>, memref<8x64xbf16, strided<[64, 1], offset: ?>>) outs(%c : memref<16x128xf32>)
    attrs = {attn.streamed = array<i64: 2>, attn.ahead = 32 : index} {
  ^bb0(%x: bf16, %y: bf16, %z: bf16, %s: f32):
    %u = arith.extf %x : bf16 to f32
    %v = arith.extf %y : bf16 to f32
    %m = arith.mulf %u, %v : f32
    %r = arith.addf %s, %m : f32
    linalg.yield %r : f32
  }
  return
}
