//===- PairRegion.h - Regions over pairs ------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_PAIRREGION_H
#define ATTN_LIB_REFERENCE_PAIRREGION_H

#include "Interpreter.h"

namespace mlir::attn::reference {

/// The block of a mask or score region with its captures: arguments are (the
/// score,) b, h, i, j, captures.
class PairRegion {
public:
  PairRegion(Block &block, bool takesScore, ArrayRef<RuntimeValue> captures,
             Arithmetic arithmetic);

  /// What the region yields.
  llvm::Expected<Scalar> run(const Pair &pair, Scalar score = {}) const;

  /// The type of the score argument.
  Type getScoreType() const { return block.getArgument(0).getType(); }
  Operation *getOp() const { return block.getParentOp(); }

private:
  Block &block;
  bool takesScore;
  /// Holds the captures; the rest is written anew for each pair.
  mutable Interpreter interpreter;
};

/// A mask that a region gives, and a score modifier.
MaskRef makeRegionMask(Block &block, ArrayRef<RuntimeValue> captures);
ScoreModifierRef makeRegionModifier(Block &block,
                                    ArrayRef<RuntimeValue> captures);

/// Refuses a tensor that is not aligned right with (B, H, M, N), of rank 3
/// without heads with (B, M, N), static sizes of 1 aside.
llvm::Error checkBroadcast(Operation *op, Value value,
                           const ReferenceResult &tensor, const Extents &sizes);

/// The pair's element of such a tensor.
Scalar loadBroadcast(Value value, const ReferenceResult &tensor,
                     const Pair &pair);

} // namespace mlir::attn::reference

#endif // ATTN_LIB_REFERENCE_PAIRREGION_H
