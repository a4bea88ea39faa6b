// Every phase's output parses back, and the next phase takes it from there.
// RUN: attn-opt %s -attn-phase-raise="target=x86-64-v4" -o %t.raise.mlir
// RUN: attn-opt %t.raise.mlir -attn-phase-optimize="target=x86-64-v4" -o %t.optimize.mlir
// RUN: attn-opt %t.optimize.mlir -attn-phase-tile="target=x86-64-v4" -o %t.tile.mlir
// RUN: attn-opt %t.tile.mlir -attn-phase-decompose="target=x86-64-v4" -o %t.decompose.mlir
// RUN: attn-opt %t.decompose.mlir -attn-phase-bufferize="target=x86-64-v4" -o %t.bufferize.mlir
// RUN: attn-opt %t.bufferize.mlir -attn-phase-vectorize="target=x86-64-v4" -o %t.vectorize.mlir
// RUN: attn-opt %t.vectorize.mlir -attn-phase-lower="target=x86-64-v4" -o %t.lower.mlir
// RUN: FileCheck %s --check-prefix=RAISE < %t.raise.mlir
// RUN: FileCheck %s --check-prefix=OPTIMIZE < %t.optimize.mlir
// RUN: FileCheck %s --check-prefix=TILE < %t.tile.mlir
// RUN: FileCheck %s --check-prefix=DECOMPOSE < %t.decompose.mlir
// RUN: FileCheck %s --check-prefix=BUFFERIZE < %t.bufferize.mlir
// RUN: FileCheck %s --check-prefix=VECTORIZE < %t.vectorize.mlir
// RUN: FileCheck %s --check-prefix=LOWER < %t.lower.mlir

// Entering after any phase gives what all phases in one run give.
// RUN: attn-opt %s -attn-to-llvm="target=x86-64-v4" -o %t.all.mlir
// RUN: diff %t.lower.mlir %t.all.mlir

// RAISE-LABEL: func @causal(
// RAISE: attn.mask.causal
// RAISE: attn.scaled_dot_product

// Masks are regions, results destinations.
// OPTIMIZE-LABEL: func @causal(
// OPTIMIZE-SAME: memref<4x?x16xf32
// OPTIMIZE-NOT: !attn.mask
// OPTIMIZE: attn.require
// OPTIMIZE: attn.attend dot softmax
// OPTIMIZE: mask {

// Loops over heads and query tiles, then key tiles.
// TILE-LABEL: func @causal(
// TILE: scf.forall
// TILE: attn.attend_tile

// DECOMPOSE-LABEL: func @causal(
// DECOMPOSE-NOT: attn.attend
// DECOMPOSE: iterator_types = ["parallel", "parallel", "reduction"]

// BUFFERIZE-LABEL: func @causal(
// BUFFERIZE-NOT: tensor<
// BUFFERIZE: memref.alloca

// VECTORIZE-LABEL: func @causal(
// VECTORIZE-NOT: linalg.generic
// VECTORIZE: vector<16xf32>

// LOWER: llvm.func @causal(
// LOWER-NOT: memref
func.func @causal(%q: tensor<4x?x16xf32>, %k: tensor<4x?x16xf32>, %v: tensor<4x?x16xf32>) -> tensor<4x?x16xf32> {
  %m = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<4x?x16xf32>, tensor<4x?x16xf32>, tensor<4x?x16xf32> -> tensor<4x?x16xf32>
  return %o : tensor<4x?x16xf32>
}
