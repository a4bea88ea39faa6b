//===- ScoreEmitterPairs.cpp - Products of pairs of bf16 --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScoreEmitter.h"

#include "attn/Dialect/Attn/IR/StreamedOperands.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

bool attn::usesPairs(Value query, Value key) {
  return getElementTypeOrSelf(query.getType()).isBF16() &&
         getElementTypeOrSelf(key.getType()).isBF16();
}

AffineMap ScoreEmitter::pairMap() {
  AffineExpr row = b.getAffineDimExpr(0), column = b.getAffineDimExpr(1);
  return AffineMap::get(2, 0, {row.floorDiv(2), column, row % 2},
                        b.getContext());
}

Value ScoreEmitter::pairScratch(OpFoldResult rows, OpFoldResult columns) {
  AffineExpr row = b.getAffineDimExpr(0);
  auto half = [&](AffineExpr expr) {
    return affine::makeComposedFoldedAffineApply(
        b, loc, AffineMap::get(1, 0, expr), rows);
  };
  std::optional<int64_t> bound = upperBound(rows),
                         size = getConstantIntValue(rows);
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               two = b.getIndexAttr(2), pairs = half(row.ceilDiv(2));
  OpFoldResult most =
      bound ? OpFoldResult(b.getIndexAttr((*bound + 1) / 2)) : pairs;
  Value whole =
      tensor::EmptyOp::create(b, loc, {most, columns, two}, b.getBF16Type());
  if (size && *size % 2 == 0)
    return whole;
  auto slice = [&](OpFoldResult first, OpFoldResult count) -> Value {
    return tensor::ExtractSliceOp::create(b, loc, whole, {first, zero, zero},
                                          {count, columns, two},
                                          SmallVector<OpFoldResult>(3, one));
  };
  OpFoldResult last = half((row - 1).floorDiv(2));
  Value none =
      arith::ConstantOp::create(b, loc, b.getZeroAttr(b.getBF16Type()));
  Value lastPair = slice(last, one);
  Value filled = linalg::FillOp::create(b, loc, none, lastPair).getResult(0);
  whole = tensor::InsertSliceOp::create(b, loc, filled, whole,
                                        {last, zero, zero}, {one, columns, two},
                                        SmallVector<OpFoldResult>(3, one));
  return slice(zero, pairs);
}

SmallVector<Value>
ScoreEmitter::genericFetching(SpreadFetch fetch, ValueRange inputs,
                              ValueRange inits, ArrayRef<AffineMap> maps,
                              ArrayRef<bool> reductions, Body body) {
  if (!fetch.rows)
    return generic(inputs, inits, maps, reductions, body);
  SmallVector<Value> all(inputs);
  all.push_back(fetch.rows);
  SmallVector<AffineMap> allMaps(maps);
  allMaps.insert(allMaps.begin() + inputs.size(), noneOf(reductions.size()));
  SmallVector<Value> results = generic(all, inits, allMaps, reductions, body);
  markStreamed(results[0].getDefiningOp(), int64_t(inputs.size()), fetch.ahead);
  return results;
}

std::pair<SpreadFetch, SpreadFetch> ScoreEmitter::halves(Value matrix,
                                                         int64_t ahead) {
  auto type = cast<RankedTensorType>(matrix.getType());
  if (!ahead || !type.hasStaticShape())
    return {};
  int64_t half = type.getDimSize(0) / 2;
  SmallVector<OpFoldResult> one(2, b.getIndexAttr(1)),
      sizes{b.getIndexAttr(half), b.getIndexAttr(type.getDimSize(1))};
  auto rowsFrom = [&](int64_t first) -> SpreadFetch {
    SmallVector<OpFoldResult> offsets{b.getIndexAttr(first), b.getIndexAttr(0)};
    return {tensor::ExtractSliceOp::create(b, loc, matrix, offsets, sizes, one),
            ahead};
  };
  return {rowsFrom(0), rowsFrom(half)};
}

Value ScoreEmitter::pairRows(Value matrix, int64_t ahead, SpreadFetch fetch) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, matrix);
  Value pairs =
      genericFetching(fetch, matrix, pairScratch(sizes[0], sizes[1]),
                      {b.getMultiDimIdentityMap(2), pairMap()}, {false, false},
                      [](OpBuilder &, Location, ValueRange args) {
                        return SmallVector<Value>{args[0]};
                      })[0];
  return fetch.rows ? pairs : streamed(pairs, ahead);
}

Value ScoreEmitter::turnPairs(Value pairs) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(pairs.getType()).getShape();
  Value empty = tensor::EmptyOp::create(b, loc, {shape[1], shape[0], shape[2]},
                                        getElementTypeOrSelf(pairs));
  return generic(pairs, empty, {map(3, {0, 1, 2}), map(3, {1, 0, 2})},
                 {false, false, false},
                 [](OpBuilder &, Location, ValueRange args) {
                   return SmallVector<Value>{args[0]};
                 })[0];
}

Value ScoreEmitter::multiplyPairs(Value lhs, AffineMap lhsMap, Value rhs,
                                  AffineMap rhsMap, Value init,
                                  SpreadFetch fetch) {
  unsigned loops = lhsMap.getNumDims();
  SmallVector<bool> reductions(loops, true);
  reductions[0] = reductions[1] = false;
  return genericFetching(
      fetch, {lhs, rhs}, init, {lhsMap, rhsMap, map(loops, {0, 1})}, reductions,
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        auto extend = [&](Value value) -> Value {
          return arith::ExtFOp::create(builder, loc, accumulator, value);
        };
        Value product = arith::MulFOp::create(builder, loc, extend(args[0]),
                                              extend(args[1]));
        return SmallVector<Value>{
            arith::AddFOp::create(builder, loc, args.back(), product)};
      })[0];
}

/// Whether `piece` takes all rows of a matrix, of some columns.
static bool takesAllRows(tensor::ExtractSliceOp piece) {
  return piece.getSourceType().getRank() == 2 &&
         piece.getType().getRank() == 2 &&
         piece.getSourceType().getDimSize(0) == piece.getStaticSizes()[0];
}

/// Of pairs of rows, the columns of `piece`.
static Value takeColumns(OpBuilder &b, Location loc, Value pairs,
                         tensor::ExtractSliceOp piece) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, pairs);
  SmallVector<OpFoldResult> offsets(3, b.getIndexAttr(0)),
      strides(3, b.getIndexAttr(1));
  offsets[1] = piece.getMixedOffsets()[1];
  sizes[1] = piece.getMixedSizes()[1];
  return tensor::ExtractSliceOp::create(b, loc, pairs, offsets, sizes, strides);
}

/// Queries are paired once, where they are defined: outside of the loops over
/// keys and pieces.
Value ScoreEmitter::pairQueries(Value query) {
  if (auto piece = query.getDefiningOp<tensor::ExtractSliceOp>();
      piece && takesAllRows(piece))
    return takeColumns(b, loc, pairQueries(piece.getSource()), piece);
  for (Operation *user : query.getUsers())
    if (auto pairs = dyn_cast<linalg::GenericOp>(user);
        pairs && pairs.getNumDpsInputs() == 1 &&
        pairs.getIndexingMapsArray().back() == pairMap())
      return pairs.getResult(0);
  OpBuilder::InsertionGuard restore(b);
  b.setInsertionPointAfterValue(query);
  return pairRows(query);
}

Value ScoreEmitter::splitPairs(Value matrix) {
  auto matrixType = cast<RankedTensorType>(matrix.getType());
  int64_t pairs = matrixType.getDimSize(1) / 2;
  auto type = RankedTensorType::get({matrixType.getDimSize(0), pairs, 2},
                                    matrixType.getElementType());
  SmallVector<ReassociationIndices> groups{{0}, {1, 2}};
  SmallVector<OpFoldResult> shape{tensor::getMixedSize(b, loc, matrix, 0),
                                  b.getIndexAttr(pairs), b.getIndexAttr(2)};
  return tensor::ExpandShapeOp::create(b, loc, type, matrix, groups, shape);
}

Value ScoreEmitter::contractPairs(const TileScores &tile, Value zero) {
  Value queries = pairQueries(tile.query);
  Value keys = splitPairs(tile.key);
  SpreadFetch fetch = tile.fetch.value_or(SpreadFetch());
  Value scores = multiplyPairs(keys, map(4, {0, 2, 3}), queries,
                               map(4, {2, 1, 3}), zero, fetch);
  return tile.fetch ? scores : streamed(scores, tile.ahead);
}
