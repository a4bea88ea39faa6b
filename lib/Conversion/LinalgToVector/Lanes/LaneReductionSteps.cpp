//===- LaneReductionSteps.cpp - Terms of sums along lanes -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Access/Pairs.h"
#include "../Access/Streaming.h"
#include "LaneReducer.h"
#include "LaneReduction.h"

#include "attn/Conversion/LinalgToVector/LinalgToVector.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace mlir::attn;

/// The accumulators with a step's terms more each, those under the mask.
LaneReducer::Accumulators LaneReducer::addStep(const OutputBlock &block,
                                               Value position, Value mask,
                                               ValueRange accumulators) {
  return addTerms(
      block,
      [&](OpOperand &input, ArrayRef<Value> at) {
        return load(input, at, mask);
      },
      position, mask, accumulators);
}

/// The accumulators with 2 * `width` more terms each.
LaneReducer::Accumulators LaneReducer::addHalves(const OutputBlock &block,
                                                 Value position,
                                                 ValueRange accumulators) {
  Accumulators sums(accumulators);
  SmallVector<Value> odds;
  for (bool isOdd : {false, true}) {
    size_t next = 0;
    auto loadHalf = [&](OpOperand &input, ArrayRef<Value> at) -> Value {
      SmallVector<Value> indices = indicesOf(input, at);
      if (Value copy = separated.lookup(&input)) {
        if (isOdd)
          indices.back() = offset(indices.back(), width);
        return vector::LoadOp::create(builder, loc, type, copy, indices);
      }
      if (isOdd)
        return odds[next++];
      Value pairs = vector::LoadOp::create(
          builder, loc, VectorType::get(2 * width, builder.getBF16Type()),
          input.get(), indices);
      auto [even, odd] = extendHalves(builder, loc, pairs);
      odds.push_back(odd);
      return even;
    };
    sums = addTerms(block, loadHalf, position, Value(), sums);
  }
  return sums;
}

/// `addStep` on what `load` gives of the inputs at a position.
LaneReducer::Accumulators
LaneReducer::addTerms(const OutputBlock &block,
                      function_ref<Value(OpOperand &, ArrayRef<Value>)> load,
                      Value position, Value mask, ValueRange accumulators) {
  // An input that does not vary along a side of the block is loaded once.
  DenseMap<std::tuple<unsigned, int64_t, int64_t>, Value> loaded;
  Accumulators results;
  for (int64_t output = block.first; output < block.end; ++output) {
    int64_t row = output / block.inners, column = output % block.inners;
    SmallVector<Value> inputs;
    for (OpOperand *input : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(input);
      bool byRow = outerDim && map.isFunctionOfDim(*outerDim);
      bool byColumn = map.isFunctionOfDim(innerDim);
      Value &value = loaded[{input->getOperandNumber(), byRow ? row : 0,
                             byColumn ? column : 0}];
      if (!value) {
        SmallVector<Value> at(op.getNumLoops());
        at[sumDim] = position;
        if (byColumn)
          at[innerDim] = offset(block.inner, column);
        if (byRow)
          at[*outerDim] = offset(block.outer, row);
        value = load(*input, at);
      }
      inputs.push_back(value);
    }
    Value old = accumulators[results.size()];
    inputs.push_back(old);
    Value sum = dots ? x86vector::DotBF16Op::create(builder, loc, type, old,
                                                    inputs[0], inputs[1])
                           .getResult()
                     : emitBodyOnLanes(builder, op, inputs, width);
    if (mask)
      sum = arith::SelectOp::create(builder, loc, mask, sum, old);
    results.push_back(sum);
  }
  return results;
}

SmallVector<Value> LaneReducer::indicesOf(OpOperand &input,
                                          ArrayRef<Value> position) {
  AffineMap map = op.getMatchingIndexingMap(&input);
  return llvm::map_to_vector(map.getResults(), [&](AffineExpr result) {
    return position[cast<AffineDimExpr>(result).getPosition()];
  });
}

Value LaneReducer::load(OpOperand &input, ArrayRef<Value> position,
                        Value mask) {
  SmallVector<Value> indices = indicesOf(input, position);
  if (!op.getMatchingIndexingMap(&input).isFunctionOfDim(sumDim))
    return memref::LoadOp::create(builder, loc, input.get(), indices);
  auto lanes = VectorType::get(dots ? 2 * width : width,
                               getElementTypeOrSelf(input.get().getType()));
  if (!mask)
    return vector::LoadOp::create(builder, loc, lanes, input.get(), indices);
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(lanes));
  return vector::MaskedLoadOp::create(builder, loc, lanes, input.get(), indices,
                                      mask, zero);
}

/// Fetches as much of a streamed input as this step reads, some rows ahead.
/// Where a step reads a part of a cache line, steps take turns with the rows.
void LaneReducer::prefetch(OpOperand &streamed, const OutputBlock &block,
                           Value position) {
  constexpr int64_t lineBytes = 64;
  auto memref = cast<MemRefType>(streamed.get().getType());
  int64_t bytes = lanesPerStep() * memref.getElementTypeBitWidth() / 8;
  int64_t turns = std::max<int64_t>(1, lineBytes / bytes);
  Value step = index(turns * lanesPerStep());
  Value within = arith::RemUIOp::create(builder, loc, position, step);
  Value column = arith::SubIOp::create(builder, loc, position, within);
  Value turn =
      arith::DivUIOp::create(builder, loc, within, index(lanesPerStep()));
  Value ahead = arith::AddIOp::create(builder, loc, block.outer, turn);
  for (int64_t row = 0; row < block.outers; row += turns)
    emitPrefetch(builder, streamed, {offset(ahead, row), column});
}
