//===- PairSizes.h - Masks and modifiers against an attention's sizes ---===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_PAIRSIZES_H
#define ATTN_DIALECT_ATTN_IR_PAIRSIZES_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Whether two sizes may be equal at run time.
inline bool mayBeEqual(int64_t lhs, int64_t rhs) {
  return ShapedType::isDynamic(lhs) || ShapedType::isDynamic(rhs) || lhs == rhs;
}

/// The product of two sizes, dynamic if either is.
int64_t multiplySizes(int64_t lhs, int64_t rhs);

/// Verifies that the captures of `mask` (null for none; through and, or, not)
/// and `scores` fit an attention `op` over `sizes`, as far as types show it.
/// Without heads a tensor of rank 3 that is aligned with pairs is (B, M, N).
/// Values that no op of this dialect defines, such as results of calls, are
/// left for later.
LogicalResult verifyMaskAndScores(Operation *op, Value mask, ValueRange scores,
                                  const PairSizes &sizes, bool hasHeads);

/// Emits attn.require for what `verifyMaskAndScores` leaves open, given the
/// sizes B, H, M, N as index values.
void emitSizeRequirements(OpBuilder &builder, Location loc, Value mask,
                          ValueRange scores, ArrayRef<Value> sizes,
                          bool hasHeads);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_IR_PAIRSIZES_H
