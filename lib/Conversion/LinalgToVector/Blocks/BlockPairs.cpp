//===- BlockPairs.cpp - Blocks whose steps come in pairs --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Access/LaneTree.h"
#include "BlockEmitter.h"

#include "attn/Dialect/Attn/IR/StreamedOperands.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace mlir::attn;

SmallVector<Value> BlockEmitter::emitPairedSteps(OpBuilder &builder,
                                                 Block &block,
                                                 ValueRange accumulators) {
  Location loc = op.getLoc();
  unsigned dim = plan.reductionDims.front();
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto emitLoop = [&](Value from, Value to, bool isWhole, ValueRange sums) {
    return scf::ForOp::create(
               builder, loc, from, to, index(1), sums,
               [&](OpBuilder &b, Location loc, Value pair, ValueRange carried) {
                 scf::YieldOp::create(
                     b, loc, addPairedSteps(b, block, pair, isWhole, carried));
               })
        .getResults();
  };
  Value whole = arith::DivUIOp::create(builder, loc, sizes[dim], index(2));
  ValueRange sums = emitLoop(index(0), whole, /*isWhole=*/true, accumulators);
  if (ShapedType::isStatic(plan.sizes[dim]) && plan.sizes[dim] % 2 == 0)
    return sums;
  Value all = arith::CeilDivUIOp::create(builder, loc, sizes[dim], index(2));
  return emitLoop(whole, all, /*isWhole=*/false, sums);
}

/// Adds the products of both steps of `pair`, or of the first with zero in
/// place of the second. Two vectors of both steps are interleaved within 128
/// bits, an instruction each: lanes of sums are in that order.
SmallVector<Value> BlockEmitter::addPairedSteps(OpBuilder &builder,
                                                Block &block, Value pair,
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
  // In terms of the pair, so that what indexes pairs is the pair again.
  auto stepOf = [&](int64_t number) {
    AffineExpr step = builder.getAffineDimExpr(0) * 2 + number;
    return getValueOrCreateConstantIndexOp(
        builder, loc,
        affine::makeComposedFoldedAffineApply(
            builder, loc, AffineMap::get(1, 0, step), {OpFoldResult(pair)}));
  };
  SmallVector<Value> factors;
  auto begin = [&](int64_t number) {
    block.access.setIV(dim, stepOf(number));
    for (OpOperand *streamed : getStreamed(op))
      prefetch(builder, block, *streamed);
  };
  begin(0);
  for (int64_t vector = 0; vector < block.lanes.vectors; vector += 2)
    factors.append(
        {load(vector),
         arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type))});
  if (isWhole) {
    begin(1);
    for (int64_t vector = 0; vector < block.lanes.vectors; vector += 2)
      factors[vector + 1] = load(vector);
  }
  for (int64_t vector = 0; vector < block.lanes.vectors; vector += 2)
    std::tie(factors[vector], factors[vector + 1]) =
        interleaveChunks(builder, loc, factors[vector], factors[vector + 1]);
  block.access.setIV(dim, stepOf(0));
  return addDots(builder, block, *op.getDpsInputOperand(1), factors,
                 accumulators);
}

/// One instruction per position: two products added to each accumulator, a pair
/// of `scalars` by a vector of `pairs`.
SmallVector<Value> BlockEmitter::addDots(OpBuilder &builder, Block &block,
                                         OpOperand &scalars,
                                         ArrayRef<Value> pairs,
                                         ValueRange accumulators) {
  Location loc = op.getLoc();
  SmallVector<Value> sums(accumulators);
  Value pair;
  block.forEachPosition([&](BlockPosition position) {
    if (position.vector == 0)
      pair = block.access.loadPair(builder, scalars, position);
    Value &sum = sums[block.indexOf(position)];
    sum = x86vector::DotBF16Op::create(builder, loc, sum.getType(), sum, pair,
                                       pairs[position.vector]);
  });
  return sums;
}
