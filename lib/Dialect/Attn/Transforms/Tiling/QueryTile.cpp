//===- QueryTile.cpp - One tile of queries against all keys -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QueryTile.h"
#include "QueryTileResults.h"

#include "attn/Dialect/Attn/Analysis/ScoreRange.h"
#include "attn/Dialect/Attn/IR/AttentionShape.h"
#include "attn/Dialect/Attn/Transforms/TilePlan.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

unsigned QueryTile::positionOf(AffineMap map, unsigned dim) {
  return *map.getResultPosition(getAffineDimExpr(dim, map.getContext()));
}

QueryTile::QueryTile(OpBuilder &builder, AttendOp op, TilePlan plan,
                     TileClassifier *classifier)
    : builder(builder), op(op), plan(plan), classifier(classifier),
      loc(op.getLoc()), accumulator(getAccumulatorType(
                            getElementTypeOrSelf(op.getQuery().getType()))) {
  Dims dims = rowDims();
  dims.push_back(AttendOp::D);
  query = sliceTo(op.getQuery(), op.getQueryMap(), dims, queryDims);
  key =
      sliceTo2D(op.getKey(), op.getKeyMap(), AttendOp::J, AttendOp::D, keyMap);
  value = sliceTo2D(op.getValue(), op.getValueMap(), AttendOp::J, AttendOp::E,
                    valueMap);
  auto sizeOf = [&](Value operand, AffineMap map, unsigned dim) {
    return tensor::getMixedSize(builder, loc, operand, positionOf(map, dim));
  };
  auto queryDim = [&](unsigned dim) {
    return llvm::find(queryDims, dim) - queryDims.begin();
  };
  queries = tensor::getMixedSize(builder, loc, query, queryDim(AttendOp::I));
  features = tensor::getMixedSize(builder, loc, query, queryDim(AttendOp::D));
  keys = sizeOf(key, keyMap, TileJ);
  valueFeatures = sizeOf(value, valueMap, TileE);
  batch = op.getOffsets()[AttendOp::B];
  head = headOffset();
  binary = findsBinaryScores();
  fixedMaximum = getFixedMaximum(op);
  if (fixedMaximum && binary)
    *fixedMaximum *= llvm::numbers::log2e;
  keepsRows = findsKeyInRows();
}

/// Exponents of 2 want nothing between product and exponential, where nothing
/// but the scale stands there. It and log2(e) are one factor then, so that the
/// largest score of a row is the maximum of the row to the last bit however
/// large it is; factors far from 1 may leave the range of f32.
bool QueryTile::findsBinaryScores() {
  double factor = std::abs(op.getScale().convertToDouble());
  return op.getNormalizer() == Normalizer::Softmax &&
         op.getCompatibility() == Compatibility::Dot && op.getScore().empty() &&
         factor > 0x1p-100 && factor < 0x1p100;
}

/// Queries carry the factor of exponents of 2 unless it is so far from 1 that
/// they could leave the range of f32. What is multiplied in pairs is rounded to
/// bf16; few queries wait for memory, not for a product less.
bool QueryTile::queriesCarryScale() {
  double factor = std::abs(scale());
  return binary && !plan.pairs && !rowsFirst() && factor > 0x1p-12 &&
         factor < 2;
}

double QueryTile::scale() {
  double scale = op.getScale().convertToDouble();
  return binary ? scale * llvm::numbers::log2e : scale;
}

double QueryTile::queryFactor() { return queriesCarryScale() ? scale() : 1; }

double QueryTile::scoreFactor() { return queriesCarryScale() ? 1 : scale(); }

/// h = hkv * G + g.
Value QueryTile::headOffset() {
  Value first = arith::MulIOp::create(
      builder, loc, op.getOffsets()[AttendOp::Hkv], op.getWhole()[AttendOp::G]);
  return arith::AddIOp::create(builder, loc, first,
                               op.getOffsets()[AttendOp::G]);
}

AffineMap QueryTile::tileMap(ArrayRef<unsigned> dims) {
  return AffineMap::getMultiDimMapWithTargets(NumTileDims, dims,
                                              op.getContext());
}

Value QueryTile::sliceTo2D(Value operand, AffineMap map, unsigned rowDim,
                           unsigned columnDim, AffineMap &map2D) {
  static constexpr unsigned tileDims[] = {TileI, TileJ, TileD, TileE};
  SmallVector<unsigned> order;
  Value slice = sliceTo(operand, map, {rowDim, columnDim}, order);
  map2D = tileMap(
      {tileDims[order[0] - AttendOp::I], tileDims[order[1] - AttendOp::I]});
  return slice;
}

Value QueryTile::constant(OpBuilder &b, double value) {
  return arith::ConstantOp::create(b, loc, b.getFloatAttr(accumulator, value));
}

Value QueryTile::zeros(ArrayRef<OpFoldResult> sizes, Type element) {
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, element);
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(element));
  return linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
}

QueryTile::State QueryTile::emptyState() {
  OpFoldResult rows = builder.getIndexAttr(plan.rows());
  auto empty = [&](ArrayRef<OpFoldResult> sizes) -> Value {
    return tensor::EmptyOp::create(builder, loc, sizes, accumulator);
  };
  OpFoldResult sizes[] = {plan.packedValueFeatures(valueFeatures), rows};
  if (plan.sumsRowsFirst())
    std::swap(sizes[0], sizes[1]);
  return {empty(sizes), empty({rows}), empty({rows})};
}

//===----------------------------------------------------------------------===//
// Loop over key tiles
//===----------------------------------------------------------------------===//

Value QueryTile::sliceKeys(OpBuilder &b, Value operand, AffineMap map,
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

OpFoldResult QueryTile::tileCount(OpBuilder &b, Value start, Value end) {
  AffineExpr first, all, reached;
  bindDims(b.getContext(), first);
  bindSymbols(b.getContext(), all, reached);
  SmallVector<AffineExpr> counts{b.getAffineConstantExpr(plan.keys),
                                 all - first};
  SmallVector<OpFoldResult> operands{start, keys};
  if (end) {
    counts.push_back(reached - first);
    operands.push_back(end);
  }
  AffineMap map =
      AffineMap::get(1, operands.size() - 1, counts, b.getContext());
  return affine::makeComposedFoldedAffineMin(b, loc, map, operands);
}

Value QueryTile::globalKey(OpBuilder &b, Value start) {
  return arith::AddIOp::create(b, loc, op.getOffsets()[AttendOp::J], start);
}

QueryTile::KeyTile QueryTile::keyTile(OpBuilder &b, Value start,
                                      OpFoldResult count) {
  if (packedKeys.first)
    return packedTile(b, start, count);
  return {plan.tiles ? existingFeatures(b) : packed,
          sliceKeys(b, key, keyMap, start, count),
          sliceKeys(b, value, valueMap, start, count),
          keyMap,
          valueMap,
          plan.unpacked && getConstantIntValue(count) != plan.keys};
}

QueryTile::State QueryTile::emitKeyTile(OpBuilder &b, Location loc, Value start,
                                        OpFoldResult count, Value partial,
                                        State state, Value piece) {
  KeyTile keysOfTile = keyTile(b, start, count);
  Value row = firstRow(b);
  if (piece) {
    keysOfTile.query = slicePiece(b, keysOfTile.query, 1, piece);
    row = arith::AddIOp::create(b, loc, row, piece);
  }
  Value j = globalKey(b, start), whole = state[0];
  if (!packedKeys.first)
    state[0] = existingValueFeatures(b, whole);
  SmallVector<AffineMap> maps{tileMap({TileD, TileI}), keysOfTile.keyMap,
                              keysOfTile.valueMap, tileMap({TileE, TileI})};
  if (rowsFirst())
    maps[0] = tileMap({TileI, TileD});
  if (plan.sumsRowsFirst())
    maps[3] = tileMap({TileI, TileE});
  auto tile = AttendTileOp::create(
      b, loc, state[0].getType(), state[1].getType(), state[2].getType(),
      op.getCompatibility(), op.getNormalizer(), keysOfTile.query,
      keysOfTile.key, keysOfTile.value, op.getFeatureWeight(), op.getCaptures(),
      batch, head, row, j, partial, state[0], state[1], state[2],
      b.getAffineMapArrayAttr(maps), APFloat(scoreFactor()), binary,
      /*existing_rows=*/IntegerAttr(), /*padded_keys=*/IntegerAttr());
  if (fixedMaximum)
    tile->setAttr(boundedScoresAttr, b.getUnitAttr());
  // A piece has too few sums for a second way through its code.
  if (!rowsFirst() && !plan.once && (!piece || plan.tiles))
    tile->setAttr(lazyMaximumAttr, b.getUnitAttr());
  if (keysOfTile.padded)
    tile.setPaddedKeys(plan.keys);
  if (plan.ahead)
    tile->setAttr(rowsAheadAttr, b.getIndexAttr(plan.ahead));
  if (plan.unpacked)
    tile->setAttr(unpackedAttr, b.getUnitAttr());
  if (plan.spread && getConstantIntValue(count))
    tile->setAttr(spreadAttr, b.getUnitAttr());
  // One tile has all queries.
  std::optional<int64_t> existing =
      getConstantIntValue(op.getWhole()[AttendOp::I]);
  if (existing && *existing < plan.queries && plan.turned && !plan.pairs &&
      plan.group == 1)
    tile.setExistingRows(*existing);
  IRMapping mapping;
  op.getScore().cloneInto(&tile.getScore(), mapping);
  op.getMask().cloneInto(&tile.getMask(), mapping);
  takeRows(tile.getScore(), /*head=*/2);
  takeRows(tile.getMask(), /*head=*/1);
  State results(tile->getResults());
  results[0] = intoAccumulator(b, results[0], whole);
  return results;
}

/// The queries of this tile, global.
IndexRange QueryTile::queryRange(OpBuilder &b) {
  Value first = op.getOffsets()[AttendOp::I];
  Value count = getValueOrCreateConstantIndexOp(b, loc, queries);
  return {first, arith::AddIOp::create(b, loc, first, count)};
}

/// A tile of keys unless the mask leaves it empty; its mask runs only where it
/// is partial. Classes are those of whole tiles; of the keys, those from `end`
/// on are not reached. Packed ones are multiplied as whole tiles in any case.
QueryTile::State QueryTile::emitClassifiedTile(OpBuilder &b, Location loc,
                                               Value start, Value end,
                                               State state) {
  OpFoldResult count = tileCount(b, start);
  if (!classifier)
    return visitTile(b, loc, start, count, Value(), state);
  Value size = getValueOrCreateConstantIndexOp(b, loc, count);
  Value first = globalKey(b, start);
  Value last = arith::AddIOp::create(b, loc, first, size);
  TileClass tileClass = classifier->emitClass(
      b, loc, {batch, head, queryRange(b), {first, last}});
  if (!plan.tiles)
    count = tileCount(b, start, end);
  Value yes = arith::ConstantIntOp::create(b, loc, 1, 1);
  Value partial = arith::XOrIOp::create(b, loc, tileClass.must, yes);
  auto visit = scf::IfOp::create(
      b, loc, tileClass.may,
      [&](OpBuilder &b, Location loc) {
        scf::YieldOp::create(b, loc,
                             visitTile(b, loc, start, count, partial, state));
      },
      [&](OpBuilder &b, Location loc) { scf::YieldOp::create(b, loc, state); });
  return State(visit.getResults());
}

IndexRange QueryTile::keyRange() {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value all = getValueOrCreateConstantIndexOp(builder, loc, keys);
  // Without keys the loop folds away; tiles of none could not be sliced.
  if (!classifier || getConstantIntValue(keys) == 0)
    return {zero, all};
  KeyBounds bounds =
      classifier->emitKeyBounds(builder, loc, batch, head, queryRange(builder));
  Value lower = bounds.lower, upper = bounds.upper;
  Value first = op.getOffsets()[AttendOp::J];
  if (!matchPattern(first, m_Zero())) {
    lower = arith::SubIOp::create(builder, loc, lower, first);
    lower = arith::MaxSIOp::create(builder, loc, lower, zero);
    upper = arith::SubIOp::create(builder, loc, upper, first);
    upper = arith::MinSIOp::create(builder, loc, upper, all);
  }
  Value step = arith::ConstantIndexOp::create(builder, loc, plan.keys);
  Value tile = arith::DivUIOp::create(builder, loc, lower, step);
  return {arith::MulIOp::create(builder, loc, tile, step), upper};
}

/// The tiles of [start, end), of which start is at a tile.
QueryTile::State QueryTile::loopOverTiles(OpBuilder &b, Value start, Value end,
                                          State state) {
  Value step = arith::ConstantIndexOp::create(b, loc, plan.keys);
  auto loop = scf::ForOp::create(
      b, loc, start, end, step, state,
      [&](OpBuilder &b, Location loc, Value start, ValueRange args) {
        scf::YieldOp::create(
            b, loc, emitClassifiedTile(b, loc, start, end, State(args)));
      });
  return State(loop.getResults());
}

/// As loopOverTiles, but asks of each block of tiles first whether the mask
/// leaves it empty.
QueryTile::State QueryTile::loopOverBlocks(Value start, Value end,
                                           State state) {
  Value step = arith::ConstantIndexOp::create(
      builder, loc, plan.keys * TileClassifier::tilesPerBlock);
  Value first = arith::MulIOp::create(
      builder, loc, arith::DivUIOp::create(builder, loc, start, step), step);
  auto loop = scf::ForOp::create(
      builder, loc, first, end, step, state,
      [&](OpBuilder &b, Location loc, Value block, ValueRange args) {
        Value next = arith::AddIOp::create(b, loc, block, step);
        Value last = arith::MinSIOp::create(
            b, loc, next, getValueOrCreateConstantIndexOp(b, loc, keys));
        Value may = classifier->emitBlockMay(
            b, loc, {batch, head, queryRange(b), {block, last}});
        auto visit = scf::IfOp::create(
            b, loc, may,
            [&](OpBuilder &b, Location loc) {
              Value from = arith::MaxSIOp::create(b, loc, block, start);
              Value to = arith::MinSIOp::create(b, loc, last, end);
              scf::YieldOp::create(b, loc,
                                   loopOverTiles(b, from, to, State(args)));
            },
            [&](OpBuilder &b, Location loc) {
              scf::YieldOp::create(b, loc, args);
            });
        scf::YieldOp::create(b, loc, visit.getResults());
      });
  return State(loop.getResults());
}

QueryTile::State QueryTile::visitKeys(IndexRange range, State state) {
  auto [start, end] = range;
  if (plan.once)
    return emitClassifiedTile(builder, loc, start, end, state);
  std::optional<int64_t> count = getConstantIntValue(keys);
  // Blocks are counted over all keys: a part of them is a few tiles anyway.
  bool isOneBlock =
      (count && *count <= plan.keys * TileClassifier::tilesPerBlock) ||
      !matchPattern(op.getOffsets()[AttendOp::J], m_Zero());
  if (classifier && classifier->mayLeaveGaps() && !isOneBlock)
    return loopOverBlocks(start, end, state);
  return loopOverTiles(builder, start, end, state);
}

SmallVector<Value> QueryTile::emit() {
  packQueries(emptyQueries());
  IndexRange range = keyRange();
  State state = visitKeys(range, initialState(emptyState()));
  return emitResults(range, state);
}

SmallVector<Value> QueryTile::emitResults(IndexRange range, State state) {
  Dims dims;
  Value output = emitOutput(state, dims);
  output = recomputeUnlessFinite(range, output, dims, state);
  SmallVector<Value> results{
      insertWhole(builder, loc, output, op.getOutputInit())};
  if (op.getLse())
    results.push_back(emitLse(state));
  if (op.getWeights())
    results.push_back(emitWeights(state));
  if (op.getTopKeys()) {
    auto [weights, keys] = emitTop(state);
    results.append({weights, keys});
  }
  return results;
}
