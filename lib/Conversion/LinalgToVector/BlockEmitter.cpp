//===- BlockEmitter.cpp - Loops around register blocks -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockEmitter.h"

#include "attn/Conversion/LinalgToVector/Streaming.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace mlir::attn;

BlockEmitter::Block::Block(BlockEmitter &parent, int64_t rows,
                           LaneSegment lanes)
    : rows(rows), lanes(lanes),
      access(parent.op, parent.plan, rows, lanes.width),
      body(parent.op, parent.plan, access) {
  for (auto [dim, iv] : llvm::enumerate(parent.ivs))
    access.setIV(dim, iv);
}

void BlockEmitter::Block::forEachPosition(
    function_ref<void(BlockPosition)> visit) const {
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t vector = 0; vector < lanes.vectors; ++vector)
      visit({row, vector});
}

BlockEmitter::FusedBody::FusedBody(BlockEmitter &parent, const FusedOp &fused,
                                   const Block &block)
    : fused(fused), access(fused.op, fused.plan, block.rows, block.lanes.width),
      body(fused.op, fused.plan, access) {
  for (auto [dim, hostDim] : llvm::enumerate(fused.hostDims))
    access.setIV(dim, parent.ivs[hostDim]);
}

//===----------------------------------------------------------------------===//
// Loops over blocks
//===----------------------------------------------------------------------===//

void BlockEmitter::emit(OpBuilder &builder) {
  Location loc = op.getLoc();
  auto ranges =
      cast<linalg::LinalgOp>(op.getOperation()).createLoopRanges(builder, loc);
  for (auto [range, size] : llvm::zip_equal(ranges, plan.sizes)) {
    OpFoldResult known = builder.getIndexAttr(size);
    sizes.push_back(getValueOrCreateConstantIndexOp(
        builder, loc, ShapedType::isStatic(size) ? known : range.size));
  }
  ivs.resize(sizes.size());
  emitOuter(builder, 0);
}

Value BlockEmitter::emitLoop(OpBuilder &builder, unsigned dim, Value start,
                             int64_t step,
                             function_ref<void(OpBuilder &)> body) {
  Location loc = op.getLoc();
  Value stepValue = arith::ConstantIndexOp::create(builder, loc, step);
  Value end = sizes[dim];
  if (step > 1) {
    Value left = arith::SubIOp::create(builder, loc, end, start);
    Value rest = arith::RemUIOp::create(builder, loc, left, stepValue);
    end = arith::SubIOp::create(builder, loc, end, rest);
  }
  scf::ForOp::create(builder, loc, start, end, stepValue, ValueRange(),
                     [&](OpBuilder &b, Location loc, Value iv, ValueRange) {
                       ivs[dim] = iv;
                       body(b);
                       scf::YieldOp::create(b, loc);
                     });
  return end;
}

void BlockEmitter::emitOuter(OpBuilder &builder, unsigned level) {
  if (level == plan.outerDims.size())
    return emitBlocks(builder);
  Value zero = arith::ConstantIndexOp::create(builder, op.getLoc(), 0);
  emitLoop(builder, plan.outerDims[level], zero, 1,
           [&](OpBuilder &b) { emitOuter(b, level + 1); });
}

void BlockEmitter::emitRows(OpBuilder &builder, ArrayRef<int64_t> segments,
                            function_ref<void(OpBuilder &, int64_t)> body) {
  if (!plan.rowDim)
    return body(builder, 1);
  Value start = arith::ConstantIndexOp::create(builder, op.getLoc(), 0);
  for (int64_t rows : segments)
    start = emitLoop(builder, *plan.rowDim, start, rows,
                     [&](OpBuilder &b) { body(b, rows); });
}

void BlockEmitter::emitLanes(
    OpBuilder &builder, function_ref<void(OpBuilder &, LaneSegment)> body) {
  if (!plan.laneDim)
    return body(builder, {1, 1});
  Value start = arith::ConstantIndexOp::create(builder, op.getLoc(), 0);
  for (LaneSegment lanes : plan.laneSegments)
    start = emitLoop(builder, *plan.laneDim, start, lanes.step(),
                     [&](OpBuilder &b) { body(b, lanes); });
}

void BlockEmitter::emitBlocks(OpBuilder &builder) {
  if (!plan.transposes)
    return emitRows(builder, plan.rowSegments, [&](OpBuilder &b, int64_t rows) {
      emitLanes(b, [&](OpBuilder &b, LaneSegment lanes) {
        emitBlock(b, rows, lanes);
      });
    });
  emitLanes(builder, [&](OpBuilder &b, LaneSegment lanes) {
    // Single elements gain nothing from a block of rows.
    static constexpr int64_t single[] = {1};
    ArrayRef<int64_t> segments = plan.rowSegments;
    emitRows(b, lanes.step() == 1 ? single : segments,
             [&](OpBuilder &b, int64_t rows) { emitBlock(b, rows, lanes); });
  });
}

//===----------------------------------------------------------------------===//
// One block
//===----------------------------------------------------------------------===//

SmallVector<OpOperand *>
BlockEmitter::carriedOutputs(const Block &block) const {
  SmallVector<OpOperand *> outputs;
  for (OpOperand &output : op.getDpsInitsMutable())
    if (block.body.isCarried(output))
      outputs.push_back(&output);
  return outputs;
}

/// The values that `output` starts from, one per position.
void BlockEmitter::initialize(OpBuilder &builder, Block &block,
                              OpOperand &output, const Initializer &initializer,
                              SmallVectorImpl<Value> &accumulators) {
  if (Value value = initializer.value) {
    if (block.lanes.width > 1)
      value = vector::BroadcastOp::create(
          builder, op.getLoc(), getLaneType(value.getType(), block.lanes.width),
          value);
    accumulators.append(block.rows * block.lanes.vectors, value);
    return;
  }
  std::optional<FusedBody> producer;
  if (initializer.op)
    producer.emplace(*this, *initializer.op, block);
  block.forEachPosition([&](BlockPosition position) {
    if (!producer)
      return accumulators.push_back(
          block.access.load(builder, output, position));
    linalg::GenericOp fused = initializer.op->op;
    producer->body.emit(builder, /*depth=*/0, position);
    accumulators.push_back(producer->body.getResult(
        builder, *fused.getDpsInitOperand(0), position));
  });
}

SmallVector<Value> BlockEmitter::loadAccumulators(OpBuilder &builder,
                                                  Block &block) {
  SmallVector<Value> accumulators;
  if (plan.reductionDims.empty())
    return accumulators;
  for (OpOperand *output : carriedOutputs(block))
    initialize(builder, block, *output,
               initializers[output->getOperandNumber() - op.getNumDpsInputs()],
               accumulators);
  return accumulators;
}

void BlockEmitter::emitBlock(OpBuilder &builder, int64_t rows,
                             LaneSegment lanes) {
  Block block(*this, rows, lanes);
  Registers registers;
  fetchSpread(builder, block);
  if (plan.isRowReduced(op))
    return emitPositions(builder, block, op, plan, block.access, block.body,
                         registers);
  if (!getStreamed(op).empty())
    prefetchResults(builder, block);
  SmallVector<Value> results =
      emitReductions(builder, block, 0, loadAccumulators(builder, block));
  SmallVector<OpOperand *> outputs = carriedOutputs(block);
  ArrayRef<Value> left = results;
  for (OpOperand *output : outputs) {
    registers[output->get()].assign(left.take_front(rows * lanes.vectors));
    left = left.drop_front(rows * lanes.vectors);
  }
  for (const FusedOp &epilogue : epilogues) {
    FusedBody fused(*this, epilogue, block);
    emitPositions(builder, block, epilogue.op, epilogue.plan, fused.access,
                  fused.body, registers);
  }
  for (OpOperand *output : outputs)
    block.forEachPosition([&](BlockPosition position) {
      block.access.store(builder, *output, position,
                         registers[output->get()][block.indexOf(position)]);
    });
}

void BlockEmitter::emitPositions(OpBuilder &builder, const Block &block,
                                 linalg::GenericOp from,
                                 const BlockPlan &fromPlan,
                                 MemoryAccess &access, BodyEmitter &body,
                                 Registers &registers) {
  // Outputs that all rows of the block add to.
  auto isReduced = [&](OpOperand &output) {
    AffineMap map = from.getMatchingIndexingMap(&output);
    return fromPlan.rowDim && !map.isFunctionOfDim(*fromPlan.rowDim);
  };
  block.forEachPosition([&](BlockPosition position) {
    for (OpOperand &operand : from->getOpOperands())
      if (auto it = registers.find(operand.get()); it != registers.end())
        body.setOperand(operand, position, it->second[block.indexOf(position)]);
    body.emit(builder, /*depth=*/0, position);
    for (OpOperand &output : from.getDpsInitsMutable()) {
      Value result = body.getResult(builder, output, position);
      auto it = registers.find(output.get());
      if (it != registers.end())
        it->second[block.indexOf(position)] = result;
      else if (isReduced(output) && position.row + 1 < block.rows)
        body.setOperand(output, {position.row + 1, position.vector}, result);
      else
        access.store(builder, output, position, result);
    }
  });
}

SmallVector<Value> BlockEmitter::emitReductions(OpBuilder &builder,
                                                Block &block, unsigned depth,
                                                ValueRange accumulators) {
  if (depth == plan.reductionDims.size())
    return emitBody(builder, block, accumulators);
  block.forEachPosition([&](BlockPosition position) {
    block.body.emit(builder, depth, position);
  });
  Location loc = op.getLoc();
  unsigned dim = plan.reductionDims[depth];
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  auto loop = scf::ForOp::create(
      builder, loc, zero, sizes[dim], one, accumulators,
      [&](OpBuilder &b, Location loc, Value iv, ValueRange carried) {
        block.access.setIV(dim, iv);
        scf::YieldOp::create(b, loc,
                             emitReductions(b, block, depth + 1, carried));
      });
  return loop.getResults();
}

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

/// Fetches what this block takes of each operand that is spread over the op.
/// Blocks of what is left of a dimension take nothing.
void BlockEmitter::fetchSpread(OpBuilder &builder, const Block &block) {
  SmallVector<OpOperand *> operands = getSpread(op);
  if (operands.empty() || !plan.rowDim || !plan.laneDim ||
      block.rows != plan.rowSegments.front() ||
      block.lanes.step() != plan.laneSegments.front().step())
    return;
  int64_t rowBlocks = plan.sizes[*plan.rowDim] / block.rows,
          laneBlocks = plan.sizes[*plan.laneDim] / block.lanes.step();
  AffineExpr row, lane;
  bindDims(builder.getContext(), row, lane);
  OpFoldResult step = affine::makeComposedFoldedAffineApply(
      builder, op.getLoc(),
      AffineMap::get(2, 0,
                     row.floorDiv(block.rows) * laneBlocks +
                         lane.floorDiv(block.lanes.step())),
      {ivs[*plan.rowDim], ivs[*plan.laneDim]});
  for (OpOperand *operand : operands)
    emitSpreadFetch(builder, *operand,
                    getValueOrCreateConstantIndexOp(builder, op.getLoc(), step),
                    rowBlocks * laneBlocks);
}

/// Whether `memref` is on the stack.
static bool isScratch(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>())
    memref = view.getViewSource();
  return memref.getDefiningOp<memref::AllocaOp>() != nullptr;
}

void BlockEmitter::prefetchResults(OpBuilder &builder, const Block &block) {
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

SmallVector<Value> BlockEmitter::emitBody(OpBuilder &builder, Block &block,
                                          ValueRange accumulators) {
  if (plan.pairDim)
    block.access.setIV(*plan.pairDim,
                       arith::ConstantIndexOp::create(builder, op.getLoc(), 0));
  if (block.lanes.width > 1)
    for (OpOperand *streamed : getStreamed(op))
      if (!op.getMatchingIndexingMap(streamed).isConstant())
        prefetch(builder, block, *streamed);
  if (plan.pairDim)
    return emitDots(builder, block, accumulators);
  unsigned depth = plan.reductionDims.size();
  SmallVector<OpOperand *> carried = carriedOutputs(block);
  if (!accumulators.empty()) {
    auto next = accumulators.begin();
    for (OpOperand *output : carried)
      block.forEachPosition([&](BlockPosition position) {
        block.body.setOperand(*output, position, *next++);
      });
  }
  block.forEachPosition([&](BlockPosition position) {
    block.body.emit(builder, depth, position);
    for (OpOperand &output : op.getDpsInitsMutable())
      if (!llvm::is_contained(carried, &output))
        block.access.store(builder, output, position,
                           block.body.getResult(builder, output, position));
  });
  SmallVector<Value> results;
  for (OpOperand *output : carried)
    block.forEachPosition([&](BlockPosition position) {
      results.push_back(block.body.getResult(builder, *output, position));
    });
  return results;
}

/// One instruction per position: two products added to each accumulator.
SmallVector<Value> BlockEmitter::emitDots(OpBuilder &builder, Block &block,
                                          ValueRange accumulators) {
  Location loc = op.getLoc();
  SmallVector<Value> vectors, results(accumulators);
  for (int64_t vector = 0; vector < block.lanes.vectors; ++vector)
    vectors.push_back(block.access.loadPairs(builder, *op.getDpsInputOperand(1),
                                             {0, vector}));
  Value pair;
  block.forEachPosition([&](BlockPosition position) {
    if (position.vector == 0)
      pair =
          block.access.loadPair(builder, *op.getDpsInputOperand(0), position);
    Value &result = results[block.indexOf(position)];
    result = x86vector::DotBF16Op::create(
        builder, loc, result.getType(), result, pair, vectors[position.vector]);
  });
  return results;
}
