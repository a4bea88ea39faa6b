//===- TileOps.cpp - One tile of queries against one tile of keys -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Errors are carried along as in steps 3 to 5 of `tolerance_m1` in
// docs/Spec.md, from those of the running values that the tile takes in.
//
//===----------------------------------------------------------------------===//

#include "AttendScoring.h"
#include "TileRow.h"

#include "attn/Dialect/Attn/Analysis/ScoreRange.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

static constexpr double infinity = std::numeric_limits<double>::infinity();

namespace {
enum Dim { I, J, D, E, NumDims };

/// An operand seen as rows along one dimension and columns along another.
class TileView {
public:
  TileView(const TensorRef &tensor, AffineMap map, unsigned row,
           unsigned column)
      : tensor(tensor) {
    for (auto [expression, stride] : llvm::zip_equal(
             map.getResults(), stridesOf(tensor->value.getShape()))) {
      unsigned dim = cast<AffineDimExpr>(expression).getPosition();
      assert((dim == row || dim == column) && "verified by the op");
      (dim == row ? rowStride : columnStride) = stride;
    }
  }

  int64_t indexOf(int64_t row, int64_t column) const {
    return row * rowStride + column * columnStride;
  }
  Scalar at(int64_t row, int64_t column) const {
    return elementAt(*tensor, indexOf(row, column));
  }
  Rows copy(int64_t rows, int64_t columns) const {
    return Rows(*tensor, {{0}, {0}, rows, rowStride, columns, columnStride}, 0,
                0);
  }

private:
  TensorRef tensor;
  int64_t rowStride = 0, columnStride = 0;
};

/// Scores of the pairs of one tile.
template <typename OpTy>
class TileScores {
public:
  TileScores(Interpreter &state, OpTy op)
      : state(state), op(op), score(readScoring(state, op, problem)),
        sizes(NumDims),
        origin{state.integer(op.getB()), state.integer(op.getH()),
               state.integer(op.getI()), state.integer(op.getJ())} {}

  /// Takes in the sizes of an operand.
  llvm::Error read(Value operand, AffineMap map) {
    return sizes.read(op, map, state.tensor(operand)->value.getShape());
  }
  /// Reads query and key; refuses what does not fit together.
  llvm::Error prepare();

  /// The score of a pair, nothing where the mask does not keep it.
  llvm::Expected<std::optional<Scalar>> get(int64_t i, int64_t j) const;

  /// What a pair that is not kept has for a score.
  double none() const {
    return problem.normalizer == Normalizer::Softmax ? -infinity : 0;
  }
  int64_t size(Dim dim) const { return sizes[dim]; }
  TileView view(Value operand, unsigned index, Dim row, Dim column) const {
    return TileView(state.tensor(operand), mapOf(index), row, column);
  }
  AffineMap mapOf(unsigned index) const {
    return cast<AffineMapAttr>(op.getIndexingMaps()[index]).getValue();
  }
  Type accumulator() const { return problem.accumulator; }
  /// The mask keeps every pair.
  void dropMask() { problem.mask = nullptr; }

private:
  Interpreter &state;
  mutable OpTy op; // Accessors of ops are not const.
  AttentionProblem problem;
  std::unique_ptr<PairScore> score;
  OperandSizes sizes;
  Pair origin;
  Rows queries, keys;
};
} // namespace

template <typename OpTy>
llvm::Error TileScores<OpTy>::prepare() {
  if (llvm::Error error = read(op.getQuery(), mapOf(0)))
    return error;
  if (llvm::Error error = read(op.getKey(), mapOf(1)))
    return error;
  if (llvm::Error error = checkFeatureWeight(state, op, size(D)))
    return error;
  for (const ScoreModifierRef &modifier : problem.modifiers)
    if (llvm::Error error = modifier->check({}, problem.accumulator))
      return error;
  queries = view(op.getQuery(), 0, I, D).copy(size(I), size(D));
  keys = view(op.getKey(), 1, J, D).copy(size(J), size(D));
  return llvm::Error::success();
}

template <typename OpTy>
llvm::Expected<std::optional<Scalar>> TileScores<OpTy>::get(int64_t i,
                                                            int64_t j) const {
  Pair pair{origin.b, origin.h, origin.i + i, origin.j + j};
  bool sure = true;
  if (problem.mask) {
    llvm::Expected<Keep> keep = problem.mask->keeps(pair, {});
    if (!keep)
      return keep.takeError();
    if (!keep->kept && keep->sure)
      return std::nullopt;
    sure = keep->sure;
  }
  Scalar result =
      score->compute({queries.row(i), keys.row(j), queries.rowBounds(i),
                      keys.rowBounds(j), size(D), pair.h});
  for (const ScoreModifierRef &modifier : problem.modifiers) {
    llvm::Expected<Scalar> next =
        modifier->apply(result, pair, problem.accumulator);
    if (!next)
      return next.takeError();
    result = *next;
  }
  if (!sure)
    result.bound = infinity;
  return result;
}

//===----------------------------------------------------------------------===//
// Running values
//===----------------------------------------------------------------------===//

namespace {
/// Evaluates an attend_tile query by query.
class AttendTile {
public:
  AttendTile(Interpreter &state, AttendTileOp op)
      : state(state), op(op), scores(state, op) {}

  llvm::Error run();

private:
  llvm::Error prepare();
  llvm::Error runQuery(int64_t i, const TileView &values,
                       const TileView &accumulators);

  Interpreter &state;
  AttendTileOp op;
  TileScores<AttendTileOp> scores;
  ReferenceResult accumulator, maximum, sum;
};
} // namespace

llvm::Error AttendTile::prepare() {
  if (op.getPartial() && !state.integer(op.getPartial()))
    scores.dropMask();
  if (llvm::Error error = scores.prepare())
    return error;
  AffineMap perQuery =
      AffineMap::getMultiDimMapWithTargets(NumDims, {I}, op.getContext());
  for (auto [operand, map] :
       {std::pair<Value, AffineMap>{op.getValue(), scores.mapOf(2)},
        {op.getAccumulator(), scores.mapOf(3)},
        {op.getMaximum(), perQuery},
        {op.getSum(), perQuery}})
    if (llvm::Error error = scores.read(operand, map))
      return error;
  return llvm::Error::success();
}

llvm::Error AttendTile::runQuery(int64_t i, const TileView &values,
                                 const TileView &accumulators) {
  TileRow row(scores.accumulator(), op.getNormalizer(),
              op->hasAttr(boundedScoresAttr),
              op.getBinary() ? llvm::numbers::ln2 : 1);
  // A value that is not finite may meet a weight of 0. Nor is there anything to
  // know of rows that do not exist.
  bool spoilt = false;
  for (int64_t j = 0; j < scores.size(J); ++j) {
    llvm::Expected<std::optional<Scalar>> score = scores.get(i, j);
    if (!score)
      return score.takeError();
    if (*score && ((*score)->real != scores.none() || !(*score)->isExact()))
      row.add(j, **score);
    else
      for (int64_t e = 0; e < scores.size(E); ++e)
        spoilt |= !std::isfinite(values.at(j, e).real);
  }
  setElement(maximum, i, row.weigh(elementAt(maximum, i)));
  if (op.getNormalizer() != Normalizer::None)
    setElement(sum, i, row.accumulate(elementAt(sum, i), [](int64_t) {
      return Scalar::ofReal(1);
    }));
  Type valueType = getElementTypeOrSelf(op.getValue());
  bool rounds = op.getNormalizer() == Normalizer::Softmax &&
                valueType.getIntOrFloatBitWidth() == 16;
  double rounding = rounds ? FloatFormat::get(valueType).unit : 0;
  if (std::optional<int64_t> rows = op.getExistingRows(); rows && i >= *rows)
    spoilt = true;
  for (int64_t e = 0; e < scores.size(E); ++e) {
    int64_t index = accumulators.indexOf(i, e);
    Scalar next = row.accumulate(
        elementAt(accumulator, index),
        [&](int64_t j) { return values.at(j, e); }, rounding);
    if (spoilt)
      next.bound = infinity;
    setElement(accumulator, index, next);
  }
  return llvm::Error::success();
}

llvm::Error AttendTile::run() {
  if (llvm::Error error = prepare())
    return error;
  accumulator = *state.tensor(op.getAccumulator());
  maximum = *state.tensor(op.getMaximum());
  sum = *state.tensor(op.getSum());
  TileView values = scores.view(op.getValue(), 2, J, E);
  TileView accumulators = scores.view(op.getAccumulator(), 3, I, E);
  for (int64_t i = 0; i < scores.size(I); ++i)
    if (llvm::Error error = runQuery(i, values, accumulators))
      return error;
  for (auto [result, value] :
       {std::pair{op.getAccumulatorResult(), &accumulator},
        std::pair{op.getMaximumResult(), &maximum},
        std::pair{op.getSumResult(), &sum}})
    if (llvm::Error error = state.setTensor(result, std::move(*value)))
      return error;
  return llvm::Error::success();
}

static llvm::Error runAttendTile(Interpreter &state, AttendTileOp op) {
  return AttendTile(state, op).run();
}

static llvm::Error runScoreTile(Interpreter &state, ScoreTileOp op) {
  TileScores<ScoreTileOp> scores(state, op);
  if (llvm::Error error = scores.prepare())
    return error;
  if (llvm::Error error = scores.read(op.getScores(), scores.mapOf(2)))
    return error;
  TileView view = scores.view(op.getScores(), 2, I, J);
  ReferenceResult result = *state.tensor(op.getScores());
  for (int64_t i = 0; i < scores.size(I); ++i)
    for (int64_t j = 0; j < scores.size(J); ++j) {
      llvm::Expected<std::optional<Scalar>> score = scores.get(i, j);
      if (!score)
        return score.takeError();
      setElement(result, view.indexOf(i, j),
                 score->value_or(Scalar::ofReal(scores.none())));
    }
  return state.setTensor(op.getResult(), std::move(result));
}

void reference::addTileHandlers(HandlerTable &table) {
  table.add<AttendTileOp, runAttendTile>();
  table.add<ScoreTileOp, runScoreTile>();
}
