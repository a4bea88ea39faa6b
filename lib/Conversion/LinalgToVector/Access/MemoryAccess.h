//===- MemoryAccess.h - Loads and stores of one block -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_MEMORYACCESS_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_MEMORYACCESS_H

#include "BlockPlan.h"

namespace mlir::attn {

/// A vector of a block: `row` rows and `vector` vectors from the block's base.
struct BlockPosition {
  int64_t row;
  int64_t vector;
};

/// `element`, or a vector of `width` of it where width is more than 1.
Type getLaneType(Type element, int64_t width);

/// A value per lane, from scalars that `build` makes.
Value buildLanes(OpBuilder &builder, Location loc, int64_t width,
                 function_ref<Value(int64_t lane)> build);

/// Lane `lane` of `value`, or `value` itself if it is a scalar.
Value extractLane(OpBuilder &builder, Location loc, Value value, int64_t lane);

/// Elements of a linalg op's operands, addressed by the loops around a block of
/// `rows` rows and of vectors of `width` lanes.
class MemoryAccess {
public:
  MemoryAccess(linalg::GenericOp op, const BlockPlan &plan, int64_t rows,
               int64_t width)
      : op(op), plan(plan), rows(rows), width(width), ivs(op.getNumLoops()) {}

  void setIV(unsigned dim, Value iv) { ivs[dim] = iv; }
  int64_t getWidth() const { return width; }

  /// The value of loop `dim` in lane `lane` of `position`.
  Value getIndex(OpBuilder &builder, Location loc, unsigned dim,
                 BlockPosition position, int64_t lane) const;
  LaneAccess getAccess(OpOperand &operand) const;
  /// A scalar where the access is uniform, else `width` lanes.
  Value load(OpBuilder &builder, OpOperand &operand, BlockPosition position);
  /// `value` has `width` lanes. Rows that are stored in pairs have to come in
  /// order; the second one stores both.
  void store(OpBuilder &builder, OpOperand &operand, BlockPosition position,
             Value value);
  /// A vector of pairs at `position`, and the pair that serves all its lanes.
  Value loadPairs(OpBuilder &builder, OpOperand &operand,
                  BlockPosition position) const;
  Value loadPair(OpBuilder &builder, OpOperand &operand,
                 BlockPosition position) const;

  /// Where lane `lane` of `position` is in `operand`.
  SmallVector<Value> getIndices(OpBuilder &builder, OpOperand &operand,
                                BlockPosition position, int64_t lane) const;

private:
  /// `size` elements from `indices` on.
  Value loadVector(OpBuilder &builder, OpOperand &operand,
                   SmallVector<Value> indices, int64_t size) const;
  /// The memref with its pairs in a row, and the indices of lane 0 in it.
  std::pair<Value, SmallVector<Value>> getPairs(OpBuilder &builder,
                                                OpOperand &operand,
                                                BlockPosition position) const;
  Value interleave(OpBuilder &builder, Value first, Value second);
  bool isTransposed(OpOperand &operand) const;
  SmallVector<Value> loadRows(OpBuilder &builder, OpOperand &operand,
                              int64_t vector) const;
  Value loadTransposed(OpBuilder &builder, OpOperand &operand,
                       BlockPosition position);

  // A handle: reading through it is not a change, but its methods are not
  // const.
  mutable linalg::GenericOp op;
  const BlockPlan &plan;
  int64_t rows;
  int64_t width;
  SmallVector<Value> ivs;
  /// The rows of the block that were loaded along the row dimension, per
  /// operand and vector of the block.
  DenseMap<std::pair<OpOperand *, int64_t>, SmallVector<Value>> transposed;
  /// First rows that wait for the second of their pair.
  DenseMap<std::pair<OpOperand *, int64_t>, Value> firstRows;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_MEMORYACCESS_H
