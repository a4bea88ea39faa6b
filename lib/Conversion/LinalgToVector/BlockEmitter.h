//===- BlockEmitter.h - Loops around register blocks -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_BLOCKEMITTER_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_BLOCKEMITTER_H

#include "BodyEmitter.h"

namespace mlir::attn {

/// Emits the loops of one op as its plan says. Where `initialValues` has a
/// value for an output, the output starts from it instead of from memory.
class BlockEmitter {
public:
  BlockEmitter(linalg::GenericOp op, const BlockPlan &plan,
               ArrayRef<Value> initialValues)
      : op(op), plan(plan), initialValues(initialValues) {}

  /// Emits everything before the builder's insertion point.
  void emit(OpBuilder &builder);

private:
  /// One block: its height, its width and what addresses it.
  struct Block {
    int64_t rows;
    LaneSegment lanes;
    MemoryAccess access;
    BodyEmitter body;

    Block(BlockEmitter &parent, int64_t rows, LaneSegment lanes);
    void forEachPosition(function_ref<void(BlockPosition)> visit) const;
  };

  void emitOuter(OpBuilder &builder, unsigned level);
  void emitRows(OpBuilder &builder);
  void emitLanes(OpBuilder &builder, int64_t rows);
  void emitBlock(OpBuilder &builder, int64_t rows, LaneSegment lanes);
  SmallVector<Value> emitReductions(OpBuilder &builder, Block &block,
                                    unsigned depth, ValueRange accumulators);
  SmallVector<Value> emitBody(OpBuilder &builder, Block &block,
                              ValueRange accumulators);
  SmallVector<OpOperand *> carriedOutputs(const Block &block) const;
  SmallVector<Value> loadAccumulators(OpBuilder &builder, Block &block);

  /// A loop from `start` to the last whole multiple of `step` before the end of
  /// `dim`; returns that bound.
  Value emitLoop(OpBuilder &builder, unsigned dim, Value start, int64_t step,
                 function_ref<void(OpBuilder &)> body);

  // A handle: reading through it is not a change, but its methods are not
  // const.
  mutable linalg::GenericOp op;
  const BlockPlan &plan;
  ArrayRef<Value> initialValues;
  SmallVector<Value> sizes;
  SmallVector<Value> ivs;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_BLOCKEMITTER_H
