//===- QueryTileResults.cpp - What a query tile gives -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QueryTileResults.h"

#include "attn/Dialect/Attn/Analysis/RowWitness.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

Value attn::sliceQueries(OpBuilder &b, Location loc, Value tile,
                         OpFoldResult queries) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, tile);
  sizes.back() = queries;
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(b, loc, tile, offsets, sizes, strides);
}

Value attn::insertWhole(OpBuilder &b, Location loc, Value reduced, Value init) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, init);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  return tensor::InsertSliceOp::create(b, loc, reduced, init, offsets, sizes,
                                       strides);
}

/// Proves that bounded scores and a kept key give each row a sum above 0.
bool QueryTile::findsKeyInRows() {
  auto sizeOf = [&](unsigned dim) {
    Value size = op.getOffsets().empty() ? Value() : op.getWhole()[dim];
    return size ? getConstantIntValue(size).value_or(ShapedType::kDynamic)
                : ShapedType::kDynamic;
  };
  int64_t queryCount = sizeOf(AttendOp::I), keyCount = sizeOf(AttendOp::J);
  if (!fixedMaximum || keyCount < 1 || getConstantIntValue(keys) != keyCount)
    return false;
  if (op.getMask().empty())
    return true;
  switch (findRowWitness(op.getMask(), queryCount, keyCount,
                         getCaptureFacts(op.getCaptures()))) {
  case RowWitness::None:
    return false;
  case RowWitness::FirstKey:
    return true;
  case RowWitness::OwnKey:
    return !ShapedType::isDynamic(queryCount) && queryCount <= keyCount;
  }
  llvm_unreachable("all witnesses are handled");
}

/// value / sum; 0 where the sum is 0, which is that of an empty row.
Value QueryTile::divideBySum(OpBuilder &b, Location loc, Value value,
                             Value sum) {
  Value quotient = arith::DivFOp::create(b, loc, value, sum);
  if (keepsRows)
    return quotient;
  Value zero = constant(b, 0.0);
  Value empty =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, sum, zero);
  return arith::SelectOp::create(b, loc, empty, zero, quotient);
}

/// The value, or the smallest normal number where it is less. NaN stays.
static Value atLeastNormal(OpBuilder &b, Location loc, Value value) {
  auto type = cast<FloatType>(value.getType());
  auto least = APFloat::getSmallestNormalized(type.getFloatSemantics());
  Value smallest =
      arith::ConstantOp::create(b, loc, FloatAttr::get(type, least));
  Value below =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, value, smallest);
  return arith::SelectOp::create(b, loc, below, smallest, value);
}

/// 1 / sum[i]. The sum of a softmax is a normal number or 0, so that this
/// cannot overflow. That of an empty row, whose products are 0, counts as the
/// smallest one: a maximum takes less than a choice of the quotient.
Value QueryTile::emitInverse(Value sum) {
  OpFoldResult size = builder.getIndexAttr(plan.rows());
  Value empty = tensor::EmptyOp::create(
      builder, loc, ArrayRef<OpFoldResult>{size}, accumulator);
  AffineMap map = builder.getMultiDimIdentityMap(1);
  return linalg::GenericOp::create(
             builder, loc, empty.getType(), sum, empty,
             ArrayRef<AffineMap>{map, map},
             SmallVector<utils::IteratorType>{utils::IteratorType::parallel},
             [&](OpBuilder &b, Location loc, ValueRange args) {
               Value sum = args[0];
               if (!keepsRows)
                 sum = atLeastNormal(b, loc, sum);
               Value inverse =
                   arith::DivFOp::create(b, loc, constant(b, 1.0), sum);
               linalg::YieldOp::create(b, loc, inverse);
             })
      .getResult(0);
}

/// output[i, e] = accumulator[e, i] / sum[i], in the dimensions `loops`.
Value QueryTile::emitOutput(const State &state, Dims &loops) {
  Dims dims = rowDims(), accDims = tileDims(AttendOp::E);
  dims.push_back(AttendOp::E);
  Value init = sliceTo(op.getOutputInit(), op.getOutputMap(), dims, loops);
  Normalizer normalizer = op.getNormalizer();
  Type element = getElementTypeOrSelf(init.getType());
  Value sum =
      normalizer == Normalizer::Softmax ? emitInverse(state[2]) : state[2];
  return linalg::GenericOp::create(
             builder, loc, init.getType(),
             ValueRange{existingRows(existingValueFeatures(builder, state[0]),
                                     sumRowDim()),
                        existingRows(sum, 0)},
             init,
             ArrayRef<AffineMap>{mapOf(accDims, loops), mapOf(rowDims(), loops),
                                 mapOf(loops, loops)},
             SmallVector<utils::IteratorType>(loops.size(),
                                              utils::IteratorType::parallel),
             [&](OpBuilder &b, Location loc, ValueRange args) {
               Value out = args[0];
               if (normalizer == Normalizer::Softmax)
                 out = arith::MulFOp::create(b, loc, out, args[1]);
               else if (normalizer == Normalizer::Sum)
                 out = divideBySum(b, loc, out, args[1]);
               out = convertScalarToDtype(b, loc, out, element,
                                          /*isUnsignedCast=*/false);
               linalg::YieldOp::create(b, loc, out);
             })
      .getResult(0);
}

/// maximum + log(sum), -inf for an empty row; log(sum) without a maximum.
Value QueryTile::emitLse(const State &state) {
  Dims rows = rowDims(), loops;
  Value init = sliceTo(op.getLseInit(), op.getMap(4), rows, loops);
  Type element = getElementTypeOrSelf(init.getType());
  bool softmax = op.getNormalizer() == Normalizer::Softmax;
  AffineMap rowMap = mapOf(rows, loops);
  Value result =
      linalg::GenericOp::create(
          builder, loc, init.getType(),
          ValueRange{existingRows(state[1], 0), existingRows(state[2], 0)},
          init, ArrayRef<AffineMap>{rowMap, rowMap, mapOf(loops, loops)},
          SmallVector<utils::IteratorType>(loops.size(),
                                           utils::IteratorType::parallel),
          [&](OpBuilder &b, Location loc, ValueRange args) {
            Value lse = math::LogOp::create(b, loc, args[1]);
            Value maximum = args[0];
            if (binary)
              maximum = arith::MulFOp::create(b, loc, maximum,
                                              constant(b, llvm::numbers::ln2));
            if (softmax)
              lse = arith::AddFOp::create(b, loc, maximum, lse);
            lse = convertScalarToDtype(b, loc, lse, element,
                                       /*isUnsignedCast=*/false);
            linalg::YieldOp::create(b, loc, lse);
          })
          .getResult(0);
  return insertWhole(builder, loc, result, op.getLseInit());
}

Value QueryTile::emitScores(OpBuilder &b, Value start, OpFoldResult count) {
  Value keyTile = sliceKeys(b, key, keyMap, start, count);
  Value j = globalKey(b, start);
  SmallVector<OpFoldResult> sizes{count, b.getIndexAttr(plan.queries)};
  Value empty = tensor::EmptyOp::create(b, loc, sizes, accumulator);
  SmallVector<AffineMap> maps{tileMap({TileD, TileI}), keyMap,
                              tileMap({TileJ, TileI})};
  auto scores = ScoreTileOp::create(
      b, loc, empty.getType(), op.getCompatibility(), op.getNormalizer(),
      packed, keyTile, op.getFeatureWeight(), op.getCaptures(), batch, head,
      op.getOffsets()[AttendOp::I], j, empty, b.getAffineMapArrayAttr(maps),
      APFloat(scoreFactor()));
  IRMapping mapping;
  op.getScore().cloneInto(&scores.getScore(), mapping);
  op.getMask().cloneInto(&scores.getMask(), mapping);
  return scores.getResult();
}

Value QueryTile::emitWeight(OpBuilder &b, Value score, Value maximum,
                            Value sum) {
  if (op.getNormalizer() == Normalizer::None)
    return score;
  Value weight = score;
  if (op.getNormalizer() == Normalizer::Softmax) {
    Value exponent = arith::SubFOp::create(b, loc, score, maximum);
    weight = binary ? math::Exp2Op::create(b, loc, exponent).getResult()
                    : math::ExpOp::create(b, loc, exponent).getResult();
  }
  return divideBySum(b, loc, weight, sum);
}

/// A pair without weight has none in a row that another pair made NaN, either.
static Value unlessAbsent(OpBuilder &b, Location loc, AttendOp op, Value score,
                          Value weight) {
  if (op.getNormalizer() == Normalizer::None)
    return weight;
  auto constant = [&](double value) -> Value {
    return arith::ConstantOp::create(b, loc,
                                     b.getFloatAttr(score.getType(), value));
  };
  bool softmax = op.getNormalizer() == Normalizer::Softmax;
  Value none =
      constant(softmax ? -std::numeric_limits<double>::infinity() : 0.0);
  Value absent =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, score, none);
  return arith::SelectOp::create(b, loc, absent, constant(0.0), weight);
}

/// weights[i, j] of one tile of keys, from its scores.
Value QueryTile::emitWeightsTile(OpBuilder &b, Value start, const State &state,
                                 Value weights) {
  OpFoldResult count = tileCount(b, start);
  Value scores = emitScores(b, start, count);
  SmallVector<OpFoldResult> offsets{b.getIndexAttr(0), start},
      strides(2, b.getIndexAttr(1)), tileSizes{queries, count};
  Value init = tensor::ExtractSliceOp::create(b, loc, weights, offsets,
                                              tileSizes, strides);
  AffineExpr row = b.getAffineDimExpr(0), column = b.getAffineDimExpr(1);
  AffineMap scoreMap = AffineMap::get(2, 0, {column, row}, b.getContext());
  AffineMap rowMap = AffineMap::get(2, 0, {row}, b.getContext());
  Type element = getElementTypeOrSelf(init.getType());
  Value tile =
      linalg::GenericOp::create(
          b, loc, init.getType(),
          ValueRange{sliceQueries(b, loc, scores, queries),
                     sliceQueries(b, loc, state[1], queries),
                     sliceQueries(b, loc, state[2], queries)},
          init,
          ArrayRef<AffineMap>{scoreMap, rowMap, rowMap,
                              b.getMultiDimIdentityMap(2)},
          SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
          [&](OpBuilder &b, Location loc, ValueRange args) {
            Value weight = unlessAbsent(
                b, loc, op, args[0], emitWeight(b, args[0], args[1], args[2]));
            linalg::YieldOp::create(
                b, loc,
                convertScalarToDtype(b, loc, weight, element,
                                     /*isUnsignedCast=*/false));
          })
          .getResult(0);
  return tensor::InsertSliceOp::create(b, loc, tile, weights, offsets,
                                       tileSizes, strides);
}

/// A second pass over the keys, made only where weights are asked for.
Value QueryTile::emitWeights(const State &state) {
  AffineMap map = op.getMap(op.getLse() ? 5 : 4);
  AffineMap map2D;
  Value init =
      sliceTo2D(op.getWeightsInit(), map, AttendOp::I, AttendOp::J, map2D);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value step = arith::ConstantIndexOp::create(builder, loc, plan.keys);
  Value end = getValueOrCreateConstantIndexOp(builder, loc, keys);
  auto loop = scf::ForOp::create(
      builder, loc, zero, end, step, init,
      [&](OpBuilder &b, Location loc, Value start, ValueRange args) {
        scf::YieldOp::create(b, loc, emitWeightsTile(b, start, state, args[0]));
      });
  return insertWhole(builder, loc, loop.getResult(0), op.getWeightsInit());
}
