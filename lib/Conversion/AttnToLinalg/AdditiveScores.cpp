//===- AdditiveScores.cpp - Sums of tanh through exponentials -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AdditiveScores.h"

#include "ExponentialRange.h"

#include "attn/Dialect/Attn/IR/StreamedOperands.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;

/// Features that share one division.
static constexpr int64_t groupSize = 4;

static unsigned positionOf(AffineMap map, unsigned dim) {
  return *map.getResultPosition(getAffineDimExpr(dim, map.getContext()));
}

bool attn::hasExponentialForm(const TileScores &tile, Type accumulator) {
  auto query = cast<ShapedType>(tile.query.getType());
  return accumulator.isF32() &&
         !query.isDynamicDim(positionOf(tile.queryMap, TileD));
}

namespace {
class ExponentialForm {
public:
  ExponentialForm(OpBuilder &b, Location loc, const TileScores &tile)
      : b(b), loc(loc), tile(tile), f32(b.getF32Type()), emit(b, loc, f32),
        features(cast<ShapedType>(tile.query.getType())
                     .getDimSize(positionOf(tile.queryMap, TileD))),
        featureLanes(hasFeaturesLast(tile.queryMap)) {
    // Along lanes, features are read where they are: no padding.
    while (featureLanes && features % pieces)
      pieces /= 2;
    groups = llvm::divideCeil(features, pieces);
  }

  Value addScores(Value scores, bool limited);
  /// The same with features along lanes, from keys and queries as they are.
  Value addScoresAlongLanes(Value scores);

private:
  Value pad(Value padded, Value operand, ArrayRef<AffineExpr> from,
            ArrayRef<OpFoldResult> sizes, bool exponential);
  Value queryTerms();
  Value queryExponents();
  bool fetchesValues();
  Value keyTerms();
  Value weights();
  SmallVector<Value> quarters(Value terms, int64_t dim);
  Value emitTerm(OpBuilder &b, Value exponential, bool limited);
  Value emitGroup(OpBuilder &b, ValueRange terms, ValueRange weights);
  OpFoldResult sizeOf(Value operand, AffineMap map, unsigned dim) {
    return tensor::getMixedSize(b, loc, operand, positionOf(map, dim));
  }

  OpBuilder &b;
  Location loc;
  const TileScores &tile;
  Type f32;
  ScoreEmitter emit;
  int64_t features, groups;
  /// Features that share one division are as many pieces apart.
  int64_t pieces = groupSize;
  bool featureLanes;
};
} // namespace

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

/// Writes `operand`, e^2x of it where `exponential`, over the first `sizes` of
/// `padded`; `from` says where each element comes from.
Value ExponentialForm::pad(Value padded, Value operand,
                           ArrayRef<AffineExpr> from,
                           ArrayRef<OpFoldResult> sizes, bool exponential) {
  unsigned rank = sizes.size();
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)),
      strides(rank, b.getIndexAttr(1));
  Value inside =
      tensor::ExtractSliceOp::create(b, loc, padded, offsets, sizes, strides);
  AffineMap map = AffineMap::get(rank, 0, from, b.getContext());
  Value written = emit.generic(
      operand, inside, {map, b.getMultiDimIdentityMap(rank)},
      SmallVector<bool>(rank, false),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value x = args[0];
        if (x.getType() != f32)
          x = arith::ExtFOp::create(b, loc, f32, x);
        if (exponential)
          x = math::ExpOp::create(b, loc, arith::AddFOp::create(b, loc, x, x));
        return SmallVector<Value>{x};
      })[0];
  return tensor::InsertSliceOp::create(b, loc, written, padded, offsets, sizes,
                                       strides);
}

static Value fill(OpBuilder &b, Location loc, Value scalar, Value init) {
  return linalg::FillOp::create(b, loc, scalar, init).getResult(0);
}

/// e^2q as (features, queries), features padded to whole groups.
Value ExponentialForm::queryTerms() {
  OpFoldResult queries = sizeOf(tile.query, tile.queryMap, TileI);
  Value terms = emit.scratch(b.getIndexAttr(groups * pieces), queries);
  if (features % pieces)
    terms = fill(b, loc, emit.constant(1.0), terms);
  AffineExpr d = b.getAffineDimExpr(0), i = b.getAffineDimExpr(1);
  bool rowMajor = positionOf(tile.queryMap, TileI) == 0;
  return pad(terms, tile.query,
             rowMajor ? ArrayRef<AffineExpr>{i, d} : ArrayRef<AffineExpr>{d, i},
             {b.getIndexAttr(features), queries}, /*exponential=*/true);
}

/// e^2k as (keys, features), features padded to whole groups.
Value ExponentialForm::keyTerms() {
  OpFoldResult keys = sizeOf(tile.key, tile.keyMap, TileJ);
  Value terms = emit.scratch(keys, b.getIndexAttr(groups * pieces));
  if (features % pieces)
    terms = fill(b, loc, emit.constant(1.0), terms);
  AffineExpr j = b.getAffineDimExpr(0), d = b.getAffineDimExpr(1);
  bool rowMajor = positionOf(tile.keyMap, TileJ) == 0;
  return pad(terms, tile.key,
             rowMajor ? ArrayRef<AffineExpr>{j, d} : ArrayRef<AffineExpr>{d, j},
             {keys, b.getIndexAttr(features)}, /*exponential=*/true);
}

/// Padding weighs 0.
Value ExponentialForm::weights() {
  Value terms =
      tensor::EmptyOp::create(b, loc, ArrayRef<int64_t>{groups * pieces}, f32);
  terms = fill(b, loc, emit.constant(0.0), terms);
  return pad(terms, tile.featureWeight, b.getAffineDimExpr(0),
             {b.getIndexAttr(features)}, /*exponential=*/false);
}

/// `terms` in as many pieces along `dim` as a group has features.
SmallVector<Value> ExponentialForm::quarters(Value terms, int64_t dim) {
  SmallVector<Value> slices;
  for (int64_t piece = 0; piece < pieces; ++piece) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, terms);
    SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
    SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
    offsets[dim] = b.getIndexAttr(piece * groups);
    sizes[dim] = b.getIndexAttr(groups);
    slices.push_back(
        tensor::ExtractSliceOp::create(b, loc, terms, offsets, sizes, strides));
  }
  return slices;
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

static arith::FastMathFlagsAttr flags(OpBuilder &b,
                                      arith::FastMathFlags more = {}) {
  return arith::FastMathFlagsAttr::get(b.getContext(),
                                       arith::FastMathFlags::contract | more);
}

static Value times(OpBuilder &b, Location loc, Value lhs, Value rhs) {
  return arith::MulFOp::create(b, loc, lhs, rhs, flags(b));
}

static Value plus(OpBuilder &b, Location loc, Value lhs, Value rhs) {
  return arith::AddFOp::create(b, loc, lhs, rhs, flags(b));
}

/// `value`, no more than `limit`. NaN is not less, and stays.
static Value limitTo(OpBuilder &b, Location loc, Value value, double limit) {
  Value most = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(limit));
  Value more =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, most, value);
  return arith::SelectOp::create(b, loc, more, most, value);
}

/// sum w tanh(q + k) of a group: sum w - 2 sum w / t, t = e^2(q + k) + 1, by
/// one division of sums of products.
Value ExponentialForm::emitGroup(OpBuilder &b, ValueRange terms,
                                 ValueRange weights) {
  /// A sum of quotients as one: numerator and denominator.
  using Quotient = std::pair<Value, Value>;
  SmallVector<Quotient> sums;
  for (auto [weight, term] : llvm::zip_equal(weights, terms))
    sums.push_back({weight, term});
  while (sums.size() > 1) {
    SmallVector<Quotient> next;
    for (size_t first = 0; first < sums.size(); first += 2) {
      auto [n1, d1] = sums[first];
      auto [n2, d2] = sums[first + 1];
      next.push_back(
          {plus(b, loc, times(b, loc, n1, d2), times(b, loc, n2, d1)),
           times(b, loc, d1, d2)});
    }
    sums = std::move(next);
  }
  // No infinity can come here, and LLVM estimates reciprocals only then.
  Value share = arith::DivFOp::create(
      b, loc, sums[0].first, sums[0].second,
      flags(b, arith::FastMathFlags::arcp | arith::FastMathFlags::ninf));
  Value whole = weights[0];
  for (Value weight : weights.drop_front())
    whole = plus(b, loc, whole, weight);
  Value factor = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(-2.0));
  return plus(b, loc, times(b, loc, share, factor), whole);
}

/// e^2(q + k) + 1.
Value ExponentialForm::emitTerm(OpBuilder &b, Value exponential, bool limited) {
  Value one = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(1.0));
  Value term = plus(b, loc, exponential, one);
  return limited ? limitTo(b, loc, term, largestTerm) : term;
}

Value ExponentialForm::addScores(Value scores, bool limited) {
  SmallVector<Value> inputs = quarters(keyTerms(), 1);
  llvm::append_range(inputs, quarters(queryTerms(), 0));
  llvm::append_range(inputs, quarters(weights(), 0));
  SmallVector<AffineMap> maps(pieces, emit.map(3, {0, 2}));
  maps.append(pieces, emit.map(3, {2, 1}));
  maps.append(pieces, emit.map(3, {2}));
  maps.push_back(emit.map(3, {0, 1}));
  return emit.generic(
      inputs, scores, maps, {false, false, true},
      [&](OpBuilder &b, Location loc, ValueRange args) {
        SmallVector<Value> terms;
        for (int64_t piece = 0; piece < pieces; ++piece)
          terms.push_back(emitTerm(
              b, times(b, loc, args[pieces + piece], args[piece]), limited));
        Value sum = emitGroup(b, terms, args.slice(2 * pieces, pieces));
        return SmallVector<Value>{
            arith::AddFOp::create(b, loc, args.back(), sum)};
      })[0];
}

/// The factor of exponents: e^2x is 2 to the factor times x.
static Value emitExponentFactor(OpBuilder &b, Location loc) {
  return arith::ConstantOp::create(b, loc,
                                   b.getF32FloatAttr(2.0 / std::log(2.0)));
}

/// What queries add to exponents, as (queries, features).
Value ExponentialForm::queryExponents() {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, tile.query);
  AffineMap identity = b.getMultiDimIdentityMap(2);
  return emit.generic(tile.query, emit.scratch(sizes[0], sizes[1]),
                      {identity, identity}, {false, false},
                      [&](OpBuilder &b, Location loc, ValueRange args) {
                        Value query = convertScalarToDtype(
                            b, loc, args[0], f32, /*isUnsignedCast=*/false);
                        return SmallVector<Value>{
                            times(b, loc, query, emitExponentFactor(b, loc))};
                      })[0];
}

/// Scores are bound by arithmetic and leave memory idle, for which values wait.
bool ExponentialForm::fetchesValues() {
  return tile.ahead && tile.value &&
         cast<ShapedType>(tile.value.getType()).getDimSize(1) == features;
}

Value ExponentialForm::addScoresAlongLanes(Value scores) {
  unsigned keyDim = positionOf(tile.keyMap, TileD);
  SmallVector<Value> inputs = quarters(tile.key, keyDim);
  llvm::append_range(inputs, quarters(queryExponents(), 1));
  llvm::append_range(inputs, quarters(tile.featureWeight, 0));
  AffineMap keyMap = keyDim == 1 ? emit.map(3, {0, 2}) : emit.map(3, {2, 0});
  SmallVector<AffineMap> maps(pieces, keyMap);
  maps.append(pieces, emit.map(3, {1, 2}));
  maps.append(pieces, emit.map(3, {2}));
  SmallVector<int64_t> streamed =
      llvm::to_vector(llvm::seq<int64_t>(0, pieces));
  if (fetchesValues() && keyDim == 1)
    for (Value piece : quarters(tile.value, 1)) {
      streamed.push_back(inputs.size());
      inputs.push_back(piece);
      maps.push_back(keyMap);
    }
  maps.push_back(emit.map(3, {0, 1}));
  auto widen = [&](OpBuilder &b, Value value) {
    return convertScalarToDtype(b, loc, value, f32, /*isUnsignedCast=*/false);
  };
  Value sums = emit.generic(
      inputs, scores, maps, {false, false, true},
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value factor = emitExponentFactor(b, loc);
        SmallVector<Value> terms, weights;
        for (int64_t piece = 0; piece < pieces; ++piece) {
          Value ofKey = times(b, loc, widen(b, args[piece]), factor);
          Value exponent =
              limitTo(b, loc, plus(b, loc, ofKey, args[pieces + piece]),
                      std::log2(largestTerm));
          Value power = math::Exp2Op::create(b, loc, exponent);
          terms.push_back(emitTerm(b, power, /*limited=*/false));
          weights.push_back(widen(b, args[2 * pieces + piece]));
        }
        Value sum = emitGroup(b, terms, weights);
        return SmallVector<Value>{
            arith::AddFOp::create(b, loc, args.back(), sum)};
      })[0];
  if (tile.ahead)
    markStreamed(sums.getDefiningOp(), streamed, tile.ahead);
  return sums;
}

Value attn::emitExponentialForm(OpBuilder &b, Location loc,
                                const TileScores &tile, Value scores,
                                function_ref<Value(OpBuilder &)> fallback) {
  auto choose = [&](OpBuilder &b, Value condition, auto yes, auto no) {
    auto emitInto = [&](auto emit) {
      return [emit](OpBuilder &b, Location loc) {
        scf::YieldOp::create(b, loc, emit(b));
      };
    };
    return scf::IfOp::create(b, loc, condition, emitInto(yes), emitInto(no))
        .getResult(0);
  };
  ExponentialRange range(b, loc);
  if (hasFeaturesLast(tile.queryMap))
    return choose(
        b, range.fitWeights(tile),
        [&](OpBuilder &b) {
          return ExponentialForm(b, loc, tile).addScoresAlongLanes(scores);
        },
        fallback);
  ExponentialRange::Result found = range.find(tile);
  auto exponential = [&](bool limited) {
    return [&, limited](OpBuilder &b) {
      return ExponentialForm(b, loc, tile).addScores(scores, limited);
    };
  };
  return choose(
      b, found.usable,
      [&](OpBuilder &b) {
        return choose(b, found.small, exponential(false), exponential(true));
      },
      fallback);
}
