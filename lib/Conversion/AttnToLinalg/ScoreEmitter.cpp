//===- ScoreEmitter.cpp - The scores of a tile as linalg -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScoreEmitter.h"

#include "AdditiveScores.h"
#include "NarrowComparisons.h"

#include "attn/Dialect/Attn/IR/RegionUtils.h"
#include "attn/Dialect/Attn/IR/StreamedOperands.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
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
        linalg::YieldOp::create(builder, bodyLoc, body(builder, bodyLoc, args));
      });
  return SmallVector<Value>(op.getResults());
}

std::optional<int64_t> attn::upperBound(OpFoldResult size) {
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

Value attn::streamed(Value result, int64_t ahead, int64_t input) {
  if (ahead)
    markStreamed(result.getDefiningOp(), input, ahead);
  return result;
}

int64_t attn::addStreamed(SmallVectorImpl<Value> &inputs,
                          SmallVectorImpl<AffineMap> &maps, Value operand,
                          int64_t ahead) {
  if (!ahead || inputs[0] == operand)
    return 0;
  inputs.push_back(operand);
  maps.push_back(maps[0]);
  return inputs.size() - 1;
}

int64_t ScoreEmitter::fetchedWidening(Value operand, unsigned rowDim,
                                      Value sums, int64_t ahead) {
  constexpr int64_t fewRows = 32;
  bool isNarrow = getElementTypeOrSelf(operand.getType()) != accumulator;
  int64_t rows = cast<ShapedType>(sums.getType()).getDimSize(rowDim);
  return isNarrow && rows > fewRows ? ahead : 0;
}

Value ScoreEmitter::widen(Value operand, int64_t ahead) {
  auto type = cast<RankedTensorType>(operand.getType());
  if (type.getElementType() == accumulator)
    return operand;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, operand);
  Value init =
      sizes.size() == 2
          ? scratch(sizes[0], sizes[1])
          : tensor::EmptyOp::create(b, loc, sizes, accumulator).getResult();
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  Value widened =
      generic(operand, init, {identity, identity},
              SmallVector<bool>(type.getRank(), false),
              [&](OpBuilder &builder, Location loc, ValueRange args) {
                return SmallVector<Value>{
                    convertScalarToDtype(builder, loc, args[0], accumulator,
                                         /*isUnsignedCast=*/false)};
              })[0];
  return streamed(widened, ahead);
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
  // Along lanes, features are converted, or multiplied in pairs, as they are
  // read, and whole sums are added to what is there, for nothing if that is -0.
  bool featureLanes = hasFeaturesLast(tile.queryMap);
  Value zero =
      linalg::FillOp::create(b, loc, constant(featureLanes ? -0.0 : 0.0), init)
          .getResult(0);
  if (!featureLanes && usesPairs(tile.query, tile.key))
    return contractPairs(tile, zero);
  int64_t early =
      featureLanes || tile.fetch
          ? 0
          : fetchedWidening(tile.key, /*rowDim=*/1, init, tile.ahead);
  int64_t ahead = early || tile.fetch ? 0 : tile.ahead;
  Value key = featureLanes ? tile.key : widen(tile.key, early);
  SmallVector<Value> inputs{key, tile.query};
  SmallVector<AffineMap> maps{contractionMap(tile.keyMap),
                              contractionMap(tile.queryMap)};
  if (tile.featureWeight) {
    inputs.push_back(widen(tile.featureWeight));
    maps.push_back(map(3, {2}));
  }
  int64_t streamedInput = addStreamed(inputs, maps, tile.key, ahead);
  SmallVector<int64_t> fetched;
  if (ahead)
    fetched.push_back(streamedInput);
  if (tile.fetch) {
    fetched.push_back(inputs.size());
    inputs.push_back(tile.fetch->rows);
    maps.push_back(noneOf(3));
  }
  if (tile.queries && tile.compatibility != Compatibility::Additive) {
    fetched.push_back(inputs.size());
    inputs.push_back(tile.queries);
    maps.push_back(noneOf(3));
  }
  maps.push_back(map(3, {0, 1}));
  auto sumTerms = [&](OpBuilder &at) {
    return ScoreEmitter(at, loc, accumulator)
        .generic(inputs, zero, maps, {false, false, true},
                 [&](OpBuilder &builder, Location loc, ValueRange args) {
                   Value weight = tile.featureWeight ? args[2] : Value();
                   auto convert = [&](Value value) {
                     return convertScalarToDtype(builder, loc, value,
                                                 accumulator,
                                                 /*isUnsignedCast=*/false);
                   };
                   Value key = convert(args[0]), query = convert(args[1]);
                   Value term = emitTerm(builder, loc, tile.compatibility,
                                         query, key, weight);
                   return SmallVector<Value>{
                       arith::AddFOp::create(builder, loc, args.back(), term)};
                 })[0];
  };
  if (tile.compatibility == Compatibility::Additive &&
      hasExponentialForm(tile, accumulator))
    return emitExponentialForm(b, loc, tile, zero, sumTerms);
  Value scores = sumTerms(b);
  if (!fetched.empty())
    markStreamed(scores.getDefiningOp(), fetched, tile.ahead);
  return scores;
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
        auto global = [&](Value first, Value local) -> Value {
          return arith::AddIOp::create(builder, loc, first, local);
        };
        Value lane = linalg::IndexOp::create(builder, loc, 1);
        PairIndices at{tile.first.b, tile.first.h, global(tile.first.i, lane)};
        at.j = global(tile.first.j, linalg::IndexOp::create(builder, loc, 0));
        SmallVector<Value> indices{at.b, at.h, at.i, at.j};
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
        int64_t lanes = cast<ShapedType>(scores.getType()).getDimSize(1);
        if (ShapedType::isStatic(lanes))
          narrowComparisons(builder, *builder.getInsertionBlock(),
                            {at, tile.first.i, lane, lanes});
        return SmallVector<Value>{score};
      })[0];
}

Value ScoreEmitter::reshape(Value tensor, int64_t columns) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<ReassociationIndices> all{{0, 1}};
  if (type.getRank() == 2)
    tensor = tensor::CollapseShapeOp::create(b, loc, tensor, all);
  return tensor::ExpandShapeOp::create(
      b, loc,
      RankedTensorType::get({type.getNumElements() / columns, columns},
                            type.getElementType()),
      tensor, all);
}

/// Scores in memory of so few queries that the maximum of one key would wait
/// for that of the one before: keys of several rows are compared first.
Value ScoreEmitter::maximumInParts(Value scores, Value init) {
  auto type = cast<RankedTensorType>(scores.getType());
  int64_t columns = type.getDimSize(1),
          joined = getJoinedColumns(columns, type.getDimSize(0));
  auto maximaOf = [&](Value matrix, int64_t size) {
    return maximumOf(matrix, tensor::EmptyOp::create(
                                 b, loc, ArrayRef<int64_t>{size}, accumulator));
  };
  Value matrix = reshape(scores, joined);
  // A single row is its own maximum.
  Value maxima = cast<ShapedType>(matrix.getType()).getDimSize(0) == 1
                     ? scores
                     : maximaOf(matrix, joined);
  return maximumOf(quarter(maxima, columns, maximaOf), init);
}

Value ScoreEmitter::quarter(Value perColumn, int64_t columns,
                            function_ref<Value(Value, int64_t)> combine) {
  int64_t size = cast<ShapedType>(perColumn.getType()).getNumElements();
  for (; size > std::max<int64_t>(mostFolded, 4 * columns); size /= 4)
    perColumn = combine(reshape(perColumn, size / 4), size / 4);
  return reshape(perColumn, columns);
}

// A score of NaN is passed over here and reaches the sum through its weight.
Value ScoreEmitter::maximumOf(Value scores, Value init) {
  Value lowest = constant(-std::numeric_limits<double>::infinity());
  Value start = linalg::FillOp::create(b, loc, lowest, init).getResult(0);
  return generic(scores, start, {map(2, {0, 1}), map(2, {1})}, {true, false},
                 [](OpBuilder &b, Location loc, ValueRange args) {
                   Value larger = arith::CmpFOp::create(
                       b, loc, arith::CmpFPredicate::OGT, args[0], args[1]);
                   return SmallVector<Value>{arith::SelectOp::create(
                       b, loc, larger, args[0], args[1])};
                 })[0];
}

Value ScoreEmitter::maximumOfTile(const TileScores &tile, Value scores,
                                  Value init) {
  constexpr int64_t fewQueries = 16;
  auto type = cast<RankedTensorType>(scores.getType());
  bool inParts = tile.isPadded && type.hasStaticShape() &&
                 type.getDimSize(1) <= fewQueries;
  return inParts ? maximumInParts(scores, init) : maximumOf(scores, init);
}

/// -inf for keys that are padding.
Value ScoreEmitter::removePadding(const TileScores &tile, Value scores) {
  if (!tile.existing)
    return scores;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, scores);
  if (isEqualConstantIntOrValue(tile.existing, sizes[0]))
    return scores;
  AffineExpr all = b.getAffineDimExpr(0), existing = b.getAffineDimExpr(1);
  sizes[0] = affine::makeComposedFoldedAffineApply(
      b, loc, AffineMap::get(2, 0, all - existing), {sizes[0], tile.existing});
  SmallVector<OpFoldResult> offsets{tile.existing, b.getIndexAttr(0)},
      strides(2, b.getIndexAttr(1));
  Value padding =
      tensor::ExtractSliceOp::create(b, loc, scores, offsets, sizes, strides);
  Value lowest = constant(-std::numeric_limits<double>::infinity());
  Value filled = linalg::FillOp::create(b, loc, lowest, padding).getResult(0);
  return tensor::InsertSliceOp::create(b, loc, filled, scores, offsets, sizes,
                                       strides);
}

ScoreEmitter::Scores ScoreEmitter::emitScores(const TileScores &tile,
                                              Value init, Value maximum) {
  Value scores = contract(tile, init);
  if (auto slice = init.getDefiningOp<tensor::ExtractSliceOp>();
      slice && tile.existing)
    scores = tensor::InsertSliceOp::create(
        b, loc, scores, slice.getSource(), slice.getMixedOffsets(),
        slice.getMixedSizes(), slice.getMixedStrides());
  scores = removePadding(tile, scores);
  // Only a positive scale commutes with the maximum.
  bool pending = tile.score->empty() && tile.scale > 0;
  double scale = pending ? 1.0 : tile.scale;
  auto finish = [&](OpBuilder &builder, bool masked) -> SmallVector<Value> {
    ScoreEmitter emitter(builder, loc, accumulator);
    SmallVector<Value> results{
        emitter.applyRegions(tile, masked, scale, scores)};
    if (results[0] != scores)
      results[0] = emitter.removePadding(tile, results[0]);
    if (maximum)
      results.push_back(emitter.maximumOfTile(tile, results[0], maximum));
    return results;
  };
  bool masked = !tile.mask->empty();
  SmallVector<Value> results;
  if (masked && tile.partial) {
    // Where the mask does not run the contraction can have found the maximum.
    bool unchanged = scale == 1.0 && tile.score->empty();
    if (unchanged && maximum)
      maximum = maximumOfTile(tile, scores, maximum);
    auto choice = scf::IfOp::create(
        b, loc, tile.partial,
        [&](OpBuilder &inner, Location loc) {
          scf::YieldOp::create(inner, loc, finish(inner, /*masked=*/true));
        },
        [&](OpBuilder &inner, Location loc) {
          SmallVector<Value> asTheyAre{scores};
          if (maximum)
            asTheyAre.push_back(maximum);
          scf::YieldOp::create(inner, loc,
                               unchanged ? asTheyAre
                                         : finish(inner, /*masked=*/false));
        });
    results.assign(choice.result_begin(), choice.result_end());
  } else {
    results = finish(b, masked);
  }
  return {results[0], maximum ? results[1] : Value(),
          pending ? tile.scale : 1.0};
}

Value ScoreEmitter::emitScaledScores(const TileScores &tile, Value init) {
  auto [scores, maximum, scale] = emitScores(tile, init, /*maximum=*/{});
  if (scale == 1.0)
    return scores;
  Value factor = constant(scale);
  return generic({}, scores, b.getMultiDimIdentityMap(2), {false, false},
                 [&](OpBuilder &b, Location loc, ValueRange args) {
                   return SmallVector<Value>{
                       arith::MulFOp::create(b, loc, args[0], factor)};
                 })[0];
}
