// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v3}))' | FileCheck %s --check-prefixes=CHECK,V3
// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4}))' | FileCheck %s --check-prefixes=CHECK,V4
// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4,+avx512bf16}))' | FileCheck %s --check-prefix=DOT

#key = affine_map<(j, i, d) -> (j, d)>
#query = affine_map<(j, i, d) -> (d, i)>
#score = affine_map<(j, i, d) -> (j, i)>

// The fill gives the accumulators their value; one register per accumulator.
// CHECK-LABEL: func @contraction
// CHECK-SAME: %[[K:.*]]: memref<?x64xf32, {{.*}}>, %[[Q:.*]]: memref<64x64xf32>
// CHECK-NOT: linalg
// V4: %[[ZERO:.*]] = vector.broadcast %{{.*}} : f32 to vector<16xf32>
// V4: scf.for {{.*}} iter_args(%{{.*}} = %[[ZERO]]
// V4-COUNT-24: math.fma
// V4-NEXT: scf.yield
// V4-COUNT-24: vector.store
// V3: %[[ZERO:.*]] = vector.broadcast %{{.*}} : f32 to vector<8xf32>
// V3: scf.for {{.*}} iter_args(%{{.*}} = %[[ZERO]]
// V3-COUNT-12: math.fma
// V3-NEXT: scf.yield
// V3-COUNT-12: vector.store
func.func @contraction(%k: memref<?x64xf32, strided<[?, 1], offset: ?>>,
                       %q: memref<64x64xf32>) -> memref<96x64xf32> {
  %zero = arith.constant 0.0 : f32
  %s = memref.alloc() : memref<96x64xf32>
  linalg.fill ins(%zero : f32) outs(%s : memref<96x64xf32>)
  linalg.generic {indexing_maps = [#key, #query, #score],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<?x64xf32, strided<[?, 1], offset: ?>>, memref<64x64xf32>)
      outs(%s : memref<96x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  return %s : memref<96x64xf32>
}

// -----

// A carried sum and a stored output in one loop; what does not vary with the
// reduced dimension is read before it.
// CHECK-LABEL: func @weights_and_sum
// CHECK-SAME: %[[S:.*]]: memref<?x16xf32>, %[[M:.*]]: memref<16xf32>, %[[P:.*]]: memref<?x16xf32>, %[[L:.*]]: memref<16xf32>
// CHECK-NOT: linalg
// CHECK: vector.load %[[L]]
// CHECK: vector.load %[[M]]
// CHECK: scf.for {{.*}} iter_args
// CHECK: %[[SCORE:.*]] = vector.load %[[S]]
// CHECK: arith.subf %[[SCORE]]
// CHECK: %[[E:.*]] = math.exp2
// CHECK: vector.store %[[E]], %[[P]]
// CHECK: scf.yield
// CHECK: vector.store %{{.*}}, %[[L]]
#row = affine_map<(j, i) -> (j, i)>
#lane = affine_map<(j, i) -> (i)>
func.func @weights_and_sum(%s: memref<?x16xf32>, %m: memref<16xf32>,
                           %p: memref<?x16xf32>, %l: memref<16xf32>) {
  linalg.generic {indexing_maps = [#row, #lane, #row, #lane],
                  iterator_types = ["reduction", "parallel"]}
      ins(%s, %m : memref<?x16xf32>, memref<16xf32>)
      outs(%p, %l : memref<?x16xf32>, memref<16xf32>) {
  ^bb0(%score: f32, %max: f32, %old: f32, %sum: f32):
    %d = arith.subf %score, %max : f32
    %e = math.exp2 %d : f32
    %r = arith.addf %sum, %e : f32
    linalg.yield %e, %r : f32, f32
  }
  return
}

// -----

// Tails of a dynamic size: single vectors, then elements.
// CHECK-LABEL: func @dynamic_lanes
// V3: scf.for {{.*}} step %{{.*}} {
// V3-COUNT-4: vector.store {{.*}} vector<8xf32>
// V3: scf.for
// V3: vector.store {{.*}} vector<8xf32>
// V3: scf.for
// V3: memref.store
func.func @dynamic_lanes(%x: memref<?xf32>, %y: memref<?xf32>) {
  linalg.exp ins(%x : memref<?xf32>) outs(%y : memref<?xf32>)
  return
}

// -----

// A captured tensor is read by masked loads where it follows the lanes, by a
// guarded scalar where it does not, by a gather otherwise.
// CHECK-LABEL: func @captured_loads
// CHECK-SAME: %[[IDS:.*]]: memref<?xi32>
// CHECK: memref.dim %[[IDS]]
// CHECK: %[[IN:.*]] = arith.cmpi ult
// CHECK: scf.if %[[IN]]
// CHECK: memref.load %[[IDS]]
// CHECK: vector.maskedload %[[IDS]]
// CHECK: vector.gather
#pair = affine_map<(j, i) -> (j, i)>
func.func @captured_loads(%ids: memref<?xi32>, %out: memref<8x16xi32>) {
  linalg.generic {indexing_maps = [#pair],
                  iterator_types = ["parallel", "parallel"]}
      outs(%out : memref<8x16xi32>) {
  ^bb0(%old: i32):
    %j = linalg.index 0 : index
    %i = linalg.index 1 : index
    %a = attn.load %ids[%j] : memref<?xi32>
    %b = attn.load %ids[%i] : memref<?xi32>
    %twice = arith.muli %i, %i : index
    %same = arith.cmpi eq, %a, %b : i32
    %c = attn.load %ids[%twice] if %same : memref<?xi32>
    linalg.yield %c : i32
  }
  return
}

// -----

// What scales an output before a contraction runs on its accumulators, what
// reduces it afterwards on its results: the scores are read from memory once.
// CHECK-LABEL: func @fused
// CHECK: %[[F:.*]] = memref.alloc() : memref<64xf32>
// CHECK: %[[M:.*]] = memref.alloc() : memref<64xf32>
// CHECK: %[[S:.*]] = memref.alloc() : memref<12x64xf32>
// CHECK-NOT: linalg
// V4: vector.load %[[F]]
// V4: %[[OLD:.*]] = vector.load %[[S]]
// V4: %[[SCALED:.*]] = arith.mulf %[[OLD]]
// V4-NOT: vector.store
// V4: %[[NEW:.*]]:24 = scf.for {{.*}} iter_args(%{{.*}} = %[[SCALED]],
// V4: scf.yield
// V4: %[[MAX:.*]] = vector.load %[[M]]
// V4: arith.cmpf ogt, %[[NEW]]#0, %[[MAX]]
// V4-NOT: vector.load %[[S]]
// V4-COUNT-24: vector.store %{{.*}}, %[[S]]
// V4-NOT: scf.for
// V4: return
func.func @fused(%a: memref<12x8xf32>, %b: memref<8x64xf32>) {
  %factor = memref.alloc() : memref<64xf32>
  %max = memref.alloc() : memref<64xf32>
  %s = memref.alloc() : memref<12x64xf32>
  linalg.generic {indexing_maps = [affine_map<(j, i) -> (i)>, affine_map<(j, i) -> (j, i)>],
                  iterator_types = ["parallel", "parallel"]}
      ins(%factor : memref<64xf32>) outs(%s : memref<12x64xf32>) {
  ^bb0(%x: f32, %y: f32):
    %r = arith.mulf %y, %x : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [affine_map<(j, i, d) -> (j, d)>, affine_map<(j, i, d) -> (d, i)>, affine_map<(j, i, d) -> (j, i)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<12x8xf32>, memref<8x64xf32>) outs(%s : memref<12x64xf32>) {
  ^bb0(%x: f32, %y: f32, %c: f32):
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [affine_map<(j, i) -> (j, i)>, affine_map<(j, i) -> (i)>],
                  iterator_types = ["reduction", "parallel"]}
      ins(%s : memref<12x64xf32>) outs(%max : memref<64xf32>) {
  ^bb0(%x: f32, %y: f32):
    %g = arith.cmpf ogt, %x, %y : f32
    %r = arith.select %g, %x, %y : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// Results of public functions overlap no other argument: sums are stored there from
// registers. Another argument may be where the factors are, so that one waits.
#lhs = affine_map<(j, i, d) -> (j, d)>
#rhs = affine_map<(j, i, d) -> (d, i)>
#sum = affine_map<(j, i, d) -> (j, i)>

// CHECK-LABEL: func @copied_to_result
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<?x64xf32> {attn.result}
// CHECK: %[[PART:.*]] = memref.subview %[[OUT]]
// V4: %[[NEW:.*]]:24 = scf.for
// V4: scf.yield
// V4: vector.store %[[NEW]]#0, %[[PART]]
// CHECK-LABEL: func @copied_to_argument
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<?x64xf32>)
// V4: %[[NEW:.*]]:24 = scf.for
// V4: scf.yield
// V4: vector.store %[[NEW]]#0, %[[SUMS:[a-z0-9_]+]][
// V4: %[[PART:.*]] = memref.subview %[[OUT]]
// V4: scf.for
// V4: %[[SUM:.*]] = vector.load %[[SUMS]][
// V4: vector.store %[[SUM]], %[[PART]][
func.func @copied_to_result(%a: memref<12x8xf32>, %b: memref<8x64xf32>, %out: memref<?x64xf32> {attn.result}) {
  %zero = arith.constant 0.0 : f32
  %s = memref.alloca() : memref<12x64xf32>
  linalg.fill ins(%zero : f32) outs(%s : memref<12x64xf32>)
  linalg.generic {indexing_maps = [#lhs, #rhs, #sum], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<12x8xf32>, memref<8x64xf32>) outs(%s : memref<12x64xf32>) {
  ^bb0(%x: f32, %y: f32, %c: f32):
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  %part = memref.subview %out[12, 0] [12, 64] [1, 1] : memref<?x64xf32> to memref<12x64xf32, strided<[64, 1], offset: 768>>
  linalg.copy ins(%s : memref<12x64xf32>) outs(%part : memref<12x64xf32, strided<[64, 1], offset: 768>>)
  return
}
func.func @copied_to_argument(%a: memref<12x8xf32>, %b: memref<8x64xf32>, %out: memref<?x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %s = memref.alloca() : memref<12x64xf32>
  linalg.fill ins(%zero : f32) outs(%s : memref<12x64xf32>)
  linalg.generic {indexing_maps = [#lhs, #rhs, #sum], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<12x8xf32>, memref<8x64xf32>) outs(%s : memref<12x64xf32>) {
  ^bb0(%x: f32, %y: f32, %c: f32):
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  }
  %part = memref.subview %out[0, 0] [12, 64] [1, 1] : memref<?x64xf32> to memref<12x64xf32, strided<[64, 1]>>
  linalg.copy ins(%s : memref<12x64xf32>) outs(%part : memref<12x64xf32, strided<[64, 1]>>)
  return
}

// -----

// What is transposed is read along the memory, in pieces of 128 bits, so that two
// steps inside of these transpose as many rows as a piece has elements. The loop along
// the memory is the inner one.
// CHECK-LABEL: func @transpose
// CHECK-SAME: %[[X:.*]]: memref<64x32xf32>, %[[Y:.*]]: memref<32x64xf32>
// V4: scf.for %[[LANE:.*]] = {{.*}} step %c16
// V4: scf.for %[[ROW:.*]] = {{.*}} step %c4
// V4: %[[R0:.*]] = vector.load %[[X]][%[[LANE]], %[[ROW]]] : memref<64x32xf32>, vector<4xf32>
// V4: %[[R4:.*]] = vector.load %[[X]][%{{.*}}] : memref<64x32xf32>, vector<4xf32>
// V4: vector.shuffle %[[R0]], %[[R4]] [0, 1, 2, 3, 4, 5, 6, 7]
// V4: vector.shuffle {{.*}} [0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29] : vector<16xf32>
// V4: vector.shuffle {{.*}} [0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29] : vector<16xf32>
// V4-COUNT-4: vector.store %{{.*}}, %[[Y]]{{.*}} vector<16xf32>
// V4-NOT: vector.store
// V3: scf.for {{.*}} step %c8
// V3: scf.for {{.*}} step %c4
// V3-COUNT-2: vector.load %[[X]]{{.*}} vector<4xf32>
// V3: vector.shuffle {{.*}} [0, 8, 1, 9, 4, 12, 5, 13] : vector<8xf32>
// V3-COUNT-4: vector.store %{{.*}}, %[[Y]]{{.*}} vector<8xf32>
// V3-NOT: vector.store
// CHECK: return
func.func @transpose(%x: memref<64x32xf32>, %y: memref<32x64xf32>) {
  linalg.transpose ins(%x : memref<64x32xf32>) outs(%y : memref<32x64xf32>) permutation = [1, 0]
  return
}

// -----

#rows = affine_map<(j, i, d) -> (j, d)>
#lanes = affine_map<(j, i, d) -> (d, i)>
#sums = affine_map<(j, i, d) -> (j, i)>

// Where each row has one multiply-add a step, two steps find their scalars at once.
// V4-LABEL: func @paired_steps
// V4: scf.for {{.*}} step %c2{{.*}} iter_args
// V4-COUNT-16: math.fma
// V4-NEXT: scf.yield
// V4-LABEL: func @paired_steps_of_many
// V4: scf.for {{.*}} step %c2{{.*}} iter_args
// V4-COUNT-32: math.fma
// V4-NEXT: scf.yield
func.func @paired_steps(%a: memref<8x64xf32>, %b: memref<64x16xf32>, %c: memref<8x16xf32>) {
  linalg.generic {indexing_maps = [#rows, #lanes, #sums], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<8x64xf32>, memref<64x16xf32>) outs(%c : memref<8x16xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %s, %m : f32
    linalg.yield %r : f32
  }
  return
}
func.func @paired_steps_of_many(%a: memref<16x64xf32>, %b: memref<64x16xf32>, %c: memref<16x16xf32>) {
  linalg.generic {indexing_maps = [#rows, #lanes, #sums], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<16x64xf32>, memref<64x16xf32>) outs(%c : memref<16x16xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %s, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#rows = affine_map<(j, i, d) -> (j, d)>
#lanes = affine_map<(j, i, d) -> (d, i)>
#sums = affine_map<(j, i, d) -> (j, i)>

// Eight rows are two blocks of four, not one of six and one of two.
// V4-LABEL: func @halves
// V4: scf.for {{.*}} step %c4
// V4: scf.for {{.*}} iter_args
// V4-COUNT-16: math.fma
// V4-NEXT: scf.yield
// V4-NOT: math.fma
// V4: return
func.func @halves(%a: memref<8x64xf32>, %b: memref<64x64xf32>, %c: memref<8x64xf32>) {
  linalg.generic {indexing_maps = [#rows, #lanes, #sums], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<8x64xf32>, memref<64x64xf32>) outs(%c : memref<8x64xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %m = arith.mulf %x, %y : f32
    %r = arith.addf %s, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#weight = affine_map<(i, e, j) -> (j, i)>
#value = affine_map<(i, e, j) -> (j, e)>
#output = affine_map<(i, e, j) -> (i, e)>

// bf16 along lanes is extended without a shuffle: accumulators are parted into even and
// odd lanes before the reduction, and joined after it.
// V4-LABEL: func @extended_halves
// V4-NOT: arith.extf
// V4-COUNT-16: vector.load %{{.*}} memref<4x64xf32>, vector<16xf32>
// V4: vector.shuffle {{.*}} [0, 2, 4, 6, {{.*}}, 30]
// V4: vector.shuffle {{.*}} [1, 3, 5, 7, {{.*}}, 31]
// V4: scf.for {{.*}} iter_args
// V4: %[[PAIRS:.*]] = vector.load {{.*}} vector<32xbf16>
// V4: %[[WORDS:.*]] = vector.bitcast %[[PAIRS]] : vector<32xbf16> to vector<16xi32>
// V4: %[[EVEN:.*]] = arith.shli %[[WORDS]]
// V4: %[[ODD:.*]] = arith.andi %[[WORDS]]
// V4-COUNT-16: math.fma
// V4-NEXT: scf.yield
// V4: vector.shuffle {{.*}} [0, 16, 1, 17, {{.*}}, 23]
// V4: vector.shuffle {{.*}} [8, 24, 9, 25, {{.*}}, 31]
// V4-COUNT-16: vector.store
// V4-LABEL: func @whole_vectors
// V4-NOT: vector<32xbf16>
// V4: arith.extf {{.*}} : vector<16xbf16> to vector<16xf32>
func.func @extended_halves(%p: memref<?x4xf32>, %v: memref<?x64xbf16>, %o: memref<4x64xf32>) {
  linalg.generic {indexing_maps = [#value, #weight, #output], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%v, %p : memref<?x64xbf16>, memref<?x4xf32>) outs(%o : memref<4x64xf32>) {
  ^bb0(%x: bf16, %y: f32, %s: f32):
    %w = arith.extf %x : bf16 to f32
    %m = arith.mulf %w, %y : f32
    %r = arith.addf %s, %m : f32
    linalg.yield %r : f32
  }
  return
}
// An odd number of vectors has no pairs of them.
func.func @whole_vectors(%p: memref<?x4xf32>, %v: memref<?x48xbf16>, %o: memref<4x48xf32>) {
  linalg.generic {indexing_maps = [#value, #weight, #output], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%v, %p : memref<?x48xbf16>, memref<?x4xf32>) outs(%o : memref<4x48xf32>) {
  ^bb0(%x: bf16, %y: f32, %s: f32):
    %w = arith.extf %x : bf16 to f32
    %m = arith.mulf %w, %y : f32
    %r = arith.addf %s, %m : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// Pairs of bf16: one instruction adds two products to each accumulator.
// DOT-LABEL: func @pairs
// DOT: scf.for {{.*}} iter_args
// DOT: vector.load %{{.*}} : memref<8x128xbf16>, vector<32xbf16>
// DOT: vector.load %{{.*}} : memref<6x8x2xbf16>, vector<2xbf16>
// DOT-COUNT-24: x86vector.avx512.dot
// DOT-NEXT: scf.yield
// Without the instruction, scalars do.
// V4-LABEL: func @pairs
// V4-NOT: x86vector
func.func @pairs(%a: memref<6x8x2xbf16>, %b: memref<8x64x2xbf16>, %c: memref<6x64xf32>) {
  linalg.generic {indexing_maps = [affine_map<(j, i, d, p) -> (j, d, p)>, affine_map<(j, i, d, p) -> (d, i, p)>, affine_map<(j, i, d, p) -> (j, i)>],
                  iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%a, %b : memref<6x8x2xbf16>, memref<8x64x2xbf16>) outs(%c : memref<6x64xf32>) {
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

// Rows stored in pairs are interleaved; a single last row is stored by itself. A
// sum over the rows stays in registers for the two of them.
// V4-LABEL: func @store_pairs
// V4-SAME: %{{.*}}: memref<?x16xf32>, %[[P:.*]]: memref<?x16x2xbf16>, %[[L:.*]]: memref<16xf32>
// V4: scf.for
// V4: %[[EVEN:.*]] = arith.truncf
// V4-NOT: vector.store
// V4: %[[ODD:.*]] = arith.truncf
// V4: %[[PAIRS:.*]] = vector.interleave %[[EVEN]], %[[ODD]]
// V4: vector.store %[[PAIRS]]
// V4: vector.store %{{.*}}, %[[L]]
// V4: scf.for
// V4-COUNT-16: memref.store %{{.*}}, %[[P]]
func.func @store_pairs(%s: memref<?x16xf32>, %p: memref<?x16x2xbf16>, %l: memref<16xf32>) {
  linalg.generic {indexing_maps = [affine_map<(j, i) -> (j, i)>, affine_map<(j, i) -> (j floordiv 2, i, j mod 2)>, affine_map<(j, i) -> (i)>],
                  iterator_types = ["reduction", "parallel"]}
      ins(%s : memref<?x16xf32>) outs(%p, %l : memref<?x16x2xbf16>, memref<16xf32>) {
  ^bb0(%x: f32, %old: bf16, %sum: f32):
    %t = arith.truncf %x : f32 to bf16
    %r = arith.addf %sum, %x : f32
    linalg.yield %t, %r : bf16, f32
  }
  return
}

// -----

// What is left of a dimension of any size is transposed four by four, then copied
// element by element, in loops: nothing of it is unrolled.
// CHECK-LABEL: func @transpose_rest
// CHECK-SAME: %[[X:.*]]: memref<?x32xf32>
// V4: vector.store {{.*}} vector<16xf32>
// V3: vector.store {{.*}} vector<8xf32>
// CHECK: scf.for
// CHECK-COUNT-4: vector.load {{.*}} vector<4xf32>
// CHECK-NOT: vector.load
// CHECK-COUNT-4: vector.store {{.*}} vector<4xf32>
// CHECK: scf.for
// CHECK: scf.for
// CHECK-NEXT: %[[ELEMENT:.*]] = memref.load %[[X]]
// CHECK-NEXT: memref.store %[[ELEMENT]]
// CHECK-NEXT: }
func.func @transpose_rest(%x: memref<?x32xf32>, %y: memref<32x?xf32>) {
  linalg.transpose ins(%x : memref<?x32xf32>) outs(%y : memref<32x?xf32>) permutation = [1, 0]
  return
}

// -----

// One value of a few vectors: lane by lane, then over the lanes.
// CHECK-LABEL: func @any
// CHECK-SAME: %[[A:.*]]: memref<48xf32>, %[[R:.*]]: memref<i1>
// CHECK-NOT: linalg
// V4-COUNT-3: vector.load %[[A]]{{.*}} vector<16xf32>
// V4: %[[ANY:.*]] = vector.reduction <or>, %{{.*}}, %{{.*}} : vector<16xi1> into i1
// V3-COUNT-6: vector.load %[[A]]{{.*}} vector<8xf32>
// V3: %[[ANY:.*]] = vector.reduction <or>, %{{.*}}, %{{.*}} : vector<8xi1> into i1
// CHECK-NEXT: memref.store %[[ANY]], %[[R]][]
func.func @any(%a: memref<48xf32>, %r: memref<i1>) {
  %no = arith.constant false
  %most = arith.constant 8.0 : f32
  linalg.fill ins(%no : i1) outs(%r : memref<i1>)
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%a : memref<48xf32>) outs(%r : memref<i1>) {
  ^bb0(%x: f32, %o: i1):
    %more = arith.cmpf ogt, %x, %most : f32
    %or = arith.ori %o, %more : i1
    linalg.yield %or : i1
  }
  return
}

// -----

// So is one of 256 features.
// CHECK-LABEL: func @any_of_many
// CHECK-NOT: scf.for
// V4-COUNT-16: vector.load {{.*}} vector<16xf32>
// V3-COUNT-32: vector.load {{.*}} vector<8xf32>
// CHECK: vector.reduction <or>
// CHECK: return
func.func @any_of_many(%a: memref<256xf32>, %r: memref<i1>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%a : memref<256xf32>) outs(%r : memref<i1>) {
  ^bb0(%x: f32, %o: i1):
    %nan = arith.cmpf uno, %x, %x : f32
    %or = arith.ori %o, %nan : i1
    linalg.yield %or : i1
  }
  return
}

// -----

// What fills no vector is reduced as half of one.
// CHECK-LABEL: func @sum_with_rest
// CHECK-SAME: %[[A:.*]]: memref<40xf32>, %[[R:.*]]: memref<f32>
// CHECK-NOT: scf.for
// V4-COUNT-2: vector.load %[[A]]{{.*}} vector<16xf32>
// V4: %[[WHOLE:.*]] = vector.reduction <add>, %{{.*}}, %{{.*}} fastmath<reassoc> : vector<16xf32> into f32
// V4: vector.load %[[A]]{{.*}} vector<8xf32>
// V4: vector.reduction <add>, %{{.*}}, %[[WHOLE]] fastmath<reassoc> : vector<8xf32> into f32
// V3-COUNT-5: vector.load %[[A]]{{.*}} vector<8xf32>
// CHECK: return
func.func @sum_with_rest(%a: memref<40xf32>, %r: memref<f32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%a : memref<40xf32>) outs(%r : memref<f32>) {
  ^bb0(%x: f32, %o: f32):
    %sum = arith.addf %o, %x : f32
    linalg.yield %sum : f32
  }
  return
}
