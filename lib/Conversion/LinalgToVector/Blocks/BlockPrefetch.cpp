//===- BlockPrefetch.cpp - What blocks fetch ahead -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Access/Streaming.h"
#include "BlockEmitter.h"

#include "attn/Dialect/Attn/IR/ViewRoot.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::attn;

/// Of a line of the cache.
static constexpr int64_t lineBits = 512;

/// How many blocks of rows read the same lanes, where that is known.
int64_t BlockEmitter::rowBlocks() const {
  if (!plan.rowDim || ShapedType::isDynamic(plan.sizes[*plan.rowDim]))
    return 1;
  return llvm::divideCeil(plan.sizes[*plan.rowDim], plan.rowSegments.front());
}

/// Of the `lines` from `position` on, each of `elements`, this block of rows
/// fetches `share`; blocks take turns.
void BlockEmitter::prefetchShare(OpBuilder &builder, OpOperand &streamed,
                                 SmallVector<Value> position, unsigned column,
                                 int64_t lines, int64_t share,
                                 int64_t elements) {
  Location loc = op.getLoc();
  auto constant = [&](int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value number = arith::DivUIOp::create(builder, loc, ivs[*plan.rowDim],
                                        constant(plan.rowSegments.front()));
  Value turn = arith::RemUIOp::create(builder, loc, number,
                                      constant(llvm::divideCeil(lines, share)));
  Value first =
      arith::MulIOp::create(builder, loc, turn, constant(share * elements));
  position[column] =
      arith::AddIOp::create(builder, loc, position[column], first);
  for (int64_t line = 0; line < share; ++line) {
    emitPrefetch(builder, streamed, position);
    position[column] = arith::AddIOp::create(builder, loc, position[column],
                                             constant(elements));
  }
}

/// Of the blocks of few rows, how many share the lines of each row of a
/// streamed matrix that they walk down, 0 where they do not fetch it in order.
int64_t BlockEmitter::turnsInOrder(OpOperand &streamed) const {
  constexpr int64_t fewRows = 16;
  auto type = cast<MemRefType>(streamed.get().getType());
  AffineMap map = op.getMatchingIndexingMap(&streamed);
  if (!plan.rowDim || plan.reductionDims.size() != 1 || plan.pairDim ||
      map.getNumResults() != 2 ||
      map.getDimPosition(0) != plan.reductionDims.front() ||
      !plan.isLane(map.getDimPosition(1)) ||
      ShapedType::isDynamic(plan.sizes[*plan.laneDim]) ||
      ShapedType::isDynamic(plan.sizes[*plan.rowDim]) ||
      plan.sizes[*plan.rowDim] > fewRows)
    return 0;
  int64_t bits = plan.sizes[*plan.laneDim] * type.getElementTypeBitWidth();
  int64_t blocks =
      rowBlocks() * (plan.sizes[*plan.laneDim] / plan.laneSegments[0].step());
  int64_t turns =
      std::min<int64_t>(llvm::bit_floor<uint64_t>(blocks), bits / lineBits);
  return bits % lineBits == 0 && turns > 1 && bits / lineBits % turns == 0
             ? turns
             : 0;
}

/// Fetches what follows the rows of this op in the order in which it lies,
/// though each block reads a part of each row: a block takes a part of the
/// rows, and some of its steps the lines of each.
void BlockEmitter::prefetchInOrder(OpBuilder &builder, OpOperand &streamed,
                                   Value step, int64_t turns) {
  Location loc = op.getLoc();
  auto type = cast<MemRefType>(streamed.get().getType());
  int64_t elements = lineBits / type.getElementTypeBitWidth();
  int64_t lines = plan.sizes[*plan.laneDim] / elements / turns;
  auto constant = [&](int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto divide = [&](Value value, int64_t by) -> Value {
    return arith::DivUIOp::create(builder, loc, value, constant(by));
  };
  Value number = arith::AddIOp::create(
      builder, loc,
      arith::MulIOp::create(
          builder, loc, divide(ivs[*plan.rowDim], plan.rowSegments.front()),
          constant(plan.sizes[*plan.laneDim] / plan.laneSegments[0].step())),
      divide(ivs[*plan.laneDim], plan.laneSegments[0].step()));
  Value turn = arith::RemUIOp::create(builder, loc, number, constant(turns));
  Value size = sizes[plan.reductionDims.front()];
  Value first = arith::AddIOp::create(
      builder, loc, size,
      arith::MulIOp::create(builder, loc, turn, divide(size, turns)));
  Value target =
      arith::AddIOp::create(builder, loc, first, divide(step, turns));
  Value column = arith::MulIOp::create(
      builder, loc, arith::RemUIOp::create(builder, loc, step, constant(turns)),
      constant(lines * elements));
  for (int64_t line = 0; line < lines; ++line)
    memref::PrefetchOp::create(
        builder, loc, streamed.get(),
        ValueRange{target, arith::AddIOp::create(builder, loc, column,
                                                 constant(line * elements))},
        /*isWrite=*/false, /*localityHint=*/2, /*isDataCache=*/true);
}

/// Fetches ahead what this step reads of a streamed input. Where steps walk
/// along rows, each fetches a line of one of the block's rows in turn.
void BlockEmitter::prefetch(OpBuilder &builder, const Block &block,
                            OpOperand &streamed) {
  constexpr int64_t lineBytes = 64;
  AffineMap map = op.getMatchingIndexingMap(&streamed);
  unsigned column = map.getNumResults() - 1;
  int64_t bytes =
      getElementTypeOrSelf(streamed.get().getType()).getIntOrFloatBitWidth() /
      8;
  if (plan.pairDim && map.getDimPosition(column) == *plan.pairDim) {
    --column;
    bytes *= 2;
  }
  int64_t perLine = lineBytes / bytes;
  bool hasRows = plan.isRow(map.getDimPosition(0));
  auto positionOf = [&](int64_t row, int64_t vector) {
    return block.access.getIndices(builder, streamed, {row, vector}, 0);
  };
  // A single row of sums reads rows in order, as blocks of whole rows do.
  bool readsWholeRows =
      plan.stepsPerPass || (plan.pairsSteps && plan.sizes[*plan.rowDim] == 2 &&
                            block.lanes.step() == plan.sizes[*plan.laneDim]);
  if (plan.followsReads && !hasRows &&
      (plan.sizes[*plan.rowDim] == 1 || readsWholeRows))
    return;
  if (int64_t turns = turnsInOrder(streamed))
    return prefetchInOrder(builder, streamed, positionOf(0, 0)[0], turns);
  if (plan.isLane(map.getDimPosition(column))) {
    int64_t step = std::max<int64_t>(1, perLine / block.lanes.width);
    int64_t lines = llvm::divideCeil(block.lanes.vectors, step);
    int64_t share = hasRows ? lines : llvm::divideCeil(lines, rowBlocks());
    if (share < lines)
      return prefetchShare(builder, streamed, positionOf(0, 0), column, lines,
                           share, step * block.lanes.width);
    for (int64_t row = 0; row < (hasRows ? block.rows : 1); ++row)
      for (int64_t vector = 0; vector < block.lanes.vectors; vector += step)
        emitPrefetch(builder, streamed, positionOf(row, vector));
    return;
  }
  SmallVector<Value> position = positionOf(0, 0);
  if (hasRows) {
    Location loc = op.getLoc();
    auto constant = [&](int64_t value) {
      return arith::ConstantIndexOp::create(builder, loc, value);
    };
    Value within = arith::AndIOp::create(builder, loc, position[column],
                                         constant(perLine - 1));
    Value row =
        arith::MulIOp::create(builder, loc, within, constant(block.rows));
    row = arith::DivUIOp::create(builder, loc, row, constant(perLine));
    position[0] = arith::AddIOp::create(builder, loc, position[0], row);
  }
  emitPrefetch(builder, streamed, position);
}

/// Whether blocks have a known number of steps, which may fetch a line each.
bool BlockEmitter::hasSteps() const {
  return !plan.isRowReduced(op) && plan.reductionDims.size() == 1 &&
         ShapedType::isStatic(plan.sizes[plan.reductionDims.front()]);
}

/// This block and how many there are that take shares of what is spread over
/// the op. Blocks of what is left of a dimension take nothing.
std::optional<std::pair<Value, int64_t>>
BlockEmitter::numberBlock(OpBuilder &builder, const Block &block) const {
  if (!plan.rowDim || !plan.laneDim || block.rows != plan.rowSegments.front() ||
      block.lanes.step() != plan.laneSegments.front().step())
    return std::nullopt;
  int64_t rowBlocks = plan.sizes[*plan.rowDim] / block.rows,
          laneBlocks = plan.sizes[*plan.laneDim] / block.lanes.step();
  AffineExpr row, lane;
  bindDims(builder.getContext(), row, lane);
  OpFoldResult number = affine::makeComposedFoldedAffineApply(
      builder, op.getLoc(),
      AffineMap::get(2, 0,
                     row.floorDiv(block.rows) * laneBlocks +
                         lane.floorDiv(block.lanes.step())),
      {ivs[*plan.rowDim], ivs[*plan.laneDim]});
  return std::pair(
      getValueOrCreateConstantIndexOp(builder, op.getLoc(), number),
      rowBlocks * laneBlocks);
}

/// Fetches what this block takes of each operand that is spread over the op,
/// at once where it has no steps.
void BlockEmitter::fetchSpread(OpBuilder &builder, const Block &block) {
  SmallVector<OpOperand *> operands = getSpread(op);
  if (operands.empty() || hasSteps())
    return;
  if (auto numbered = numberBlock(builder, block))
    for (OpOperand *operand : operands)
      emitSpreadFetch(builder, *operand, numbered->first, numbered->second);
}

/// Fetches what step `step` of this block takes: all at once would be in the
/// way of what the block reads.
void BlockEmitter::fetchSpreadStep(OpBuilder &builder, const Block &block,
                                   Value step) {
  SmallVector<OpOperand *> operands = getSpread(op);
  if (operands.empty() || !hasSteps())
    return;
  // A step of single vectors that fetches otherwise, too, loads as much as it
  // can.
  if (block.lanes.vectors == 1 && operands.size() < getStreamed(op).size())
    return;
  int64_t steps = plan.sizes[plan.reductionDims.front()];
  if (auto numbered = numberBlock(builder, block))
    for (OpOperand *operand : operands)
      emitSpreadFetch(builder, *operand, numbered->first, numbered->second,
                      step, steps);
}

/// Whether `memref` is on the stack.
static bool isScratch(Value memref) {
  return getViewRoot(memref).getDefiningOp<memref::AllocaOp>() != nullptr;
}

void BlockEmitter::prefetchResults(OpBuilder &builder, const Block &block) {
  // Blocks of fewer steps are over before so many lines have come, which delays
  // what they read.
  constexpr int64_t leastSteps = 128;
  if (getStreamed(op).empty() || plan.reductionDims.empty() ||
      plan.sizes[plan.reductionDims.back()] < leastSteps)
    return;
  for (const FusedOp &epilogue : epilogues) {
    FusedBody fused(*this, epilogue, block);
    linalg::GenericOp from = epilogue.op;
    for (OpOperand &output : from.getDpsInitsMutable()) {
      if (isScratch(output.get()))
        continue;
      block.forEachPosition([&](BlockPosition position) {
        memref::PrefetchOp::create(
            builder, op.getLoc(), output.get(),
            fused.access.getIndices(builder, output, position, 0),
            /*isWrite=*/true, /*localityHint=*/3, /*isDataCache=*/true);
      });
    }
  }
}
