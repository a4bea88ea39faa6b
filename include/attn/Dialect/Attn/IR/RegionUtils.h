//===- RegionUtils.h - Building and checking regions over pairs -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_REGIONUTILS_H
#define ATTN_DIALECT_ATTN_IR_REGIONUTILS_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// b, h, i and j are assumed to be below this: no tensor has as many elements.
constexpr int64_t positionLimit = int64_t(1) << 48;

/// Verifies a region over pairs: one block whose arguments are (`scoreType` if
/// given,) four indices and `captureTypes`; it yields one `resultType`. Its ops
/// are free of effects and regions and work on scalars; tensors are read by
/// attn.load.
LogicalResult verifyPairRegion(Operation *op, Region &region, Type scoreType,
                               Type resultType, TypeRange captureTypes);

/// Clones the ops of `body` at the builder with `arguments` for its arguments
/// and returns what it yields. Its loads also need `guard` (null for always).
Value clonePairRegion(OpBuilder &builder, Block &body, ValueRange arguments,
                      Value guard);

/// As `clonePairRegion`, where code runs for every pair, masked or not: an
/// integer division by zero, which a masked pair may hold, does not trap.
Value inlinePairRegion(OpBuilder &builder, Block &body, ValueRange arguments,
                       Value guard);

/// Where `op` is an integer division that could trap, by zero or of the least
/// integer by -1, lets it divide by 1 in that case.
void makeDivisionTotal(Operation &op);

/// Loads the pair's element of a tensor aligned right with (B, H, M, N), static
/// sizes of 1 broadcast.
Value emitBroadcastLoad(OpBuilder &builder, Location loc, Value tensor,
                        const PairIndices &indices);

/// The size of a dimension of a tensor or memref.
Value emitDim(OpBuilder &builder, Location loc, Value shaped, int64_t dim);

/// `lhs && rhs`; a null side stands for true.
Value conjunction(OpBuilder &builder, Location loc, Value lhs, Value rhs);

/// `!value`.
Value negation(OpBuilder &builder, Location loc, Value value);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_IR_REGIONUTILS_H
