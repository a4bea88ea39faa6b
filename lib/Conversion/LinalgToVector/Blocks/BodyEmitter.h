//===- BodyEmitter.h - The body of a linalg op, lane by lane -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_BLOCKS_BODYEMITTER_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_BLOCKS_BODYEMITTER_H

#include "../Access/MemoryAccess.h"

#include "attn/Dialect/Attn/IR/Attn.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseMap.h"

#include <tuple>

namespace mlir::attn {

/// What a value of the body varies with.
struct Dependence {
  bool row = false;
  bool lane = false;
  /// The number of reduction loops that must be entered before it is known.
  unsigned depth = 0;

  void merge(const Dependence &other);
};

/// Emits the body of a linalg op for the vectors of a block. A value is emitted
/// once for all positions that agree on what it varies with: a scalar until a
/// vector needs it.
class BodyEmitter {
public:
  BodyEmitter(linalg::GenericOp op, const BlockPlan &plan,
              MemoryAccess &access);

  /// Whether an output stays in registers during the reductions.
  bool isCarried(OpOperand &output) const;

  /// Emits what becomes known at `depth` reduction loops, for one position.
  void emit(OpBuilder &builder, unsigned depth, BlockPosition position);
  /// Sets what the body reads of `operand` at `position`: a register instead of
  /// memory.
  void setOperand(OpOperand &operand, BlockPosition position, Value value);
  /// Sets what the body makes of `operand` by extending it.
  void setExtended(OpOperand &operand, BlockPosition position, Value value);
  /// What the body yields for `output`, with one lane per lane of the block.
  Value getResult(OpBuilder &builder, OpOperand &output,
                  BlockPosition position);

private:
  using Key = std::tuple<Value, int64_t, int64_t>;

  void analyze();
  Dependence dependenceOfOperand(OpOperand &operand) const;
  Dependence dependenceOfOp(Operation &inner) const;
  const Dependence &dependenceOf(Value value) const;
  Key keyOf(Value value, BlockPosition position) const;
  bool isEmitted(Value value, BlockPosition position) const;

  /// The value at a position: a scalar if it is the same for all lanes.
  Value lookup(Value value, BlockPosition position) const;
  /// The value at a position, broadcast if it is the same for all lanes.
  Value lookupLanes(OpBuilder &builder, Value value, BlockPosition position);
  void define(Value value, BlockPosition position, Value emitted);

  void emitOp(OpBuilder &builder, Operation &inner, BlockPosition position);
  void emitIndex(OpBuilder &builder, linalg::IndexOp index,
                 BlockPosition position);
  void emitElementwise(OpBuilder &builder, Operation &inner,
                       BlockPosition position);
  void emitPerLane(OpBuilder &builder, Operation &inner,
                   BlockPosition position);
  void emitScalar(OpBuilder &builder, Operation &inner, BlockPosition position);
  IRMapping scalarMapping(OpBuilder &builder, Operation &inner,
                          BlockPosition position, int64_t lane) const;

  void emitLoad(OpBuilder &builder, LoadOp load, BlockPosition position);
  Value emitContiguousLoad(OpBuilder &builder, LoadOp load,
                           BlockPosition position);
  Value emitGather(OpBuilder &builder, LoadOp load, BlockPosition position);
  Value emitScalarLoads(OpBuilder &builder, LoadOp load,
                        BlockPosition position);
  Value emitLanesOf(OpBuilder &builder, LoadOp load, BlockPosition position);
  Value emitOffsets(OpBuilder &builder, LoadOp load,
                    memref::ExtractStridedMetadataOp metadata,
                    BlockPosition position);
  bool isContiguous(LoadOp load) const;
  Value emitMask(OpBuilder &builder, LoadOp load, BlockPosition position);
  /// How much `index` grows from lane to lane, if that is a constant.
  std::optional<int64_t> laneStride(Value index) const;
  /// The value of `index`, whose lane stride is known, in lane 0.
  Value emitLaneZero(OpBuilder &builder, Value index, BlockPosition position);

  // A handle: reading through it is not a change, but its methods are not
  // const.
  mutable linalg::GenericOp op;
  const BlockPlan &plan;
  MemoryAccess &access;
  llvm::DenseMap<Value, Dependence> dependences;
  llvm::DenseMap<Key, Value> emitted;
  llvm::DenseMap<Key, Value> broadcasts;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_BLOCKS_BODYEMITTER_H
