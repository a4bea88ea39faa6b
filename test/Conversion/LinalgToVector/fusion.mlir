// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4}))' | FileCheck %s

#lhs = affine_map<(i, e, j) -> (i, j)>
#rhs = affine_map<(i, e, j) -> (j, e)>
#out = affine_map<(i, e, j) -> (i, e)>
#each = affine_map<(i) -> (i)>
#row = affine_map<(i, e) -> (i)>
#element = affine_map<(i, e) -> (i, e)>

// What stands between a product and what is made of its sums, and has to do with
// neither factors nor sums, runs before: sums are divided in registers, and blocks store
// what that gives.
// CHECK-LABEL: func @past
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<6x64xf32> {attn.result}
// CHECK: %[[F:.*]] = memref.alloca() : memref<6xf32>
// CHECK: arith.divf
// CHECK: vector.store %{{.*}}, %[[F]]
// CHECK: %[[SUMS:.*]]:24 = scf.for
// CHECK: scf.yield
// CHECK: memref.load %[[F]]
// CHECK: %[[X:.*]] = arith.mulf %[[SUMS]]#0, %{{.*}} : vector<16xf32>
// CHECK: vector.store %[[X]], %[[OUT]]
// CHECK-NOT: vector.load
// CHECK-NOT: scf.for
// CHECK: return
func.func @past(%a: memref<6x8xf32>, %b: memref<8x64xf32>, %l: memref<6xf32>, %o: memref<6x64xf32> {attn.result}) {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %factor = memref.alloca() : memref<6xf32>
  %c = memref.alloca() : memref<6x64xf32>
  linalg.fill ins(%zero : f32) outs(%c : memref<6x64xf32>)
  linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<6x8xf32>, memref<8x64xf32>) outs(%c : memref<6x64xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %z, %m : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]}
      ins(%l : memref<6xf32>) outs(%factor : memref<6xf32>) {
  ^bb0(%x: f32, %y: f32):
    %r = arith.divf %one, %x : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#element, #row, #element], iterator_types = ["parallel", "parallel"]}
      ins(%c, %factor : memref<6x64xf32>, memref<6xf32>) outs(%o : memref<6x64xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %r = arith.mulf %x, %y : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#lhs = affine_map<(i, e, j) -> (i, j)>
#rhs = affine_map<(i, e, j) -> (j, e)>
#out = affine_map<(i, e, j) -> (i, e)>
#element = affine_map<(i, e) -> (i, e)>

// What writes a factor of the product has to wait for it.
// CHECK-LABEL: func @not_past
// CHECK: scf.for
// CHECK: scf.yield
// CHECK-COUNT-24: vector.store %{{.*}}, %[[C:[a-z0-9_]+]][
// CHECK: vector.store %{{.*}}, %[[A:[a-z0-9_]+]][
// CHECK: vector.load %[[C]]
func.func @not_past(%b: memref<8x64xf32>, %o: memref<6x64xf32> {attn.result}) {
  %zero = arith.constant 0.0 : f32
  %a = memref.alloc() : memref<6x16xf32>
  %c = memref.alloc() : memref<6x64xf32>
  %part = memref.subview %a[0, 0] [6, 8] [1, 1] : memref<6x16xf32> to memref<6x8xf32, strided<[16, 1]>>
  linalg.fill ins(%zero : f32) outs(%c : memref<6x64xf32>)
  linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%part, %b : memref<6x8xf32, strided<[16, 1]>>, memref<8x64xf32>) outs(%c : memref<6x64xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %z, %m : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#element], iterator_types = ["parallel", "parallel"]}
      outs(%a : memref<6x16xf32>) {
  ^bb0(%x: f32):
    %r = arith.negf %x : f32
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

#lhs = affine_map<(i, e, j) -> (i, j)>
#rhs = affine_map<(i, e, j) -> (j, e)>
#out = affine_map<(i, e, j) -> (i, e)>
#row = affine_map<(i, e) -> (e)>
#each = affine_map<(e) -> (e)>
#element = affine_map<(i, e) -> (i, e)>

// What sums start from is computed where it stands if what it reads is written before
// the product, which moves to its last epilogue, runs.
// CHECK-LABEL: func @initialized_before
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<6x64xf32> {attn.result}
// CHECK: %[[BIAS:.*]] = memref.alloc() : memref<64xf32>
// CHECK: %[[C:.*]] = memref.alloc() : memref<6x64xf32>
// CHECK: vector.load %[[BIAS]]
// CHECK: vector.store %{{.*}}, %[[C]]
// CHECK: arith.negf
// CHECK: vector.store %{{.*}}, %[[BIAS]]
// CHECK: vector.load %[[C]]
// CHECK: scf.for
func.func @initialized_before(%a: memref<6x8xf32>, %b: memref<8x64xf32>, %o: memref<6x64xf32> {attn.result}) {
  %bias = memref.alloc() : memref<64xf32>
  %c = memref.alloc() : memref<6x64xf32>
  linalg.generic {indexing_maps = [#row, #element], iterator_types = ["parallel", "parallel"]}
      ins(%bias : memref<64xf32>) outs(%c : memref<6x64xf32>) {
  ^bb0(%x: f32, %y: f32):
    %r = arith.addf %x, %x : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<6x8xf32>, memref<8x64xf32>) outs(%c : memref<6x64xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %z, %m : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#each], iterator_types = ["parallel"]}
      outs(%bias : memref<64xf32>) {
  ^bb0(%x: f32):
    %r = arith.negf %x : f32
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
