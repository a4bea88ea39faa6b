//===- Passes.td - Passes from linalg to vector -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_LINALGTOVECTOR_PASSES_TD
#define ATTN_CONVERSION_LINALGTOVECTOR_PASSES_TD

include "mlir/Pass/PassBase.td"

def InterleaveProductsPass : Pass<"attn-interleave-products"> {
  let summary = "Read keys and values in turns";
  let description = [{
    A loop over tiles of keys multiplies the queries by a tile's keys, makes
    weights of the scores, and multiplies these by its values. Where hardware
    follows what is read in order (`followsReads` of the target), memory is read
    faster if both streams go on side by side: scores of the next tile are
    multiplied beside the values of this one, 8 to 32 keys of each in turns. What
    stands between the products stays as it is, so no bit of a result changes.
    Tiles that a condition skips, as a mask leaves them empty, take no part.

    Takes loops on memrefs over streamed keys and values in which nothing but
    linalg ops has side effects, and in which scores read one key after the
    other, or of f32 have more than four rows.

    Example: test/Conversion/LinalgToVector/interleave-products.mlir.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"native\"",
           "CPU that the loops are for">];
  let dependentDialects = ["arith::ArithDialect", "memref::MemRefDialect",
                           "scf::SCFDialect"];
}

def VectorizePass : Pass<"attn-vectorize"> {
  let summary = "Turn linalg on memrefs into loops over native vectors";
  let description = [{
    Accepts any linalg op on memrefs. One parallel dimension, the lane dimension,
    runs along vector lanes; a second one is blocked by rows; reductions become
    the innermost loops and carry one vector per row and lane vector in
    registers. Block sizes come from the target's registers. All vectors are 1-D
    and of the target's size.

    An op that only scales or otherwise changes the output of a reduction, before
    or after it, or reduces it further (the maximum of scores), runs on each block
    while that is in registers. Matrices that are transposed on the way are read
    in squares and shuffled. Products of bf16 whose innermost reduction is over
    two elements become dot instructions where the target has them; so does an
    output indexed (row / 2, lane, row mod 2) get whole pairs of rows. Where all
    sizes are whole tiles and the target has tile registers, such products are on
    these.

    `attn.load` in a body becomes a masked load, a gather or a guarded scalar
    load. A `linalg.fill` that only initialises a reduction is absorbed by it.
    But for the dot instructions, reductions run in order of the loops: results do
    not depend on block sizes.

    Guarantees that no linalg op on memrefs is left, but for those that it
    declines with a remark `vectorize`: they have an indexing map or layout that
    is not understood.

    Example: test/Conversion/LinalgToVector/vectorize.mlir.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"native\"",
           "CPU whose registers are blocked for">];
  let dependentDialects = ["LLVM::LLVMDialect", "affine::AffineDialect",
                           "amx::AMXDialect", "arith::ArithDialect",
                           "linalg::LinalgDialect",
                           "math::MathDialect", "memref::MemRefDialect",
                           "scf::SCFDialect", "vector::VectorDialect",
                           "x86vector::X86VectorDialect"];
}

def InterleaveStepsPass : Pass<"attn-interleave-steps"> {
  let summary = "Run several steps of short parallel loops side by side";
  let description = [{
    A step of each `scf.forall` on memrefs with `attn.interleave` becomes as many,
    where the last dimension whose number of steps is a known multiple has them:
    what leads up to each op of the body that writes, or loop that does, is followed
    by copies for the steps beside. What one step waits for is computed while others
    run, and none keeps its registers while another has its turn.
    Results are the same, bit for bit. No `attn.interleave` is left.

    Example: test/Conversion/LinalgToVector/interleave-steps.mlir.
  }];
  let dependentDialects = ["arith::ArithDialect", "scf::SCFDialect"];
}

#endif // ATTN_CONVERSION_LINALGTOVECTOR_PASSES_TD
