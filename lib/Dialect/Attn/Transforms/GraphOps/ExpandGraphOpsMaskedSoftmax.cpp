//===- ExpandGraphOpsMaskedSoftmax.cpp - Softmax of rows under a mask ---===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandGraphOps.h"
#include "RegionBuilder.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::attn;

static constexpr double infinity = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Sizes and indices
//===----------------------------------------------------------------------===//

/// The dimensions that are batch: all before (h, i, j), or before (i, j) where
/// there are three.
static int64_t batchDims(int64_t rank) {
  return rank < 4 ? rank - 2 : rank - 3;
}

static SizeValues getSizes(LinalgBuilder &linalg, Value scores) {
  int64_t rank = cast<ShapedType>(scores.getType()).getRank();
  auto size = [&](int64_t dim) {
    return getValueOrCreateConstantIndexOp(linalg.b, linalg.loc,
                                           linalg.sizeOf(scores, dim));
  };
  Value one = arith::ConstantIndexOp::create(linalg.b, linalg.loc, 1);
  Value batch = one;
  for (int64_t dim = 0; dim < batchDims(rank); ++dim)
    batch = arith::MulIOp::create(linalg.b, linalg.loc, batch, size(dim));
  return {batch, rank < 4 ? one : size(rank - 3), size(rank - 2),
          size(rank - 1), /*hasHeads=*/rank > 3};
}

/// The pair at which a linalg body stands; batch dimensions count as one.
static PairIndices getIndices(OpBuilder &b, Location loc,
                              ArrayRef<OpFoldResult> sizes) {
  int64_t rank = sizes.size();
  auto index = [&](int64_t dim) -> Value {
    return linalg::IndexOp::create(b, loc, dim);
  };
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value batch = zero;
  for (int64_t dim = 0; dim < batchDims(rank); ++dim) {
    Value size = getValueOrCreateConstantIndexOp(b, loc, sizes[dim]);
    batch = arith::AddIOp::create(
        b, loc, arith::MulIOp::create(b, loc, batch, size), index(dim));
  }
  return {batch, rank < 4 ? zero : index(rank - 3), index(rank - 2),
          index(rank - 1)};
}

//===----------------------------------------------------------------------===//
// Expansion
//===----------------------------------------------------------------------===//

/// The op's mask as one predicate at the builder.
static FailureOr<MaskPredicateOp> buildPredicate(LinalgBuilder &linalg,
                                                 MaskedSoftmaxOp op) {
  FailureOr<RegionBuilder> regions =
      RegionBuilder::get(linalg.b, linalg.loc, op.getMask(), /*scores=*/{},
                         getSizes(linalg, op.getScores()));
  if (failed(regions))
    return failure();
  auto predicate = MaskPredicateOp::create(
      linalg.b, linalg.loc, op.getMask().getType(), regions->getCaptures());
  regions->buildMask(linalg.b, predicate.getPredicate());
  return predicate;
}

/// Scores in the accumulator type, -inf where the predicate does not hold.
static Value maskScores(LinalgBuilder &linalg, Value scores,
                        MaskPredicateOp predicate, Type accumulator) {
  unsigned rank = cast<ShapedType>(scores.getType()).getRank();
  SmallVector<OpFoldResult> sizes = linalg.sizesOf(scores);
  Value masked = linalg.constant(accumulator, -infinity);
  return linalg.parallel(
      scores, linalg.empty(sizes, accumulator), LinalgBuilder::identity(rank),
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value score = linalg.convertScalar(b, args[0], accumulator);
        if (!predicate)
          return {score};
        PairIndices at = getIndices(b, loc, sizes);
        SmallVector<Value> arguments{at.b, at.h, at.i, at.j};
        llvm::append_range(arguments, predicate.getCaptured());
        Value keep = inlinePairRegion(b, *predicate.getBody(), arguments,
                                      /*guard=*/{});
        return {arith::SelectOp::create(b, loc, keep, score, masked)};
      })[0];
}

/// Reduces the last dimension from `start`.
static Value
reduceRows(LinalgBuilder &linalg, ValueRange inputs,
           ArrayRef<LinalgBuilder::Dims> dims, double start,
           ArrayRef<OpFoldResult> sizes, Type accumulator,
           function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  unsigned rank = sizes.size();
  SmallVector<LinalgBuilder::Dims> allDims(dims);
  allDims.push_back(LinalgBuilder::identity(rank - 1));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  return linalg.generic(
      inputs, linalg.fill(start, sizes.drop_back(), accumulator), allDims,
      iterators, [&](OpBuilder &b, Location loc, ValueRange args) {
        return SmallVector<Value>{body(b, loc, args)};
      })[0];
}

/// exp(score - maximum), 0 for a score of -inf: also where the row is empty.
static Value emitWeight(OpBuilder &b, Location loc, Value score,
                        Value maximum) {
  Type type = score.getType();
  Value zero = arith::ConstantOp::create(b, loc, b.getFloatAttr(type, 0.0));
  Value none =
      arith::ConstantOp::create(b, loc, b.getFloatAttr(type, -infinity));
  Value absent =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, score, none);
  Value distance = arith::SubFOp::create(b, loc, score, maximum);
  Value weight = math::ExpOp::create(b, loc, distance);
  return arith::SelectOp::create(b, loc, absent, zero, weight);
}

static Value emitSoftmax(LinalgBuilder &linalg, Value scores,
                         Type elementType) {
  auto type = cast<RankedTensorType>(scores.getType());
  Type accumulator = type.getElementType();
  LinalgBuilder::Dims all = LinalgBuilder::identity(type.getRank());
  LinalgBuilder::Dims row = LinalgBuilder::identity(type.getRank() - 1);
  SmallVector<OpFoldResult> sizes = linalg.sizesOf(scores);
  Value maximum =
      reduceRows(linalg, scores, all, -infinity, sizes, accumulator,
                 [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                   return arith::MaximumFOp::create(b, loc, args[1], args[0]);
                 });
  Value sum =
      reduceRows(linalg, {scores, maximum}, {all, row}, 0.0, sizes, accumulator,
                 [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                   Value weight = emitWeight(b, loc, args[0], args[1]);
                   return arith::AddFOp::create(b, loc, args[2], weight);
                 });
  Value zero = linalg.constant(accumulator, 0.0);
  Value none = linalg.constant(accumulator, -infinity);
  return linalg.parallel(
      {scores, maximum, sum}, linalg.empty(sizes, elementType), {all, row, row},
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value weight = emitWeight(b, loc, args[0], args[1]);
        Value share = arith::DivFOp::create(b, loc, weight, args[2]);
        // An empty row has no sum to divide by.
        Value absent = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ,
                                             args[0], none);
        Value result = arith::SelectOp::create(b, loc, absent, zero, share);
        return {linalg.convertScalar(b, result, elementType)};
      })[0];
}

FailureOr<SmallVector<Value>> attn::expand(OpBuilder &builder,
                                           MaskedSoftmaxOp op) {
  LinalgBuilder linalg(builder, op.getLoc());
  Type elementType = getElementTypeOrSelf(op.getScores());
  MaskPredicateOp predicate;
  if (op.getMask()) {
    FailureOr<MaskPredicateOp> built = buildPredicate(linalg, op);
    if (failed(built))
      return failure();
    predicate = *built;
  }
  Value scores = maskScores(linalg, op.getScores(), predicate,
                            getAccumulatorType(elementType));
  if (predicate)
    predicate.erase();
  return SmallVector<Value>{emitSoftmax(linalg, scores, elementType)};
}
