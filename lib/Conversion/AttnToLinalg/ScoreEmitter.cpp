//===- ScoreEmitter.cpp - The scores of a tile as linalg -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLinalg/ScoreEmitter.h"

#include "AdditiveScores.h"

#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

using namespace mlir;
using namespace mlir::attn;

Value ScoreEmitter::constant(double value) {
  return arith::ConstantOp::create(b, loc, b.getFloatAttr(accumulator, value));
}

SmallVector<Value> ScoreEmitter::generic(ValueRange inputs, ValueRange inits,
                                         ArrayRef<AffineMap> maps,
                                         ArrayRef<bool> reductions, Body body) {
  SmallVector<utils::IteratorType> iterators;
  for (bool reduction : reductions)
    iterators.push_back(reduction ? utils::IteratorType::reduction
                                  : utils::IteratorType::parallel);
  auto op = linalg::GenericOp::create(
      b, loc, TypeRange(inits), inputs, inits, maps, iterators,
      [&](OpBuilder &builder, Location bodyLoc, ValueRange args) {
        linalg::YieldOp::create(builder, bodyLoc,
                                body(builder, bodyLoc, args));
      });
  return SmallVector<Value>(op.getResults());
}

/// An upper bound of a size where one can be proved.
static std::optional<int64_t> upperBound(OpFoldResult size) {
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return constant;
  FailureOr<int64_t> bound = ValueBoundsConstraintSet::computeConstantBound(
      presburger::BoundType::UB,
      ValueBoundsConstraintSet::Variable(cast<Value>(size)),
      /*stopCondition=*/nullptr, /*closedUB=*/true);
  if (failed(bound))
    return std::nullopt;
  return *bound;
}

Value ScoreEmitter::scratch(OpFoldResult rows, OpFoldResult columns) {
  std::optional<int64_t> bound = upperBound(rows);
  if (!bound || getConstantIntValue(rows))
    return tensor::EmptyOp::create(b, loc, {rows, columns}, accumulator);
  Value whole = tensor::EmptyOp::create(
      b, loc, {OpFoldResult(b.getIndexAttr(*bound)), columns}, accumulator);
  SmallVector<OpFoldResult> offsets(2, b.getIndexAttr(0)),
      strides(2, b.getIndexAttr(1)), sizes{rows, columns};
  return tensor::ExtractSliceOp::create(b, loc, whole, offsets, sizes, strides);
}

Value ScoreEmitter::widen(Value operand) {
  auto type = cast<RankedTensorType>(operand.getType());
  if (type.getElementType() == accumulator)
    return operand;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, operand);
  Value init =
      sizes.size() == 2
          ? scratch(sizes[0], sizes[1])
          : tensor::EmptyOp::create(b, loc, sizes, accumulator).getResult();
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  return generic(operand, init, {identity, identity},
                 SmallVector<bool>(type.getRank(), false),
                 [&](OpBuilder &builder, Location loc, ValueRange args) {
                   return SmallVector<Value>{convertScalarToDtype(
                       builder, loc, args[0], accumulator,
                       /*isUnsignedCast=*/false)};
                 })[0];
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

/// A map over (i, j, d, e) as one over (j, i, d).
static AffineMap contractionMap(AffineMap map) {
  MLIRContext *context = map.getContext();
  AffineExpr j = getAffineDimExpr(0, context), i = getAffineDimExpr(1, context),
             d = getAffineDimExpr(2, context);
  return map.replaceDimsAndSymbols({i, j, d, d}, {}, /*numResultDims=*/3,
                                   /*numResultSyms=*/0);
}

/// One term of the sum over features.
static Value emitTerm(OpBuilder &b, Location loc, Compatibility compatibility,
                      Value query, Value key, Value weight) {
  switch (compatibility) {
  case Compatibility::Dot:
    return arith::MulFOp::create(b, loc, key, query);
  case Compatibility::Additive: {
    Value sum = arith::AddFOp::create(b, loc, key, query);
    Value squashed = math::TanhOp::create(b, loc, sum);
    return arith::MulFOp::create(b, loc, weight, squashed);
  }
  case Compatibility::NegativeSquaredDistance: {
    Value difference = arith::SubFOp::create(b, loc, key, query);
    Value negated = arith::NegFOp::create(b, loc, difference);
    return arith::MulFOp::create(b, loc, negated, difference);
  }
  }
  llvm_unreachable("all compatibilities are handled");
}

Value ScoreEmitter::contract(const TileScores &tile, Value init) {
  Value zero = linalg::FillOp::create(b, loc, constant(0.0), init).getResult(0);
  SmallVector<Value> inputs{widen(tile.key), tile.query};
  SmallVector<AffineMap> maps{contractionMap(tile.keyMap),
                              contractionMap(tile.queryMap)};
  if (tile.featureWeight) {
    inputs.push_back(widen(tile.featureWeight));
    maps.push_back(map(3, {2}));
  }
  maps.push_back(map(3, {0, 1}));
  auto sumTerms = [&](OpBuilder &at) {
    return ScoreEmitter(at, loc, accumulator)
        .generic(inputs, zero, maps, {false, false, true},
                 [&](OpBuilder &builder, Location loc, ValueRange args) {
                   Value weight = tile.featureWeight ? args[2] : Value();
                   Value term = emitTerm(builder, loc, tile.compatibility,
                                         args[1], args[0], weight);
                   return SmallVector<Value>{arith::AddFOp::create(
                       builder, loc, args.back(), term)};
                 })[0];
  };
  if (tile.compatibility == Compatibility::Additive &&
      hasExponentialForm(tile, accumulator))
    return emitExponentialForm(b, loc, tile, zero, sumTerms);
  return sumTerms(b);
}

/// Scale, score region, mask: in that order, at global indices.
Value ScoreEmitter::applyRegions(const TileScores &tile, bool masked,
                                 double scale, Value scores) {
  if (!masked && scale == 1.0 && tile.score->empty())
    return scores;
  AffineMap identity = b.getMultiDimIdentityMap(2);
  bool softmax = tile.normalizer == Normalizer::Softmax;
  Value absent =
      constant(softmax ? -std::numeric_limits<double>::infinity() : 0.0);
  Value factor = constant(scale);
  return generic(
      {}, scores, identity, {false, false},
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        auto global = [&](Value first, int64_t dim) -> Value {
          Value local = linalg::IndexOp::create(builder, loc, dim);
          return arith::AddIOp::create(builder, loc, first, local);
        };
        SmallVector<Value> indices{tile.first.b, tile.first.h,
                                   global(tile.first.i, 1),
                                   global(tile.first.j, 0)};
        auto evaluate = [&](Region &region, Value score, Value guard) {
          SmallVector<Value> arguments;
          if (score)
            arguments.push_back(score);
          llvm::append_range(arguments, indices);
          llvm::append_range(arguments, tile.captures);
          return inlinePairRegion(builder, region.front(), arguments, guard);
        };
        Value keep;
        if (masked)
          keep = evaluate(*tile.mask, Value(), Value());
        Value score = args[0];
        if (scale != 1.0)
          score = arith::MulFOp::create(builder, loc, score, factor);
        if (!tile.score->empty())
          score = evaluate(*tile.score, score, keep);
        if (keep)
          score = arith::SelectOp::create(builder, loc, keep, score, absent);
        return SmallVector<Value>{score};
      })[0];
}

Value ScoreEmitter::emitScores(const TileScores &tile, Value init,
                               double &pendingScale) {
  Value scores = contract(tile, init);
  // Only a positive scale commutes with the maximum.
  bool pending = tile.score->empty() && tile.scale > 0;
  pendingScale = pending ? tile.scale : 1.0;
  double scale = pending ? 1.0 : tile.scale;
  bool masked = !tile.mask->empty();
  if (!masked || !tile.partial)
    return applyRegions(tile, masked, scale, scores);
  auto choice = scf::IfOp::create(
      b, loc, tile.partial,
      [&](OpBuilder &inner, Location loc) {
        ScoreEmitter emitter(inner, loc, accumulator);
        scf::YieldOp::create(inner, loc,
                             emitter.applyRegions(tile, true, scale, scores));
      },
      [&](OpBuilder &inner, Location loc) {
        ScoreEmitter emitter(inner, loc, accumulator);
        scf::YieldOp::create(inner, loc,
                             emitter.applyRegions(tile, false, scale, scores));
      });
  return choice.getResult(0);
}
