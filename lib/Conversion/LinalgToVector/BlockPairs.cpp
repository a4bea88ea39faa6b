//===- BlockPairs.cpp - Blocks whose steps come in pairs --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockEmitter.h"
#include "LaneTree.h"

#include "attn/Conversion/LinalgToVector/Streaming.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace mlir::attn;

SmallVector<Value> BlockEmitter::emitPairedSteps(OpBuilder &builder,
                                                 Block &block,
                                                 ValueRange accumulators) {
  Location loc = op.getLoc();
  unsigned dim = plan.reductionDims.front();
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value two = arith::ConstantIndexOp::create(builder, loc, 2);
  Value rest = arith::RemUIOp::create(builder, loc, sizes[dim], two);
  Value whole = arith::SubIOp::create(builder, loc, sizes[dim], rest);
  auto emitLoop = [&](Value from, Value to, bool isWhole, ValueRange sums) {
    return scf::ForOp::create(
               builder, loc, from, to, two, sums,
               [&](OpBuilder &b, Location loc, Value step, ValueRange carried) {
                 scf::YieldOp::create(
                     b, loc, addPairedSteps(b, block, step, isWhole, carried));
               })
        .getResults();
  };
  ValueRange sums = emitLoop(zero, whole, /*isWhole=*/true, accumulators);
  bool isEven =
      ShapedType::isStatic(plan.sizes[dim]) && plan.sizes[dim] % 2 == 0;
  return isEven ? sums : emitLoop(whole, sizes[dim], /*isWhole=*/false, sums);
}

/// Adds the products of `step` and the next, or with zero where there is none.
/// Two vectors of both steps are interleaved within 128 bits, an instruction
/// each: lanes of sums are in that order.
SmallVector<Value> BlockEmitter::addPairedSteps(OpBuilder &builder,
                                                Block &block, Value step,
                                                bool isWhole,
                                                ValueRange accumulators) {
  Location loc = op.getLoc();
  unsigned dim = plan.reductionDims.front();
  OpOperand &rows = *op.getDpsInputOperand(0);
  auto type = VectorType::get(2 * block.lanes.width, builder.getBF16Type());
  auto load = [&](int64_t vector) -> Value {
    return vector::LoadOp::create(
        builder, loc, type, rows.get(),
        block.access.getIndices(builder, rows, {0, vector}, 0));
  };
  SmallVector<Value> factors;
  auto begin = [&](Value at) {
    block.access.setIV(dim, at);
    for (OpOperand *streamed : getStreamed(op))
      prefetch(builder, block, *streamed);
  };
  begin(step);
  for (int64_t vector = 0; vector < block.lanes.vectors; vector += 2)
    factors.append(
        {load(vector),
         arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type))});
  if (isWhole) {
    Value one = arith::ConstantIndexOp::create(builder, loc, 1);
    begin(arith::AddIOp::create(builder, loc, step, one));
    for (int64_t vector = 0; vector < block.lanes.vectors; vector += 2)
      factors[vector + 1] = load(vector);
  }
  for (int64_t vector = 0; vector < block.lanes.vectors; vector += 2)
    std::tie(factors[vector], factors[vector + 1]) =
        interleaveChunks(builder, loc, factors[vector], factors[vector + 1]);
  block.access.setIV(dim, step);
  SmallVector<Value> sums(accumulators);
  Value pair;
  block.forEachPosition([&](BlockPosition position) {
    if (position.vector == 0)
      pair =
          block.access.loadPair(builder, *op.getDpsInputOperand(1), position);
    Value &sum = sums[block.indexOf(position)];
    sum = x86vector::DotBF16Op::create(builder, loc, sum.getType(), sum, pair,
                                       factors[position.vector]);
  });
  return sums;
}
