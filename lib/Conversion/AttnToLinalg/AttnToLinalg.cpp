//===- AttnToLinalg.cpp - Attend tiles into linalg -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLinalg/AttnToLinalg.h"

#include "attn/Conversion/AttnToLinalg/ScoreEmitter.h"
#include "attn/Dialect/Attn/Analysis/ScoreRange.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/AttnFacts.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::attn {
#define GEN_PASS_DEF_CONVERTATTNTOLINALGPASS
#include "attn/Conversion/AttnToLinalg/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Decomposes one attn.attend_tile.
class TileDecomposition {
public:
  TileDecomposition(OpBuilder &builder, AttendTileOp op)
      : b(builder), op(op), loc(op.getLoc()),
        accumulator(getElementTypeOrSelf(op.getAccumulator().getType())),
        emit(builder, loc, accumulator),
        rowsFirst(hasFeaturesLast(accumulatorMap())),
        unit(op->hasAttr(binaryScoresAttr) ? 1 : llvm::numbers::log2e),
        lazy(op->hasAttr(lazyMaximumAttr)) {}

  SmallVector<Value> run();

private:
  /// The running values.
  struct State {
    Value accumulator, maximum, sum;
  };
  std::pair<State, Value> moveMaximum(Value tileMaximum, double scale);
  State moveIfNeeded(Value tileMaximum, double scale);
  bool startsEmpty();
  Value exceeds(Value tileMaximum, double scale);
  Value emitShift(Value maximum);
  Value isEmpty(OpBuilder &builder, Value maximum);
  Value finiteMaximum(OpBuilder &builder, Value maximum);
  Value multiply(OpBuilder &builder, Value value, double factor);
  Value scaleBy(Value tensor, Value perQuery);
  Value scaled(Value perQuery, double scale);
  std::pair<Value, Value> weigh(Value scores, Value sum, Value shift,
                                double scale);
  Value sumWeights(Value weights);
  Value accumulate(Value acc, Value weights, Value scores);
  Value accumulateRows(Value acc, Value weights);
  /// Whether weights and values are multiplied in pairs of keys.
  bool multipliesPairs() {
    return usesPairs(op.getQuery(), op.getValue()) && !op.getGuarded() &&
           op.getNormalizer() == Normalizer::Softmax;
  }
  /// Whether keys and values are multiplied as they lie, on tile registers.
  bool isUnpacked() { return multipliesPairs() && rowsFirst; }
  /// How many rows ahead all steps of the tile, each for its share, fetch keys
  /// and values; 0 for not at all.
  int64_t spreadAhead() {
    return isUnpacked() && !op->hasAttr(paddedKeysAttr)
               ? TileScores::getRowsAhead(op)
               : 0;
  }
  SmallVector<Value> runSoftmax(const ScoreEmitter::Scores &tile);
  SmallVector<Value> runPlain(Value weights);
  Value pad(Value matrix, int64_t rows);
  OpFoldResult takePadding();

  AffineMap accumulatorMap() {
    return cast<AffineMapAttr>(op.getIndexingMaps()[3]).getValue();
  }
  AffineMap queryMap() {
    return cast<AffineMapAttr>(op.getIndexingMaps()[0]).getValue();
  }
  Value emptyLike(Value tensor) {
    return tensor::EmptyOp::create(
        b, loc, tensor::getMixedSizes(b, loc, tensor), accumulator);
  }

  OpBuilder &b;
  AttendTileOp op;
  Location loc;
  Type accumulator;
  ScoreEmitter emit;
  /// The accumulator is (rows, features), not (features, rows).
  bool rowsFirst;
  /// Exponents of 2 in one of scores and maximum.
  double unit;
  bool lazy;
};
} // namespace

Value TileDecomposition::multiply(OpBuilder &builder, Value value,
                                  double factor) {
  if (factor == 1.0)
    return value;
  return arith::MulFOp::create(builder, loc, value, emit.constant(factor));
}

Value TileDecomposition::isEmpty(OpBuilder &builder, Value maximum) {
  Value lowest = emit.constant(-std::numeric_limits<double>::infinity());
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ, maximum,
                               lowest);
}

/// An empty row has no maximum to subtract: -inf - -inf is NaN.
Value TileDecomposition::finiteMaximum(OpBuilder &builder, Value maximum) {
  return arith::SelectOp::create(builder, loc, isEmpty(builder, maximum),
                                 emit.constant(0.0), maximum);
}

/// The new maximum and the sum relative to it, with the factor that the
/// accumulator has to be multiplied by. A lazy maximum, once it moves, stays
/// away from the scores of each row.
std::pair<TileDecomposition::State, Value>
TileDecomposition::moveMaximum(Value tileMaximum, double scale) {
  AffineMap map = b.getMultiDimIdentityMap(1);
  Value oldMaximum = op.getMaximum();
  SmallVector<Value> results = emit.generic(
      tileMaximum, {oldMaximum, emptyLike(oldMaximum)}, {map, map, map},
      {false}, [&](OpBuilder &builder, Location loc, ValueRange args) {
        Value candidate = multiply(builder, args[0], scale), old = args[1];
        if (lazy)
          candidate = arith::SelectOp::create(
              builder, loc, isEmpty(builder, old), candidate,
              arith::AddFOp::create(builder, loc, candidate,
                                    emit.constant(lazyMargin / unit)));
        Value larger = arith::CmpFOp::create(
            builder, loc, arith::CmpFPredicate::OGT, candidate, old);
        Value maximum =
            arith::SelectOp::create(builder, loc, larger, candidate, old);
        Value difference = arith::SubFOp::create(
            builder, loc, old, finiteMaximum(builder, maximum));
        Value factor = math::Exp2Op::create(
            builder, loc, multiply(builder, difference, unit));
        return SmallVector<Value>{maximum, factor};
      });
  Value factor = results[1];
  return {{op.getAccumulator(), results[0], scaleBy(op.getSum(), factor)},
          factor};
}

/// Whether a score exceeds the maximum of its row.
Value TileDecomposition::exceeds(Value tileMaximum, double scale) {
  Value no = arith::ConstantIntOp::create(b, loc, 0, 1);
  Value empty =
      tensor::EmptyOp::create(b, loc, ArrayRef<int64_t>{}, b.getI1Type());
  Value none = linalg::FillOp::create(b, loc, no, empty).getResult(0);
  AffineMap map = b.getMultiDimIdentityMap(1);
  Value any = emit.generic(
      {tileMaximum, op.getMaximum()}, none, {map, map, emit.map(1, {})}, {true},
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        Value more =
            arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT,
                                  multiply(builder, args[0], scale), args[1]);
        return SmallVector<Value>{
            arith::OrIOp::create(builder, loc, args[2], more)};
      })[0];
  return tensor::ExtractOp::create(b, loc, any, ValueRange());
}

/// Whether no key was added before this tile.
bool TileDecomposition::startsEmpty() {
  auto isFilled = [](Value tensor, double with) {
    auto fill = tensor.getDefiningOp<linalg::FillOp>();
    FloatAttr value;
    return fill && matchPattern(fill.getInputs().front(), m_Constant(&value)) &&
           value.getValue().convertToDouble() == with;
  };
  return isFilled(op.getAccumulator(), 0) && isFilled(op.getSum(), 0) &&
         isFilled(op.getMaximum(), -std::numeric_limits<double>::infinity());
}

/// perQuery[i] * scale.
Value TileDecomposition::scaled(Value perQuery, double scale) {
  if (scale == 1.0)
    return perQuery;
  AffineMap map = b.getMultiDimIdentityMap(1);
  return emit.generic({}, perQuery, map, {false},
                      [&](OpBuilder &builder, Location loc, ValueRange args) {
                        return SmallVector<Value>{
                            multiply(builder, args[0], scale)};
                      })[0];
}

/// Most tiles of keys leave the maximum where it is.
TileDecomposition::State TileDecomposition::moveIfNeeded(Value tileMaximum,
                                                         double scale) {
  Value needed = exceeds(tileMaximum, scale);
  auto choice = scf::IfOp::create(
      b, loc, needed,
      [&](OpBuilder &, Location) {
        auto [state, factor] = moveMaximum(tileMaximum, scale);
        scf::YieldOp::create(
            b, loc,
            {scaleBy(state.accumulator, factor), state.maximum, state.sum});
      },
      [&](OpBuilder &, Location) {
        scf::YieldOp::create(
            b, loc, {op.getAccumulator(), op.getMaximum(), op.getSum()});
      });
  return {choice.getResult(0), choice.getResult(1), choice.getResult(2)};
}

/// What is added to exponents of 2: the maximum, negated; 0 for an empty row.
Value TileDecomposition::emitShift(Value maximum) {
  AffineMap map = b.getMultiDimIdentityMap(1);
  return emit.generic(maximum, emptyLike(maximum), {map, map}, {false},
                      [&](OpBuilder &builder, Location loc, ValueRange args) {
                        return SmallVector<Value>{multiply(
                            builder, finiteMaximum(builder, args[0]), -unit)};
                      })[0];
}

/// tensor[..., i, ...] * perQuery[i].
Value TileDecomposition::scaleBy(Value tensor, Value perQuery) {
  unsigned rank = cast<ShapedType>(tensor.getType()).getRank();
  return emit.generic(perQuery, tensor,
                      {emit.map(rank, {rowsFirst ? 0 : rank - 1}),
                       b.getMultiDimIdentityMap(rank)},
                      SmallVector<bool>(rank, false),
                      [](OpBuilder &b, Location loc, ValueRange args) {
                        return SmallVector<Value>{
                            arith::MulFOp::create(b, loc, args[1], args[0])};
                      })[0];
}

/// Weights 2^(score * scale * unit + shift), in pairs of keys if they are
/// multiplied so, and their sum added to `sum`.
std::pair<Value, Value> TileDecomposition::weigh(Value scores, Value sum,
                                                 Value shift, double scale) {
  auto sizes = tensor::getMixedSizes(b, loc, scores);
  bool pairs = multipliesPairs();
  // Guarded accumulation still needs the scores.
  bool inPlace = !pairs && !op.getGuarded();
  Value init = inPlace ? scores
               : pairs ? emit.pairScratch(sizes[0], sizes[1])
                       : emit.scratch(sizes[0], sizes[1]);
  SmallVector<Value> inputs{shift};
  SmallVector<AffineMap> maps{emit.map(2, {1})};
  if (!inPlace) {
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
        Value weight = math::Exp2Op::create(builder, loc, exponent);
        Value total = arith::AddFOp::create(builder, loc, args.back(), weight);
        if (pairs)
          weight =
              arith::TruncFOp::create(builder, loc, b.getBF16Type(), weight);
        return SmallVector<Value>{weight, total};
      });
  return {results[0], results[1]};
}

/// The running sum with the weights of this tile added.
Value TileDecomposition::sumWeights(Value weights) {
  return emit.generic(weights, op.getSum(),
                      {emit.map(2, {0, 1}), emit.map(2, {1})}, {true, false},
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

/// acc[e, i] + sum_j value[j, e] * weights[j, i]. Guarded: a pair without
/// weight
/// (`scores` of -inf, or weight 0 without softmax) adds nothing.
Value TileDecomposition::accumulate(Value acc, Value weights, Value scores) {
  int64_t ahead = TileScores::getRowsAhead(op);
  auto valueMap = cast<AffineMapAttr>(op.getIndexingMaps()[2]).getValue();
  if (multipliesPairs() && !hasFeaturesLast(valueMap))
    return emit.multiplyPairs(emit.splitPairs(op.getValue()),
                              emit.map(4, {0, 2, 3}), weights,
                              emit.map(4, {2, 1, 3}), acc);
  if (isUnpacked())
    return accumulateRows(acc, weights);
  if (multipliesPairs())
    return emit.multiplyPairs(emit.pairRows(op.getValue(), ahead),
                              emit.map(4, {2, 0, 3}), weights,
                              emit.map(4, {2, 1, 3}), acc);
  unsigned row = rowsFirst ? 0 : 1;
  AffineExpr e = b.getAffineDimExpr(1 - row), j = b.getAffineDimExpr(2);
  valueMap = valueMap.replaceDimsAndSymbols({e, j, e, e}, {}, 3, 0);
  // Read once, features along lanes are converted then.
  bool once = hasFeaturesLast(queryMap());
  int64_t early =
      once ? 0 : emit.fetchedWidening(op.getValue(), row, acc, ahead);
  if (early)
    ahead = 0;
  Value values = once ? op.getValue() : emit.widen(op.getValue(), early);
  SmallVector<Value> inputs{values, weights};
  SmallVector<AffineMap> maps{valueMap, emit.map(3, {2, row})};
  if (op.getGuarded()) {
    inputs.push_back(scores);
    maps.push_back(emit.map(3, {2, row}));
  }
  int64_t input = addStreamed(inputs, maps, op.getValue(), ahead);
  maps.push_back(emit.map(3, {0, 1}));
  bool softmax = op.getNormalizer() == Normalizer::Softmax;
  Value result = emit.generic(
      inputs, acc, maps, {false, false, true},
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        Value value = convertScalarToDtype(builder, loc, args[0], accumulator,
                                           /*isUnsignedCast=*/false);
        Value term = arith::MulFOp::create(builder, loc, value, args[1]);
        if (op.getGuarded()) {
          Value none = emit.constant(
              softmax ? -std::numeric_limits<double>::infinity() : 0.0);
          Value absent = arith::CmpFOp::create(
              builder, loc, arith::CmpFPredicate::OEQ, args[2], none);
          term = arith::SelectOp::create(builder, loc, absent,
                                         emit.constant(0.0), term);
        }
        return SmallVector<Value>{
            arith::AddFOp::create(builder, loc, args.back(), term)};
      })[0];
  return streamed(result, ahead, input);
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
  auto [weights, sum] = weigh(tile.scores, state.sum, emitShift(state.maximum),
                              tile.pendingScale);
  // Beside the product, whose blocks then start with it.
  if (factor)
    state.accumulator = scaleBy(state.accumulator, factor);
  return {accumulate(state.accumulator, weights, tile.scores), state.maximum,
          sum};
}

SmallVector<Value> TileDecomposition::runPlain(Value weights) {
  Value sum =
      op.getNormalizer() == Normalizer::Sum ? sumWeights(weights) : op.getSum();
  return {accumulate(op.getAccumulator(), weights, weights), op.getMaximum(),
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

/// Where keys and values are the first of a padded tile, the op takes all of
/// that. Returns how many keys exist, null for all.
OpFoldResult TileDecomposition::takePadding() {
  auto padded = op->getAttrOfType<IntegerAttr>(paddedKeysAttr);
  if (padded && isUnpacked()) {
    OpFoldResult existing = tensor::getMixedSize(b, loc, op.getKey(), 0);
    op.getKeyMutable().assign(pad(op.getKey(), padded.getInt()));
    op.getValueMutable().assign(pad(op.getValue(), padded.getInt()));
    return existing;
  }
  auto keyType = cast<ShapedType>(op.getKey().getType());
  auto keys = op.getKey().getDefiningOp<tensor::ExtractSliceOp>();
  auto values = op.getValue().getDefiningOp<tensor::ExtractSliceOp>();
  if (!padded || !keys || !values || keyType.getDimSize(0) == padded.getInt())
    return {};
  op.getKeyMutable().assign(keys.getSource());
  op.getValueMutable().assign(values.getSource());
  return keys.getMixedSizes()[0];
}

SmallVector<Value> TileDecomposition::run() {
  OpFoldResult existing = takePadding();
  TileScores tile = TileScores::get(op);
  tile.existing = existing;
  tile.isPadded = op->hasAttr(paddedKeysAttr) || isUnpacked();
  if (isUnpacked())
    tile.fetch = emit.halves(op.getKey(), spreadAhead()).first;
  if (hasFeaturesLast(cast<AffineMapAttr>(op.getIndexingMaps()[2]).getValue()))
    tile.value = op.getValue();
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

/// The scores of an op that has its queries last; others are refused.
static FailureOr<SmallVector<Value>> convert(OpBuilder &b, ScoreTileOp op) {
  auto given = cast<AffineMapAttr>(op.getIndexingMaps().getValue().back());
  AffineMap expected = AffineMap::getMultiDimMapWithTargets(
      NumTileDims, {TileJ, TileI}, op.getContext());
  if (given.getValue() != expected)
    return op.emitOpError()
           << "has the map " << given
           << " for its scores; the conversion to linalg takes "
           << AffineMapAttr::get(expected);
  Type accumulator = getElementTypeOrSelf(op.getScores().getType());
  return SmallVector<Value>{
      ScoreEmitter(b, op.getLoc(), accumulator)
          .emitScaledScores(TileScores::get(op), op.getScores())};
}

static FailureOr<SmallVector<Value>> convert(OpBuilder &b, AttendTileOp op) {
  return TileDecomposition(b, op).run();
}

namespace {
struct ConvertAttnToLinalg
    : public attn::impl::ConvertAttnToLinalgPassBase<ConvertAttnToLinalg> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa<AttendTileOp, ScoreTileOp>(op))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      IRRewriter rewriter(op);
      FailureOr<SmallVector<Value>> values =
          isa<AttendTileOp>(op) ? convert(rewriter, cast<AttendTileOp>(op))
                                : convert(rewriter, cast<ScoreTileOp>(op));
      if (failed(values))
        return signalPassFailure();
      rewriter.replaceOp(op, *values);
    }
    eraseAssumptions(getOperation());
  }
};
} // namespace
