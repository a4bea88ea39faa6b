//===- QueryTileRecompute.cpp - Tiles that take a second run ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Transforms/QueryTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// A pair without weight can exist, so a value of NaN could meet a weight of 0;
/// or weights can be far from 1.
bool QueryTile::needsGuard() {
  return !op.getMask().empty() || !op.getScore().empty() || fixedMaximum;
}

/// Whether no sum of weights lies so far below 1 that products with them, which
/// vanish or lose bits below 2^-126, matter. A sum of 0 is that of an empty
/// row.
Value QueryTile::haveLargeSums(Value sums) {
  constexpr double smallest = 0x1p-20;
  Value yes = arith::ConstantIntOp::create(builder, loc, 1, 1);
  Value empty = tensor::EmptyOp::create(builder, loc, ArrayRef<int64_t>{},
                                        builder.getI1Type());
  Value all = linalg::FillOp::create(builder, loc, yes, empty).getResult(0);
  AffineMap map = builder.getMultiDimIdentityMap(1);
  auto reduction = linalg::GenericOp::create(
      builder, loc, all.getType(), sums, all,
      ArrayRef<AffineMap>{map, map.dropResult(0)},
      utils::IteratorType::reduction,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value large = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGE,
                                            args[0], constant(b, smallest));
        Value none = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ,
                                           args[0], constant(b, 0.0));
        Value fine = arith::OrIOp::create(b, loc, large, none);
        linalg::YieldOp::create(
            b, loc, arith::AndIOp::create(b, loc, args[1], fine).getResult());
      });
  return tensor::ExtractOp::create(builder, loc, reduction.getResult(0),
                                   ValueRange());
}

/// Whether sum(0 * accumulator) is 0, as it is unless an element is not finite.
Value QueryTile::isFinite(Value acc) {
  auto reduce = [&](Value input, Value init, unsigned inputRank,
                    bool multiply) {
    AffineMap inputMap = builder.getMultiDimIdentityMap(inputRank);
    AffineMap outputMap = inputMap.dropResult(0);
    SmallVector<utils::IteratorType> iterators(inputRank,
                                               utils::IteratorType::parallel);
    iterators[0] = utils::IteratorType::reduction;
    return linalg::GenericOp::create(
               builder, loc, init.getType(), input, init,
               ArrayRef<AffineMap>{inputMap, outputMap}, iterators,
               [&](OpBuilder &b, Location loc, ValueRange args) {
                 Value term = args[0];
                 if (multiply) {
                   term = arith::MulFOp::create(b, loc, term, constant(b, 0.0));
                 }
                 Value sum = arith::AddFOp::create(b, loc, args[1], term);
                 linalg::YieldOp::create(b, loc, sum);
               })
        .getResult(0);
  };
  Value partial = reduce(
      acc, zeros({tensor::getMixedSize(builder, loc, acc, 1)}, accumulator), 2,
      true);
  Value total = reduce(partial, zeros({}, accumulator), 1, false);
  Value sum = tensor::ExtractOp::create(builder, loc, total, ValueRange());
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ, sum,
                               constant(builder, 0.0));
}

/// One key at a time, and the mask asked of each: as little code as this rare
/// way is worth.
QueryTile::State QueryTile::visitGuarded(IndexRange range, State state) {
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  auto loop = scf::ForOp::create(
      builder, loc, range.lower, range.upper, one, state,
      [&](OpBuilder &b, Location loc, Value key, ValueRange args) {
        State next = emitKeyTile(b, loc, key, b.getIndexAttr(1), /*partial=*/{},
                                 State(args), /*guarded=*/true);
        scf::YieldOp::create(b, loc, next);
      });
  return State(loop.getResults());
}

QueryTile::State QueryTile::recomputeUnlessFinite(IndexRange range,
                                                  State fast) {
  if (!needsGuard())
    return fast;
  Value finite = isFinite(fast[0]);
  if (fixedMaximum)
    finite =
        arith::AndIOp::create(builder, loc, finite, haveLargeSums(fast[2]));
  auto choice = scf::IfOp::create(
      builder, loc, finite,
      [&](OpBuilder &b, Location loc) { scf::YieldOp::create(b, loc, fast); },
      [&](OpBuilder &b, Location loc) {
        OpBuilder::InsertionGuard restore(builder);
        builder.setInsertionPointToEnd(b.getInsertionBlock());
        // In the same buffers, so that the branches agree on them.
        State slow = visitGuarded(range, initialState(fast, /*guarded=*/true));
        scf::YieldOp::create(builder, loc, slow);
        b.setInsertionPointToEnd(builder.getInsertionBlock());
      });
  return State(choice.getResults());
}
