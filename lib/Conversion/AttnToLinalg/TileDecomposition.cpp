//===- TileDecomposition.cpp - Attend tiles into linalg ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileDecomposition.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// Weights 2^(score * scale * unit + shift), in pairs of keys if they are
/// multiplied so, and their sum added to `sum`.
std::pair<Value, Value> TileDecomposition::weigh(Value scores, Value sum,
                                                 Value shift, double scale) {
  auto sizes = tensor::getMixedSizes(b, loc, scores);
  bool pairs = multipliesPairs() && !folded;
  bool isOnly = !folded && isOneInteger(sizes[0]) && unit == 1 &&
                startsEmpty() && !op->hasAttr(boundedScoresAttr);
  Value init = pairs ? emit.pairScratch(sizes[0], sizes[1]) : scores;
  SmallVector<Value> inputs{shift};
  SmallVector<AffineMap> maps{emit.map(2, {1})};
  if (pairs) {
    inputs.push_back(scores);
    maps.push_back(emit.map(2, {0, 1}));
  }
  maps.append({pairs ? emit.pairMap() : emit.map(2, {0, 1}), emit.map(2, {1})});
  SpreadFetch keys = emit.halves(op.getKey(), spreadAhead()).second;
  SmallVector<Value> results = emit.genericFetching(
      keys, inputs, {init, sum}, maps, {true, false},
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        Value scaled = multiply(builder, args[1], scale * unit);
        Value exponent = arith::AddFOp::create(builder, loc, scaled, args[0]);
        Value weight = isOnly ? weighOnly(builder, loc, exponent)
                              : power(builder, loc, exponent);
        Value total = arith::AddFOp::create(builder, loc, args.back(), weight);
        if (pairs)
          weight =
              arith::TruncFOp::create(builder, loc, b.getBF16Type(), weight);
        return SmallVector<Value>{weight, total};
      });
  return {results[0], results[1]};
}

/// Whether so many keys of `rows` queries are one row of joined columns, of
/// which the last may be part of a vector, and are combined at once.
bool TileDecomposition::isOneFold(int64_t rows, int64_t keys) {
  constexpr int64_t mostOddRows = 8;
  bool mayPair = rows == 1 && keys % 2 == 0;
  if (!llvm::isPowerOf2_64(rows) && rows > mostOddRows)
    return false;
  return keys > 1 && keys * rows <= ScoreEmitter::mostFolded &&
         (!multipliesPairs() || mayPair);
}

/// Whether weights of several keys of a few queries are to fill a vector, which
/// those of one key would not. A mask or a score that depends on indices sees
/// one key in a row; a tile without others before it may have few of its keys.
bool TileDecomposition::foldsKeys() {
  int64_t rows = rowCount();
  OpFoldResult count = tensor::getMixedSize(b, loc, op.getKey(), 0);
  std::optional<int64_t> keys = upperBound(count);
  return (getConstantIntValue(count) || !startsEmpty()) &&
         hasFeaturesLast(queryMap()) &&
         hasFeaturesLast(
             cast<AffineMapAttr>(op.getIndexingMaps()[1]).getValue()) &&
         op.getNormalizer() == Normalizer::Softmax &&
         !op->hasAttr(boundedScoresAttr) && op.getMask().empty() &&
         op.getScore().empty() && !ShapedType::isDynamic(rows) && rows > 0 &&
         rows < 16 && keys &&
         (*keys * rows % ScoreEmitter::getJoinedColumns(rows) == 0 ||
          (getConstantIntValue(count) && isOneFold(rows, *keys)));
}

/// Weights (keys, rows) of static shape rounded to bf16, in pairs of keys.
Value TileDecomposition::pairWeights(Value weights) {
  auto round = [](OpBuilder &b, Location loc, ValueRange args) {
    return SmallVector<Value>{
        arith::TruncFOp::create(b, loc, b.getBF16Type(), args[0])};
  };
  AffineMap identity = emit.map(2, {0, 1});
  ArrayRef<int64_t> shape = cast<ShapedType>(weights.getType()).getShape();
  if (shape[1] > 1)
    return emit.generic(
        weights,
        emit.pairScratch(b.getIndexAttr(shape[0]), b.getIndexAttr(shape[1])),
        {identity, emit.pairMap()}, {false, false}, round)[0];
  // Those of one query lie in pairs as they are.
  weights = emit.reshape(weights, ScoreEmitter::getJoinedColumns(1, shape[0]));
  Value rounded = tensor::EmptyOp::create(
      b, loc, cast<ShapedType>(weights.getType()).getShape(), b.getBF16Type());
  rounded = emit.generic(weights, rounded, {identity, identity}, {false, false},
                         round)[0];
  return emit.splitPairs(emit.reshape(rounded, /*columns=*/2));
}

/// `weigh` on rows that each have several keys of every query.
std::pair<Value, Value> TileDecomposition::weighFolded(Value scores, Value sum,
                                                       Value shift,
                                                       double scale) {
  int64_t rows = cast<ShapedType>(scores.getType()).getDimSize(1),
          keys = cast<ShapedType>(scores.getType()).getDimSize(0),
          columns = ScoreEmitter::getJoinedColumns(rows, keys);
  SmallVector<ReassociationIndices> all{{0, 1}};
  Value parts = tensor::EmptyOp::create(
      b, loc, ArrayRef<int64_t>{columns / rows, rows}, accumulator);
  Value shifts =
      emit.generic(shift, parts, {emit.map(2, {1}), emit.map(2, {0, 1})},
                   {false, false}, [](OpBuilder &, Location, ValueRange args) {
                     return SmallVector<Value>{args[0]};
                   })[0];
  shifts = tensor::CollapseShapeOp::create(b, loc, shifts, all);
  // To add to -0 changes nothing, and takes no instruction.
  auto zeros = [&](int64_t size) {
    Value sums =
        tensor::EmptyOp::create(b, loc, ArrayRef<int64_t>{size}, accumulator);
    return linalg::FillOp::create(b, loc, emit.constant(-0.0), sums)
        .getResult(0);
  };
  auto [weights, total] =
      weigh(emit.reshape(scores, columns), zeros(columns), shifts, scale);
  weights = emit.reshape(weights, rows);
  OpFoldResult existing = tensor::getMixedSize(b, loc, op.getKey(), 0);
  if (multipliesPairs())
    weights = pairWeights(weights);
  else if (!getConstantIntValue(existing))
    weights = takeFirst(weights, /*dim=*/0, existing);
  Value totals = emit.quarter(total, rows, [&](Value parts, int64_t size) {
    return sumWeights(parts, zeros(size));
  });
  return {weights, sumWeights(totals, sum)};
}

/// The first `size` of a matrix along `dim`.
Value TileDecomposition::takeFirst(Value matrix, unsigned dim,
                                   OpFoldResult size) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, matrix),
                            offsets(2, b.getIndexAttr(0)),
                            strides(2, b.getIndexAttr(1));
  sizes[dim] = size;
  return tensor::ExtractSliceOp::create(b, loc, matrix, offsets, sizes,
                                        strides);
}

/// `sum` with weights added.
Value TileDecomposition::sumWeights(Value weights, Value sum) {
  return emit.generic(weights, sum, {emit.map(2, {0, 1}), emit.map(2, {1})},
                      {true, false},
                      [](OpBuilder &b, Location loc, ValueRange args) {
                        return SmallVector<Value>{
                            arith::AddFOp::create(b, loc, args[1], args[0])};
                      })[0];
}

/// acc[i, e] + sum_j weights[i, j] * value[j, e], in pairs of keys. Few queries
/// have fewer weights to turn than there are values.
Value TileDecomposition::accumulateRows(Value acc, Value weights) {
  // Stored early enough to be in the cache when a tile of it is loaded.
  Value turned = emit.turnPairs(weights);
  auto [early, late] = emit.halves(op.getValue(), spreadAhead());
  Value values = emit.pairRows(op.getValue(), /*ahead=*/0, early);
  return emit.multiplyPairs(turned, emit.map(4, {0, 2, 3}), values,
                            emit.map(4, {2, 1, 3}), acc, late);
}

/// acc[i, e] + sum_j weights[j, i] * value[j, e], of weights in pairs of keys
/// and values as they lie.
Value TileDecomposition::accumulatePairs(Value acc, Value weights) {
  AffineExpr i = b.getAffineDimExpr(0), j = b.getAffineDimExpr(2);
  AffineMap pairs =
      AffineMap::get(3, 0, {j.floorDiv(2), i, j % 2}, b.getContext());
  Value sums = emit.multiplyPairs(op.getValue(), emit.map(3, {2, 1}), weights,
                                  pairs, acc);
  return streamed(sums, TileScores::getRowsAhead(op));
}

/// acc[e, i] + sum_j value[j, e] * weights[j, i].
Value TileDecomposition::accumulate(Value acc, Value weights) {
  int64_t ahead = TileScores::getRowsAhead(op);
  auto valueMap = cast<AffineMapAttr>(op.getIndexingMaps()[2]).getValue();
  if (multipliesPairs() && !hasFeaturesLast(valueMap))
    return emit.multiplyPairs(emit.splitPairs(op.getValue()),
                              emit.map(4, {0, 2, 3}), weights,
                              emit.map(4, {2, 1, 3}), acc);
  if (isUnpacked())
    return accumulateRows(acc, weights);
  if (multipliesPairs() && rowsFirst)
    return accumulatePairs(acc, weights);
  if (multipliesPairs())
    return emit.multiplyPairs(emit.pairRows(op.getValue(), ahead),
                              emit.map(4, {2, 0, 3}), weights,
                              emit.map(4, {2, 1, 3}), acc);
  unsigned row = rowsFirst ? 0 : 1;
  bool isLane = hasFeaturesLast(valueMap);
  AffineExpr e = b.getAffineDimExpr(1 - row), j = b.getAffineDimExpr(2);
  valueMap = valueMap.replaceDimsAndSymbols({e, j, e, e}, {}, 3, 0);
  // Features along lanes are extended as they are read, by each block of rows:
  // more of those than two gain from doing it before.
  constexpr int64_t fewRows = 16;
  bool inPlace = hasFeaturesLast(queryMap()) ||
                 (rowsFirst && isLane && !ShapedType::isDynamic(rowCount()) &&
                  rowCount() <= fewRows);
  bool spreads = op->hasAttr(spreadAttr);
  int64_t early = inPlace || spreads
                      ? 0
                      : emit.fetchedWidening(op.getValue(), row, acc, ahead);
  if (early)
    ahead = 0;
  Value values = inPlace ? op.getValue() : emit.widen(op.getValue(), early);
  SmallVector<Value> inputs{values, weights};
  SmallVector<AffineMap> maps{valueMap, emit.map(3, {2, row})};
  int64_t input = inputs.size();
  if (spreads) {
    inputs.push_back(op.getValue());
    maps.push_back(emit.noneOf(3));
  } else {
    input = addStreamed(inputs, maps, op.getValue(), ahead);
  }
  maps.push_back(emit.map(3, {0, 1}));
  Value result = emit.generic(
      inputs, acc, maps, {false, false, true},
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        Value value = convertScalarToDtype(builder, loc, args[0], accumulator,
                                           /*isUnsignedCast=*/false);
        Value term = arith::MulFOp::create(builder, loc, value, args[1]);
        return SmallVector<Value>{
            arith::AddFOp::create(builder, loc, args.back(), term)};
      })[0];
  return streamed(result, ahead, input);
}

/// As accumulate, for the rows of queries that exist, where they are the first
/// of the accumulator. The first tile's sums are made anew, so that what starts
/// them is no part of more.
Value TileDecomposition::accumulateExisting(Value acc, Value weights) {
  std::optional<int64_t> existing = op.getExistingRows();
  if (!existing || !rowsFirst)
    return accumulate(acc, weights);
  SmallVector<OpFoldResult> offsets(2, b.getIndexAttr(0)),
      strides(2, b.getIndexAttr(1)), sizes = tensor::getMixedSizes(b, loc, acc);
  sizes[0] = b.getIndexAttr(*existing);
  Value part =
      startsEmpty()
          ? linalg::FillOp::create(
                b, loc, emit.constant(0.0),
                tensor::EmptyOp::create(b, loc, sizes, accumulator).getResult())
                .getResult(0)
          : takeFirst(acc, /*dim=*/0, sizes[0]);
  Value sums = accumulate(part, takeFirst(weights, /*dim=*/1, sizes[0]));
  return tensor::InsertSliceOp::create(b, loc, sums, acc, offsets, sizes,
                                       strides);
}

SmallVector<Value>
TileDecomposition::runSoftmax(const ScoreEmitter::Scores &tile) {
  State state{op.getAccumulator(), op.getMaximum(), op.getSum()};
  Value factor;
  if (!op->hasAttr(boundedScoresAttr)) {
    if (startsEmpty())
      state.maximum = scaled(tile.maximum, tile.pendingScale);
    else if (lazy)
      state = moveIfNeeded(tile.maximum, tile.pendingScale);
    else
      std::tie(state, factor) = moveMaximum(tile.maximum, tile.pendingScale);
  }
  Value shift = emitShift(state.maximum);
  auto [weights, sum] =
      folded ? weighFolded(tile.scores, state.sum, shift, tile.pendingScale)
             : weigh(tile.scores, state.sum, shift, tile.pendingScale);
  // Beside the product, whose blocks then start with it.
  if (factor)
    state.accumulator = scaleBy(state.accumulator, factor);
  return {accumulateExisting(state.accumulator, weights), state.maximum, sum};
}

SmallVector<Value> TileDecomposition::runPlain(Value weights) {
  Value sum = op.getNormalizer() == Normalizer::Sum
                  ? sumWeights(weights, op.getSum())
                  : op.getSum();
  return {accumulateExisting(op.getAccumulator(), weights), op.getMaximum(),
          sum};
}

/// `matrix` with zeros after its rows, up to `rows`.
Value TileDecomposition::pad(Value matrix, int64_t rows) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, matrix),
                            offsets(2, b.getIndexAttr(0)),
                            strides(2, b.getIndexAttr(1));
  Type element = getElementTypeOrSelf(matrix.getType());
  Value room = tensor::EmptyOp::create(
      b, loc, {OpFoldResult(b.getIndexAttr(rows)), sizes[1]}, element);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
  room = linalg::FillOp::create(b, loc, zero, room).getResult(0);
  return tensor::InsertSliceOp::create(b, loc, matrix, room, offsets, sizes,
                                       strides);
}

/// The slice that `operand` is, if it has the first of `count` keys, in its
/// dimension `dim`.
static tensor::ExtractSliceOp getFirstKeys(Value operand, unsigned dim,
                                           int64_t count) {
  auto slice = operand.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice || !llvm::all_of(slice.getMixedOffsets(), isZeroInteger))
    return {};
  SmallVector<int64_t> whole(slice.getType().getShape());
  whole[dim] = count;
  return slice.getSourceType().getShape() == ArrayRef(whole) ? slice : nullptr;
}

/// Where keys and values are the first of a padded tile, the op takes all of
/// that. Returns how many keys exist, null for all.
OpFoldResult TileDecomposition::takePadding() {
  std::optional<int64_t> padded = op.getPaddedKeys();
  if (!padded)
    return {};
  if (isUnpacked()) {
    OpFoldResult existing = tensor::getMixedSize(b, loc, op.getKey(), 0);
    op.getKeyMutable().assign(pad(op.getKey(), *padded));
    op.getValueMutable().assign(pad(op.getValue(), *padded));
    return existing;
  }
  auto keyDim = [&](unsigned map) {
    return *op.getMap(map).getResultPosition(b.getAffineDimExpr(TileJ));
  };
  auto keys = getFirstKeys(op.getKey(), keyDim(1), *padded);
  auto values = getFirstKeys(op.getValue(), keyDim(2), *padded);
  if (!keys || !values || keys.getType() == keys.getSourceType())
    return {};
  op.getKeyMutable().assign(keys.getSource());
  op.getValueMutable().assign(values.getSource());
  return keys.getMixedSizes()[keyDim(1)];
}

/// The queries as they lie, where this is their only tile of keys: what others
/// there are comes next.
Value TileDecomposition::queriesAsTheyLie() {
  Value packed = op.getQuery();
  auto padded = packed.getDefiningOp<tensor::InsertSliceOp>();
  if (padded && op->hasAttr(spreadAttr))
    packed = padded.getSource();
  auto packing = packed.getDefiningOp<linalg::GenericOp>();
  if (!startsEmpty() || !packing || packing.getNumDpsInputs() != 1)
    return {};
  Value rows = packing.getDpsInputs().front();
  auto type = dyn_cast<RankedTensorType>(rows.getType());
  bool turned = packing.getIndexingMapsArray().front() == emit.map(2, {1, 0});
  return type && type.hasStaticShape() && turned ? rows : Value();
}

SmallVector<Value> TileDecomposition::run() {
  OpFoldResult existing = takePadding();
  TileScores tile = TileScores::get(op);
  tile.existing = existing;
  tile.isPadded = op.getPaddedKeys() || isUnpacked();
  folded = foldsKeys();
  if (folded) {
    tile.existing = tensor::getMixedSize(b, loc, op.getKey(), 0);
    tile.isPadded = true;
  }
  if (isUnpacked())
    tile.fetch = emit.halves(op.getKey(), spreadAhead()).first;
  else if (op->hasAttr(spreadAttr))
    tile.fetch = SpreadFetch{op.getKey(), tile.ahead};
  if (hasFeaturesLast(cast<AffineMapAttr>(op.getIndexingMaps()[2]).getValue()))
    tile.value = op.getValue();
  if (tile.ahead)
    tile.queries = queriesAsTheyLie();
  auto dimOf = [&](Value operand, AffineMap map, unsigned dim) {
    unsigned position = *map.getResultPosition(b.getAffineDimExpr(dim));
    return tensor::getMixedSize(b, loc, operand, position);
  };
  Value init = emit.scratch(dimOf(tile.key, tile.keyMap, TileJ),
                            dimOf(tile.query, tile.queryMap, TileI));
  if (op.getNormalizer() == Normalizer::Softmax) {
    bool bounded = op->hasAttr(boundedScoresAttr);
    Value maximum = bounded ? Value() : emptyLike(op.getMaximum());
    return runSoftmax(emit.emitScores(tile, init, maximum));
  }
  return runPlain(emit.emitScaledScores(tile, init));
}
