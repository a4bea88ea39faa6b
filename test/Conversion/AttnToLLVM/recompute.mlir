// RUN: attn-opt %s -attn-lower-signatures -convert-attn-to-llvm -attn-outline-parallel | FileCheck %s

// Where it is needed, the runtime gets what is constant by a copy, then the addresses,
// and the function that its region became. Maximum and sum come back through scratch.

#query = affine_map<(i, g, j, d, e) -> (i, d)>
#key = affine_map<(i, g, j, d, e) -> (j, d)>
#value = affine_map<(i, g, j, d, e) -> (j, e)>
#output = affine_map<(i, g, j, d, e) -> (i, e)>

// CHECK: llvm.mlir.global internal constant @f.rows.0(dense<[0, 4602678819172646912, 0, 0, 8, 1, 64, 32, 0, 0, {{.*}}>
// CHECK-LABEL: llvm.func internal @f.pairs.0(
// CHECK-SAME: %[[DATA:.*]]: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64, %[[KEY:.*]]: i64, %[[SCORE:.*]]: f32) -> f32
// CHECK: llvm.load
// CHECK: %[[NEW:.*]] = llvm.fadd %[[SCORE]],
// CHECK: llvm.return %[[NEW]] : f32
// CHECK-LABEL: llvm.func @f(
func.func @f(%q: memref<8x64xf32>, %k: memref<9x64xf32>, %v: memref<9x32xf32>, %o: memref<8x32xf32>,
             %m: memref<8xf32>, %s: memref<8xf32>, %n: index, %when: i1, %bias: f32) {
  // CHECK: %[[CALL:.*]] = llvm.alloca %{{.*}} x !llvm.array<36 x i64>
  // CHECK: llvm.cond_br %{{.*}} weights([1, 2000]), ^[[AGAIN:.*]], ^[[AFTER:.*]]
  // CHECK: ^[[AGAIN]]:
  // CHECK: %[[PAIRS:.*]] = llvm.mlir.addressof @f.pairs.0
  // CHECK: %[[CONSTANTS:.*]] = llvm.mlir.addressof @f.rows.0
  // CHECK: "llvm.intr.memcpy"(%[[CALL]], %[[CONSTANTS]],
  // CHECK: llvm.store %[[PAIRS]]
  // CHECK: llvm.call @attn_rt_recompute_f32(%[[CALL]])
  // CHECK-COUNT-2: llvm.intr.memcpy
  // CHECK: llvm.br ^[[AFTER]]
  attn.recompute dot softmax ins(%q, %k, %v : memref<8x64xf32>, memref<9x64xf32>, memref<9x32xf32>) keys(%n, %n) when(%when)
      outs(%o : memref<8x32xf32>) state(%m, %s : memref<8xf32>, memref<8xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 0.5 pairs {
  ^bb0(%query: index, %head: index, %key: index, %score: f32):
    %new = arith.addf %score, %bias : f32
    attn.yield %new : f32
  }
  return
}

// CHECK: llvm.mlir.global internal constant @plain.rows.0(dense<[0, 4602678819172646912, 0, 0, 8, 1, 64, 32, 0, 3, {{.*}}>

// Scores that the region leaves as they are need no function; sums of f64 a runtime of their own.
// CHECK-LABEL: llvm.func @plain(
func.func @plain(%q: memref<8x64xf64>, %k: memref<9x64xf64>, %v: memref<9x32xf64>, %o: memref<8x32xf64>, %n: index, %when: i1) {
  // CHECK-NOT: llvm.mlir.addressof @plain.pairs
  // CHECK: llvm.call @attn_rt_recompute_f64(
  attn.recompute dot softmax ins(%q, %k, %v : memref<8x64xf64>, memref<9x64xf64>, memref<9x32xf64>) keys(%n, %n) when(%when)
      outs(%o : memref<8x32xf64>) indexing_maps = [#query, #key, #value, #output] scale = 0.5 pairs {
  ^bb0(%query: index, %head: index, %key: index, %score: f64):
    attn.yield %score : f64
  }
  return
}
