//===- QueryTile.cpp - One tile of queries against all keys -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Transforms/QueryTile.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::attn;

/// Dimensions of the iteration space of attn.attend_tile.
enum TileDim { TileI, TileJ, TileD, TileE, NumTileDims };

static constexpr double lowest = -std::numeric_limits<double>::infinity();

/// The position of `dim` among the results of `map`.
static unsigned positionOf(AffineMap map, unsigned dim) {
  return *map.getResultPosition(getAffineDimExpr(dim, map.getContext()));
}

QueryTile::QueryTile(OpBuilder &builder, AttendOp op, TilePlan plan,
                     TileClassifier *classifier)
    : builder(builder), op(op), plan(plan), classifier(classifier),
      loc(op.getLoc()),
      accumulator(
          getAccumulatorType(getElementTypeOrSelf(op.getQuery().getType()))) {
  query = sliceTo2D(op.getQuery(), op.getQueryMap(), AttendOp::I, AttendOp::D,
                    queryMap);
  key = sliceTo2D(op.getKey(), op.getKeyMap(), AttendOp::J, AttendOp::D,
                  keyMap);
  value = sliceTo2D(op.getValue(), op.getValueMap(), AttendOp::J, AttendOp::E,
                    valueMap);
  auto sizeOf = [&](Value operand, AffineMap map, unsigned dim) {
    return tensor::getMixedSize(builder, loc, operand, positionOf(map, dim));
  };
  queries = sizeOf(query, queryMap, TileI);
  features = sizeOf(query, queryMap, TileD);
  keys = sizeOf(key, keyMap, TileJ);
  valueFeatures = sizeOf(value, valueMap, TileE);
  batch = op.getOffsets()[AttendOp::B];
  head = headOffset();
  packed = packQueries();
}

/// h = hkv * G + g.
Value QueryTile::headOffset() {
  Value first = arith::MulIOp::create(
      builder, loc, op.getOffsets()[AttendOp::Hkv],
      op.getWhole()[AttendOp::G]);
  return arith::AddIOp::create(builder, loc, first,
                               op.getOffsets()[AttendOp::G]);
}

AffineMap QueryTile::tileMap(ArrayRef<unsigned> dims) {
  return AffineMap::getMultiDimMapWithTargets(NumTileDims, dims,
                                              op.getContext());
}

/// Drops the dimensions of size 1; `map2D` says which of the tile's dimensions
/// the two that remain are.
Value QueryTile::sliceTo2D(Value operand, AffineMap map, unsigned rowDim,
                           unsigned columnDim, AffineMap &map2D) {
  static constexpr unsigned tileDims[] = {TileI, TileJ, TileD, TileE};
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, operand);
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), builder.getIndexAttr(1));
  SmallVector<int64_t> shape;
  SmallVector<unsigned> kept;
  auto type = cast<RankedTensorType>(operand.getType());
  for (auto [position, result] : llvm::enumerate(map.getResults())) {
    unsigned dim = cast<AffineDimExpr>(result).getPosition();
    if (dim != rowDim && dim != columnDim)
      continue;
    shape.push_back(type.getDimSize(position));
    kept.push_back(tileDims[dim - AttendOp::I]);
  }
  map2D = tileMap(kept);
  auto reduced = RankedTensorType::get(shape, type.getElementType());
  return tensor::ExtractSliceOp::create(builder, loc, reduced, operand, offsets,
                                        sizes, strides);
}

Value QueryTile::constant(OpBuilder &b, double value) {
  return arith::ConstantOp::create(b, loc, b.getFloatAttr(accumulator, value));
}

Value QueryTile::zeros(ArrayRef<OpFoldResult> sizes) {
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, accumulator);
  return linalg::FillOp::create(builder, loc, constant(builder, 0.0), empty)
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Before the loop
//===----------------------------------------------------------------------===//

/// The queries transposed, (D, tile), in the accumulator type, padded by zeros.
Value QueryTile::packQueries() {
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  Value padded =
      zeros({features, builder.getIndexAttr(plan.queries)});
  SmallVector<OpFoldResult> offsets{zero, zero}, strides{one, one},
      sizes{features, queries};
  Value inside = tensor::ExtractSliceOp::create(builder, loc, padded, offsets,
                                                sizes, strides);
  MLIRContext *context = op.getContext();
  AffineExpr i = getAffineDimExpr(1, context), d = getAffineDimExpr(0, context);
  bool rowMajor = positionOf(queryMap, TileI) == 0;
  AffineMap from = AffineMap::get(
      2, 0, rowMajor ? ArrayRef<AffineExpr>{i, d} : ArrayRef<AffineExpr>{d, i},
      context);
  Value transposed =
      linalg::GenericOp::create(
          builder, loc, inside.getType(), query, inside,
          ArrayRef<AffineMap>{from, builder.getMultiDimIdentityMap(2)},
          SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
          [&](OpBuilder &b, Location loc, ValueRange args) {
            Value element = convertScalarToDtype(b, loc, args[0], accumulator,
                                                 /*isUnsignedCast=*/false);
            linalg::YieldOp::create(b, loc, element);
          })
          .getResult(0);
  return tensor::InsertSliceOp::create(builder, loc, transposed, padded,
                                       offsets, sizes, strides);
}

/// The sink's logit, and the weight that it starts the sum with: 1, or 0 for a
/// sink of -inf, which adds nothing.
std::pair<Value, Value> QueryTile::sinkState() {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value logit = tensor::ExtractOp::create(builder, loc, op.getSink(),
                                          ValueRange{zero, zero});
  logit = convertScalarToDtype(builder, loc, logit, accumulator,
                               /*isUnsignedCast=*/false);
  Value absent =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ, logit,
                            constant(builder, lowest));
  Value weight = arith::SelectOp::create(builder, loc, absent,
                                         constant(builder, 0.0),
                                         constant(builder, 1.0));
  return {logit, weight};
}

/// No keys yet. A sink is a key without value: it starts maximum and sum.
QueryTile::State QueryTile::initialState(const State &buffers) {
  Value maximum = constant(builder, lowest), sum = constant(builder, 0.0);
  if (op.getSink())
    std::tie(maximum, sum) = sinkState();
  auto fillWith = [&](Value scalar, Value buffer) {
    return linalg::FillOp::create(builder, loc, scalar, buffer).getResult(0);
  };
  return {fillWith(constant(builder, 0.0), buffers[0]),
          fillWith(maximum, buffers[1]), fillWith(sum, buffers[2])};
}

QueryTile::State QueryTile::emptyState() {
  OpFoldResult tile = builder.getIndexAttr(plan.queries);
  auto empty = [&](ArrayRef<OpFoldResult> sizes) -> Value {
    return tensor::EmptyOp::create(builder, loc, sizes, accumulator);
  };
  return {empty({valueFeatures, tile}), empty({tile}), empty({tile})};
}

//===----------------------------------------------------------------------===//
// Loop over key tiles
//===----------------------------------------------------------------------===//

/// The rows [start, start + count) of a key or value.
static Value sliceKeys(OpBuilder &b, Location loc, Value operand, AffineMap map,
                       Value start, OpFoldResult count) {
  unsigned dim = positionOf(map, TileJ);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, operand);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  offsets[dim] = start;
  sizes[dim] = count;
  return tensor::ExtractSliceOp::create(b, loc, operand, offsets, sizes,
                                        strides);
}

/// min(tile, size - start).
static OpFoldResult tileCount(OpBuilder &b, Location loc, int64_t tile,
                              OpFoldResult size, Value start) {
  AffineExpr first, all;
  bindDims(b.getContext(), first);
  bindSymbols(b.getContext(), all);
  AffineMap map = AffineMap::get(
      1, 1, {b.getAffineConstantExpr(tile), all - first}, b.getContext());
  return affine::makeComposedFoldedAffineMin(b, loc, map, {start, size});
}

/// The global index of the first query or key of a tile.
static Value globalIndex(OpBuilder &b, Location loc, Value offset,
                         Value start) {
  return arith::AddIOp::create(b, loc, offset, start);
}

QueryTile::State QueryTile::emitKeyTile(OpBuilder &b, Location loc, Value start,
                                        OpFoldResult count, Value partial,
                                        State state, bool guarded) {
  Value keyTile = sliceKeys(b, loc, key, keyMap, start, count);
  Value valueTile = sliceKeys(b, loc, value, valueMap, start, count);
  Value j = globalIndex(b, loc, op.getOffsets()[AttendOp::J], start);
  SmallVector<AffineMap> maps{tileMap({TileD, TileI}), keyMap, valueMap,
                              tileMap({TileE, TileI})};
  auto tile = AttendTileOp::create(
      b, loc, state[0].getType(), state[1].getType(), state[2].getType(),
      op.getCompatibility(), op.getNormalizer(), packed, keyTile, valueTile,
      op.getFeatureWeight(), op.getCaptures(), batch, head,
      op.getOffsets()[AttendOp::I], j, partial, state[0], state[1], state[2],
      b.getAffineMapArrayAttr(maps), op.getScale(), guarded);
  IRMapping mapping;
  op.getScore().cloneInto(&tile.getScore(), mapping);
  op.getMask().cloneInto(&tile.getMask(), mapping);
  return State(tile->getResults());
}

/// The queries of this tile, global.
IndexRange QueryTile::queryRange(OpBuilder &b) {
  Value first = op.getOffsets()[AttendOp::I];
  Value count = getValueOrCreateConstantIndexOp(b, loc, queries);
  return {first, arith::AddIOp::create(b, loc, first, count)};
}

/// A tile of keys unless the mask leaves it empty; its mask runs only where it
/// is partial.
QueryTile::State QueryTile::emitClassifiedTile(OpBuilder &b, Location loc,
                                               Value start, State state,
                                               bool guarded) {
  OpFoldResult count = tileCount(b, loc, plan.keys, keys, start);
  if (!classifier)
    return emitKeyTile(b, loc, start, count, Value(), state, guarded);
  Value size = getValueOrCreateConstantIndexOp(b, loc, count);
  Value end = arith::AddIOp::create(b, loc, start, size);
  TileClass tileClass = classifier->emitClass(
      b, loc, {batch, head, queryRange(b), {start, end}});
  Value yes = arith::ConstantIntOp::create(b, loc, 1, 1);
  Value partial = arith::XOrIOp::create(b, loc, tileClass.must, yes);
  auto visit = scf::IfOp::create(
      b, loc, tileClass.may,
      [&](OpBuilder &b, Location loc) {
        scf::YieldOp::create(b, loc,
                             emitKeyTile(b, loc, start, count, partial, state,
                                         guarded));
      },
      [&](OpBuilder &b, Location loc) {
        scf::YieldOp::create(b, loc, state);
      });
  return State(visit.getResults());
}

/// The key tiles that the mask can reach.
std::pair<Value, Value> QueryTile::keyRange() {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  if (!classifier)
    return {zero, getValueOrCreateConstantIndexOp(builder, loc, keys)};
  KeyBounds bounds = classifier->emitKeyBounds(builder, loc, batch, head,
                                               queryRange(builder));
  Value step = arith::ConstantIndexOp::create(builder, loc, plan.keys);
  Value tile = arith::DivUIOp::create(builder, loc, bounds.lower, step);
  return {arith::MulIOp::create(builder, loc, tile, step), bounds.upper};
}

QueryTile::State QueryTile::loopOverKeys(State state, bool guarded) {
  auto [start, end] = keyRange();
  Value step = arith::ConstantIndexOp::create(builder, loc, plan.keys);
  auto loop = scf::ForOp::create(
      builder, loc, start, end, step, state,
      [&](OpBuilder &b, Location loc, Value start, ValueRange args) {
        scf::YieldOp::create(
            b, loc,
            emitClassifiedTile(b, loc, start, State(args), guarded));
      });
  return State(loop.getResults());
}

//===----------------------------------------------------------------------===//
// Values that are not finite behind a mask
//===----------------------------------------------------------------------===//

/// A pair without weight can exist, so a value of NaN could meet a weight of 0.
bool QueryTile::needsGuard() {
  return !op.getMask().empty() || !op.getScore().empty();
}

/// Whether sum(0 * accumulator) is 0, as it is unless an element is not finite.
Value QueryTile::isFinite(Value acc) {
  auto reduce = [&](Value input, Value init, unsigned inputRank,
                    bool multiply) {
    AffineMap inputMap = builder.getMultiDimIdentityMap(inputRank);
    AffineMap outputMap = inputMap.dropResult(0);
    SmallVector<utils::IteratorType> iterators(
        inputRank, utils::IteratorType::parallel);
    iterators[0] = utils::IteratorType::reduction;
    return linalg::GenericOp::create(
               builder, loc, init.getType(), input, init,
               ArrayRef<AffineMap>{inputMap, outputMap}, iterators,
               [&](OpBuilder &b, Location loc, ValueRange args) {
                 Value term = args[0];
                 if (multiply) {
                   term = arith::MulFOp::create(b, loc, term,
                                                constant(b, 0.0));
                 }
                 Value sum = arith::AddFOp::create(b, loc, args[1], term);
                 linalg::YieldOp::create(b, loc, sum);
               })
        .getResult(0);
  };
  Value perQuery = reduce(
      acc, zeros({builder.getIndexAttr(plan.queries)}), 2, true);
  Value total = reduce(perQuery, zeros({}), 1, false);
  Value sum = tensor::ExtractOp::create(builder, loc, total, ValueRange());
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ, sum,
                               constant(builder, 0.0));
}

QueryTile::State QueryTile::recomputeUnlessFinite(State fast) {
  if (!needsGuard())
    return fast;
  Value finite = isFinite(fast[0]);
  auto choice = scf::IfOp::create(
      builder, loc, finite,
      [&](OpBuilder &b, Location loc) { scf::YieldOp::create(b, loc, fast); },
      [&](OpBuilder &b, Location loc) {
        OpBuilder::InsertionGuard restore(builder);
        builder.setInsertionPointToEnd(b.getInsertionBlock());
        // In the same buffers, so that the branches agree on them.
        State slow = loopOverKeys(initialState(fast), /*guarded=*/true);
        scf::YieldOp::create(builder, loc, slow);
        b.setInsertionPointToEnd(builder.getInsertionBlock());
      });
  return State(choice.getResults());
}

//===----------------------------------------------------------------------===//
// After the loop
//===----------------------------------------------------------------------===//

/// The first `queries` columns of a tile whose last dimension is queries.
static Value sliceQueries(OpBuilder &b, Location loc, Value tile,
                          OpFoldResult queries) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, tile);
  sizes.back() = queries;
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(b, loc, tile, offsets, sizes, strides);
}

/// Writes a 2-D or 1-D tensor over the whole of `init`, which has further
/// dimensions of size 1.
static Value insertWhole(OpBuilder &b, Location loc, Value reduced,
                         Value init) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, init);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  return tensor::InsertSliceOp::create(b, loc, reduced, init, offsets, sizes,
                                       strides);
}

/// output[i, e] = accumulator[e, i] / sum[i]; 0 where the sum is 0.
Value QueryTile::emitOutput(const State &state) {
  AffineMap outputMap;
  Value init = sliceTo2D(op.getOutputInit(), op.getOutputMap(), AttendOp::I,
                         AttendOp::E, outputMap);
  bool rowMajor = positionOf(outputMap, TileI) == 0;
  MLIRContext *context = op.getContext();
  AffineExpr i = getAffineDimExpr(rowMajor ? 0 : 1, context);
  AffineExpr e = getAffineDimExpr(rowMajor ? 1 : 0, context);
  AffineMap accMap = AffineMap::get(2, 0, {e, i}, context);
  AffineMap sumMap = AffineMap::get(2, 0, {i}, context);
  bool normalize = op.getNormalizer() != Normalizer::None;
  Type element = getElementTypeOrSelf(init.getType());
  Value result =
      linalg::GenericOp::create(
          builder, loc, init.getType(),
          ValueRange{sliceQueries(builder, loc, state[0], queries),
                     sliceQueries(builder, loc, state[2], queries)},
          init,
          ArrayRef<AffineMap>{accMap, sumMap,
                              builder.getMultiDimIdentityMap(2)},
          SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
          [&](OpBuilder &b, Location loc, ValueRange args) {
            Value out = args[0];
            if (normalize) {
              Value zero = constant(b, 0.0);
              Value empty = arith::CmpFOp::create(
                  b, loc, arith::CmpFPredicate::OEQ, args[1], zero);
              Value quotient = arith::DivFOp::create(b, loc, out, args[1]);
              out = arith::SelectOp::create(b, loc, empty, zero, quotient);
            }
            out = convertScalarToDtype(b, loc, out, element,
                                       /*isUnsignedCast=*/false);
            linalg::YieldOp::create(b, loc, out);
          })
          .getResult(0);
  return insertWhole(builder, loc, result, op.getOutputInit());
}

/// maximum + log(sum), -inf for an empty row; log(sum) without a maximum.
Value QueryTile::emitLse(const State &state) {
  Type element = getElementTypeOrSelf(op.getLseInit().getType());
  Value empty = tensor::EmptyOp::create(builder, loc,
                                        ArrayRef<OpFoldResult>{queries},
                                        element);
  AffineMap map = builder.getMultiDimIdentityMap(1);
  bool softmax = op.getNormalizer() == Normalizer::Softmax;
  Value result =
      linalg::GenericOp::create(
          builder, loc, empty.getType(),
          ValueRange{sliceQueries(builder, loc, state[1], queries),
                     sliceQueries(builder, loc, state[2], queries)},
          empty, ArrayRef<AffineMap>{map, map, map},
          SmallVector<utils::IteratorType>{utils::IteratorType::parallel},
          [&](OpBuilder &b, Location loc, ValueRange args) {
            Value lse = math::LogOp::create(b, loc, args[1]);
            if (softmax)
              lse = arith::AddFOp::create(b, loc, args[0], lse);
            lse = convertScalarToDtype(b, loc, lse, element,
                                       /*isUnsignedCast=*/false);
            linalg::YieldOp::create(b, loc, lse);
          })
          .getResult(0);
  return insertWhole(builder, loc, result, op.getLseInit());
}

/// weights[i, j] of one tile of keys, from its scores.
Value QueryTile::emitWeightsTile(OpBuilder &b, Value start, const State &state,
                                 Value weights) {
  OpFoldResult count = tileCount(b, loc, plan.keys, keys, start);
  Value keyTile = sliceKeys(b, loc, key, keyMap, start, count);
  Value j = globalIndex(b, loc, op.getOffsets()[AttendOp::J], start);
  SmallVector<OpFoldResult> sizes{count, b.getIndexAttr(plan.queries)};
  Value empty = tensor::EmptyOp::create(b, loc, sizes, accumulator);
  SmallVector<AffineMap> maps{tileMap({TileD, TileI}), keyMap,
                              tileMap({TileJ, TileI})};
  auto scores = ScoreTileOp::create(
      b, loc, empty.getType(), op.getCompatibility(), op.getNormalizer(),
      packed, keyTile, op.getFeatureWeight(), op.getCaptures(), batch, head,
      op.getOffsets()[AttendOp::I], j, empty, b.getAffineMapArrayAttr(maps),
      op.getScale());
  IRMapping mapping;
  op.getScore().cloneInto(&scores.getScore(), mapping);
  op.getMask().cloneInto(&scores.getMask(), mapping);

  SmallVector<OpFoldResult> offsets{b.getIndexAttr(0), start},
      strides(2, b.getIndexAttr(1)), tileSizes{queries, count};
  Value init = tensor::ExtractSliceOp::create(b, loc, weights, offsets,
                                              tileSizes, strides);
  AffineExpr row = b.getAffineDimExpr(0), column = b.getAffineDimExpr(1);
  AffineMap scoreMap = AffineMap::get(2, 0, {column, row}, b.getContext());
  AffineMap rowMap = AffineMap::get(2, 0, {row}, b.getContext());
  bool softmax = op.getNormalizer() == Normalizer::Softmax;
  bool normalize = op.getNormalizer() != Normalizer::None;
  Type element = getElementTypeOrSelf(init.getType());
  Value tile =
      linalg::GenericOp::create(
          b, loc, init.getType(),
          ValueRange{sliceQueries(b, loc, scores.getResult(), queries),
                     sliceQueries(b, loc, state[1], queries),
                     sliceQueries(b, loc, state[2], queries)},
          init,
          ArrayRef<AffineMap>{scoreMap, rowMap, rowMap,
                              b.getMultiDimIdentityMap(2)},
          SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
          [&](OpBuilder &b, Location loc, ValueRange args) {
            Value weight = args[0];
            if (softmax)
              weight = math::ExpOp::create(
                  b, loc, arith::SubFOp::create(b, loc, weight, args[1]));
            if (normalize) {
              Value zero = constant(b, 0.0);
              Value none = arith::CmpFOp::create(
                  b, loc, arith::CmpFPredicate::OEQ, args[2], zero);
              weight = arith::SelectOp::create(
                  b, loc, none, zero,
                  arith::DivFOp::create(b, loc, weight, args[2]));
            }
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
  AffineMap map = op.getMap(op.getIndexingMaps().size() - 1);
  AffineMap map2D;
  Value init =
      sliceTo2D(op.getWeightsInit(), map, AttendOp::I, AttendOp::J, map2D);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value step = arith::ConstantIndexOp::create(builder, loc, plan.keys);
  Value end = getValueOrCreateConstantIndexOp(builder, loc, keys);
  auto loop = scf::ForOp::create(
      builder, loc, zero, end, step, init,
      [&](OpBuilder &b, Location loc, Value start, ValueRange args) {
        scf::YieldOp::create(b, loc,
                             emitWeightsTile(b, start, state, args[0]));
      });
  return insertWhole(builder, loc, loop.getResult(0), op.getWeightsInit());
}

SmallVector<Value> QueryTile::emit() {
  State state = recomputeUnlessFinite(
      loopOverKeys(initialState(emptyState()), /*guarded=*/false));
  SmallVector<Value> results{emitOutput(state)};
  if (op.getLse())
    results.push_back(emitLse(state));
  if (op.getWeights())
    results.push_back(emitWeights(state));
  return results;
}
