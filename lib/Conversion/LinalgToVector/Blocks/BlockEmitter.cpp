//===- BlockEmitter.cpp - Loops around register blocks -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockEmitter.h"
#include "../Access/Pairs.h"

#include "attn/Dialect/Attn/IR/StreamedOperands.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Utils/Utils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

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
    return plan.stepsPerPass && epilogues.empty() ? emitPasses(builder)
                                                  : emitBlocks(builder);
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

/// All blocks take a few steps of the reduction before they take the next: what
/// one block read is in the first-level cache for the others then.
void BlockEmitter::emitPasses(OpBuilder &builder) {
  Location loc = op.getLoc();
  Value size = sizes[plan.reductionDims.front()];
  Value steps = arith::ConstantIndexOp::create(builder, loc, plan.stepsPerPass);
  firstStep = arith::ConstantIndexOp::create(builder, loc, 0);
  endStep = arith::MinUIOp::create(builder, loc, steps, size);
  emitBlocks(builder);
  // From the second pass on, sums come from memory.
  std::vector<Initializer> loaded(initializers.size());
  initializers = loaded;
  auto passes = scf::ForOp::create(builder, loc, steps, size, steps);
  OpBuilder::InsertionGuard restore(builder);
  builder.setInsertionPointToStart(passes.getBody());
  firstStep = passes.getInductionVar();
  Value next = arith::AddIOp::create(builder, loc, firstStep, steps);
  endStep = arith::MinUIOp::create(builder, loc, next, size);
  emitBlocks(builder);
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
  prefetchResults(builder, block);
  SmallVector<Value> accumulators = loadAccumulators(builder, block);
  orderLanes(builder, accumulators, /*back=*/false);
  SmallVector<Value> results = emitReductions(builder, block, 0, accumulators);
  orderLanes(builder, results, /*back=*/true);
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
  if (plan.pairsSteps)
    return emitPairedSteps(builder, block, accumulators);
  block.forEachPosition([&](BlockPosition position) {
    block.body.emit(builder, depth, position);
  });
  Location loc = op.getLoc();
  unsigned dim = plan.reductionDims[depth];
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  auto loop = scf::ForOp::create(
      builder, loc, firstStep ? firstStep : zero,
      endStep ? endStep : sizes[dim], one, accumulators,
      [&](OpBuilder &b, Location loc, Value iv, ValueRange carried) {
        block.access.setIV(dim, iv);
        fetchSpreadStep(b, block, iv);
        scf::YieldOp::create(b, loc,
                             emitReductions(b, block, depth + 1, carried));
      });
  if (depth + 1 == plan.reductionDims.size() && isBoundByAddresses(block))
    pairSteps(loop, block);
  return loop.getResults();
}

/// Two steps at once. Along no more rows than half of a line has elements, both
/// would fetch the same line ahead.
void BlockEmitter::pairSteps(scf::ForOp loop, const Block &block) {
  constexpr int64_t halfLine = 8;
  if (failed(loopUnrollByFactor(loop, /*unrollFactor=*/2)) ||
      block.rows > halfLine)
    return;
  auto prefetches =
      llvm::to_vector(loop.getBody()->getOps<memref::PrefetchOp>());
  for (memref::PrefetchOp second :
       ArrayRef(prefetches).drop_front(prefetches.size() / 2))
    second.erase();
}

/// Whether finding scalars takes as long as the multiply-adds of a step: each
/// of its rows has one. Two steps find theirs at once, where that leaves a
/// loop.
bool BlockEmitter::isBoundByAddresses(const Block &block) const {
  int64_t steps = plan.sizes[plan.reductionDims.back()];
  return block.rows > 1 && block.lanes.vectors == 1 && block.lanes.width > 1 &&
         isa<math::FmaOp>(op.getBody()->front()) &&
         llvm::hasSingleElement(op.getBody()->without_terminator()) &&
         ShapedType::isStatic(steps) && steps > 2 && steps % 2 == 0;
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
  if (halves)
    loadHalves(builder, block);
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

/// `addDots` of pairs that lie as instructions take them.
SmallVector<Value> BlockEmitter::emitDots(OpBuilder &builder, Block &block,
                                          ValueRange accumulators) {
  SmallVector<Value> vectors;
  for (int64_t vector = 0; vector < block.lanes.vectors; ++vector)
    vectors.push_back(block.access.loadPairs(builder, *op.getDpsInputOperand(1),
                                             {0, vector}));
  return addDots(builder, block, *op.getDpsInputOperand(0), vectors,
                 accumulators);
}
