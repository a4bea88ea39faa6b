//===- BlockEmitter.h - Loops around register blocks -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_BLOCKS_BLOCKEMITTER_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_BLOCKS_BLOCKEMITTER_H

#include "BodyEmitter.h"
#include "Fusion.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::attn {

/// Emits the loops of one op as its plan says. Outputs start from what their
/// initializers say, else from memory. `epilogues` run on each finished block.
class BlockEmitter {
public:
  BlockEmitter(linalg::GenericOp op, const BlockPlan &plan,
               ArrayRef<Initializer> initializers, ArrayRef<FusedOp> epilogues)
      : op(op), plan(plan), initializers(initializers), epilogues(epilogues),
        halves(takesHalves()) {}

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
    size_t indexOf(BlockPosition position) const {
      return position.row * lanes.vectors + position.vector;
    }
  };
  /// An op that runs on the block of another one.
  struct FusedBody {
    const FusedOp &fused;
    MemoryAccess access;
    BodyEmitter body;

    FusedBody(BlockEmitter &parent, const FusedOp &fused, const Block &block);
  };
  /// A vector per position of a block, for memrefs that hold them in the end.
  using Registers = llvm::MapVector<Value, SmallVector<Value>>;

  void emitOuter(OpBuilder &builder, unsigned level);
  void emitRows(OpBuilder &builder, ArrayRef<int64_t> segments,
                function_ref<void(OpBuilder &, int64_t)> body);
  void emitLanes(OpBuilder &builder,
                 function_ref<void(OpBuilder &, LaneSegment)> body);
  void emitPasses(OpBuilder &builder);
  void emitBlocks(OpBuilder &builder);
  void emitBlock(OpBuilder &builder, int64_t rows, LaneSegment lanes);
  SmallVector<Value> emitReductions(OpBuilder &builder, Block &block,
                                    unsigned depth, ValueRange accumulators);
  bool isBoundByAddresses(const Block &block) const;
  void pairSteps(scf::ForOp loop, const Block &block);
  void prefetch(OpBuilder &builder, const Block &block, OpOperand &streamed);
  int64_t rowBlocks() const;
  void prefetchShare(OpBuilder &builder, OpOperand &streamed,
                     SmallVector<Value> position, unsigned column,
                     int64_t lines, int64_t share, int64_t elements);
  int64_t turnsInOrder(OpOperand &streamed) const;
  void prefetchInOrder(OpBuilder &builder, OpOperand &streamed, Value step,
                       int64_t turns);
  bool hasSteps() const;
  std::optional<std::pair<Value, int64_t>>
  numberBlock(OpBuilder &builder, const Block &block) const;
  void fetchSpread(OpBuilder &builder, const Block &block);
  void fetchSpreadStep(OpBuilder &builder, const Block &block, Value step);
  /// Fetches where epilogues will write what a block of streamed inputs gives:
  /// in memory, rows of results may lie on a page each.
  void prefetchResults(OpBuilder &builder, const Block &block);
  SmallVector<Value> emitBody(OpBuilder &builder, Block &block,
                              ValueRange accumulators);
  SmallVector<Value> emitDots(OpBuilder &builder, Block &block,
                              ValueRange accumulators);
  SmallVector<Value> addDots(OpBuilder &builder, Block &block,
                             OpOperand &scalars, ArrayRef<Value> pairs,
                             ValueRange accumulators);
  /// Loops over two steps at a time, and over one that is left.
  SmallVector<Value> emitPairedSteps(OpBuilder &builder, Block &block,
                                     ValueRange accumulators);
  SmallVector<Value> addPairedSteps(OpBuilder &builder, Block &block,
                                    Value pair, bool isWhole,
                                    ValueRange accumulators);
  SmallVector<OpOperand *> carriedOutputs(const Block &block) const;
  bool takesHalves() const;
  void loadHalves(OpBuilder &builder, Block &block);
  /// Puts neighbouring vectors of accumulators into the order of lanes that
  /// steps add to, or back.
  void orderLanes(OpBuilder &builder, MutableArrayRef<Value> accumulators,
                  bool back);
  SmallVector<Value> loadAccumulators(OpBuilder &builder, Block &block);
  void initialize(OpBuilder &builder, Block &block, OpOperand &output,
                  const Initializer &initializer,
                  SmallVectorImpl<Value> &accumulators);
  /// Runs a body without reductions at all positions; elements in `registers`
  /// are taken from there and put there, others in memory.
  void emitPositions(OpBuilder &builder, const Block &block,
                     linalg::GenericOp from, const BlockPlan &fromPlan,
                     MemoryAccess &access, BodyEmitter &body,
                     Registers &registers);

  /// A loop from `start` to the last whole multiple of `step` before the end of
  /// `dim`; returns that bound.
  Value emitLoop(OpBuilder &builder, unsigned dim, Value start, int64_t step,
                 function_ref<void(OpBuilder &)> body);

  // A handle: reading through it is not a change, but its methods are not
  // const.
  mutable linalg::GenericOp op;
  const BlockPlan &plan;
  ArrayRef<Initializer> initializers;
  ArrayRef<FusedOp> epilogues;
  SmallVector<Value> sizes;
  SmallVector<Value> ivs;
  /// Of the reduction, where blocks take a part of it at a time; else null.
  Value firstStep, endStep;
  /// Whether accumulators hold the even and then the odd ones of the lanes of
  /// two vectors: bf16 are extended so without a shuffle.
  bool halves;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_BLOCKS_BLOCKEMITTER_H
