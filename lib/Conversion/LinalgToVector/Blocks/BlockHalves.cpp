//===- BlockHalves.cpp - Blocks of bf16 that are extended -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Access/LaneTree.h"
#include "../Access/Pairs.h"
#include "BlockEmitter.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::attn;

/// Whether what varies along the lanes is bf16 that is extended, in whole pairs
/// of vectors, and is added to accumulators of f32.
bool BlockEmitter::takesHalves() const {
  if (!plan.laneDim || plan.reductionDims.empty() || plan.pairDim ||
      plan.pairsSteps || plan.isRowReduced(op) ||
      ShapedType::isDynamic(plan.sizes[*plan.laneDim]))
    return false;
  auto variesAlongLanes = [&](OpOperand &operand) {
    return op.getMatchingIndexingMap(&operand).isFunctionOfDim(*plan.laneDim);
  };
  auto isContiguous = [&](OpOperand &operand) {
    return BlockPlan::accessAlong(operand, op.getMatchingIndexingMap(&operand),
                                  *plan.laneDim) == LaneAccess::Contiguous;
  };
  bool some = false;
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (!variesAlongLanes(*input))
      continue;
    if (!isExtendedBF16(op, *input) || !isContiguous(*input))
      return false;
    some = true;
  }
  bool wholePairs = llvm::all_of(plan.laneSegments, [](LaneSegment lanes) {
    return lanes.vectors % 2 == 0 && lanes.width > 1;
  });
  return some && wholePairs &&
         op.getBody()->getOps<linalg::IndexOp>().empty() &&
         llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &output) {
           AffineMap map = op.getMatchingIndexingMap(&output);
           return getElementTypeOrSelf(output.get().getType()).isF32() &&
                  isContiguous(output) &&
                  llvm::none_of(plan.reductionDims, [&](unsigned dim) {
                    return map.isFunctionOfDim(dim);
                  });
         });
}

/// Loads what the body reads of bf16 at all positions of the block.
void BlockEmitter::loadHalves(OpBuilder &builder, Block &block) {
  Location loc = op.getLoc();
  auto type = VectorType::get(2 * block.lanes.width, builder.getBF16Type());
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (!map.isFunctionOfDim(*plan.laneDim))
      continue;
    int64_t rows =
        plan.rowDim && map.isFunctionOfDim(*plan.rowDim) ? block.rows : 1;
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t vector = 0; vector < block.lanes.vectors; vector += 2) {
        Value pairs = vector::LoadOp::create(
            builder, loc, type, input->get(),
            block.access.getIndices(builder, *input, {row, vector}, 0));
        auto [even, odd] = extendHalves(builder, loc, pairs);
        block.body.setExtended(*input, {row, vector}, even);
        block.body.setExtended(*input, {row, vector + 1}, odd);
      }
  }
}

void BlockEmitter::orderLanes(OpBuilder &builder,
                              MutableArrayRef<Value> accumulators, bool back) {
  if (!halves && !plan.pairsSteps)
    return;
  auto change = halves ? (back ? joinHalves : separateHalves)
                       : (back ? joinChunks : separateChunks);
  for (size_t first = 0; first < accumulators.size(); first += 2)
    std::tie(accumulators[first], accumulators[first + 1]) = change(
        builder, op.getLoc(), accumulators[first], accumulators[first + 1]);
}
