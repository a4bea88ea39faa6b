// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4}))' | FileCheck %s

// Whole vectors are combined in pairs; no loop, and no load of less.
// CHECK-LABEL: func @maximum
// CHECK-NOT: scf.for
// CHECK-COUNT-4: vector.load {{.*}} vector<16xf32>
// CHECK-NOT: vector.load
// CHECK: vector.store {{.*}} vector<16xf32>
func.func @maximum(%x: memref<4x16xf32>) -> memref<16xf32> {
  %y = memref.alloc() : memref<16xf32>
  %lowest = arith.constant 0xFF800000 : f32
  linalg.fill ins(%lowest : f32) outs(%y : memref<16xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>],
      iterator_types = ["reduction", "parallel"]}
    ins(%x : memref<4x16xf32>) outs(%y : memref<16xf32>) {
  ^bb0(%a: f32, %b: f32):
    %more = arith.cmpf ogt, %a, %b : f32
    %c = arith.select %more, %a, %b : f32
    linalg.yield %c : f32
  }
  return %y : memref<16xf32>
}

// -----

// Rows of half a vector: its halves are added, to what the output holds.
// CHECK-LABEL: func @sum
// CHECK: %[[BOTH:.*]] = vector.load {{.*}} vector<16xf32>
// CHECK: %[[HIGH:.*]] = vector.extract_strided_slice %[[BOTH]] {offsets = [8]
// CHECK: %[[LOW:.*]] = vector.extract_strided_slice %[[BOTH]] {offsets = [0]
// CHECK: %[[FOLDED:.*]] = arith.addf {{.*}} : vector<8xf32>
// CHECK: %[[BEFORE:.*]] = vector.load {{.*}} vector<8xf32>
// CHECK: arith.addf {{.*}} : vector<8xf32>
// CHECK: vector.store {{.*}} vector<8xf32>
func.func @sum(%x: memref<2x8xf32>, %y: memref<8xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>],
      iterator_types = ["reduction", "parallel"]}
    ins(%x : memref<2x8xf32>) outs(%y : memref<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %b, %a : f32
    linalg.yield %c : f32
  }
  return
}

// -----

// CHECK-LABEL: func @repeat
// CHECK: %[[ROW:.*]] = vector.load {{.*}} vector<8xf32>
// CHECK: %[[TWICE:.*]] = vector.shuffle %[[ROW]], %[[ROW]] [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]
// CHECK-COUNT-2: vector.store %{{.*}} vector<16xf32>
// CHECK-NOT: vector.store
func.func @repeat(%x: memref<8xf32>, %y: memref<4x8xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
    ins(%x : memref<8xf32>) outs(%y : memref<4x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  }
  return
}

// -----

// What is less than a vector meets the halves of the others: of five rows of four, four
// are a vector.
// CHECK-LABEL: func @rest
// CHECK: %[[FOUR:.*]] = vector.load {{.*}} vector<16xf32>
// CHECK: %[[TWO:.*]] = arith.addf {{.*}} : vector<8xf32>
// CHECK: %[[ONE:.*]] = arith.addf {{.*}} : vector<4xf32>
// CHECK: %[[LAST:.*]] = vector.load {{.*}} vector<4xf32>
// CHECK: arith.addf %[[ONE]], %[[LAST]] : vector<4xf32>
// CHECK-NOT: scf.for
// CHECK: return
func.func @rest(%x: memref<5x4xf32>, %y: memref<4xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>],
      iterator_types = ["reduction", "parallel"]}
    ins(%x : memref<5x4xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %b, %a : f32
    linalg.yield %c : f32
  }
  return
}

// -----

// Rows of one element end as a vector of it.
// CHECK-LABEL: func @column
// CHECK: vector.load {{.*}} vector<4xf32>
// CHECK: vector.load {{.*}} vector<2xf32>
// CHECK: vector.load {{.*}} vector<1xf32>
// CHECK: vector.store {{.*}} vector<1xf32>
// CHECK-NOT: scf.for
// CHECK: return
func.func @column(%x: memref<7x1xf32>) -> memref<1xf32> {
  %y = memref.alloc() : memref<1xf32>
  %lowest = arith.constant 0xFF800000 : f32
  linalg.fill ins(%lowest : f32) outs(%y : memref<1xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>],
      iterator_types = ["reduction", "parallel"]}
    ins(%x : memref<7x1xf32>) outs(%y : memref<1xf32>) {
  ^bb0(%a: f32, %b: f32):
    %more = arith.cmpf ogt, %a, %b : f32
    %c = arith.select %more, %a, %b : f32
    linalg.yield %c : f32
  }
  return %y : memref<1xf32>
}

// -----

// CHECK-LABEL: func @repeat_rest
// CHECK: %[[ALL:.*]] = vector.shuffle {{.*}} : vector<4xf32>, vector<4xf32>
// CHECK: vector.store %[[ALL]], {{.*}} vector<16xf32>
// CHECK: %[[LAST:.*]] = vector.shuffle {{.*}} [0, 1, 2, 3] : vector<4xf32>, vector<4xf32>
// CHECK: vector.store %[[LAST]], {{.*}} vector<4xf32>
// CHECK-NOT: vector.store
// CHECK: return
func.func @repeat_rest(%x: memref<4xf32>, %y: memref<5x4xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
    ins(%x : memref<4xf32>) outs(%y : memref<5x4xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  }
  return
}

// -----

// Rows that do not divide a vector: four of three are taken out of two vectors, of which
// the last was stored as half of one.
// CHECK-LABEL: func @three_columns
// CHECK: %[[A:.*]] = vector.load {{.*}} vector<16xf32>
// CHECK: %[[FIRST:.*]] = vector.shuffle %[[A]], %[[A]] [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
// CHECK: %[[HALF:.*]] = vector.load {{.*}} vector<8xf32>
// CHECK: %[[B:.*]] = vector.insert_strided_slice %[[HALF]]
// CHECK: %[[SECOND:.*]] = vector.shuffle %[[A]], %[[B]] [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]
// CHECK: arith.addf {{.*}} : vector<12xf32>
// CHECK: arith.addf {{.*}} : vector<6xf32>
// CHECK: %[[ROW:.*]] = arith.addf {{.*}} : vector<3xf32>
// CHECK: vector.store %{{.*}} vector<3xf32>
// CHECK-NOT: scf.for
// CHECK: return
func.func @three_columns(%x: memref<8x3xf32>, %y: memref<3xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>],
      iterator_types = ["reduction", "parallel"]}
    ins(%x : memref<8x3xf32>) outs(%y : memref<3xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %b, %a : f32
    linalg.yield %c : f32
  }
  return
}

// -----

// Each vector begins where the one before ended.
// CHECK-LABEL: func @repeat_three
// CHECK: vector.shuffle {{.*}} [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
// CHECK: vector.store %{{.*}} vector<16xf32>
// CHECK: vector.shuffle {{.*}} [1, 2, 0, 1, 2, 0, 1, 2]
// CHECK: vector.store %{{.*}} vector<8xf32>
func.func @repeat_three(%x: memref<3xf32>, %y: memref<8x3xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
    ins(%x : memref<3xf32>) outs(%y : memref<8x3xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  }
  return
}

// -----

// More such columns were stored in parts, and are read so.
// CHECK-LABEL: func @twelve_columns
// CHECK-NOT: vector.shuffle
// CHECK: return
func.func @twelve_columns(%x: memref<4x12xf32>, %y: memref<12xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>],
      iterator_types = ["reduction", "parallel"]}
    ins(%x : memref<4x12xf32>) outs(%y : memref<12xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %b, %a : f32
    linalg.yield %c : f32
  }
  return
}
