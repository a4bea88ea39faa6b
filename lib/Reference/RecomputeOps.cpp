//===- RecomputeOps.cpp - Rows that are computed again ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttendScoring.h"
#include "TileRow.h"

#include "attn/Dialect/Attn/IR/AttnRecompute.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

namespace {
/// Evaluates an op row by row.
class Recomputation {
public:
  Recomputation(Interpreter &state, RecomputeOp op)
      : state(state), op(op),
        accumulator(getAccumulatorType(getElementTypeOrSelf(op.getQuery()))),
        score(makePairScore(state, op, accumulator)),
        sizes(RecomputeOp::NumDims) {}

  llvm::Error run();

private:
  llvm::Error prepare();
  HeadView viewOf(Value operand, unsigned index, unsigned row, unsigned column);
  llvm::Error runRow(int64_t query, int64_t head, const Rows &queries);
  llvm::Expected<Scalar> scoreOf(int64_t query, int64_t head, int64_t key,
                                 const Rows &queries);
  Scalar sinkOf(int64_t head);

  Interpreter &state;
  RecomputeOp op;
  Type accumulator;
  std::unique_ptr<PairScore> score;
  OperandSizes sizes;
  Rows keys, values;
  HeadView outputView;
  ReferenceResult output, maximum, sum;
};
} // namespace

llvm::Error Recomputation::prepare() {
  Value operands[] = {op.getQuery(), op.getKey(), op.getValue(),
                      op.getOutput()};
  for (auto [index, operand] : llvm::enumerate(operands))
    if (llvm::Error error = sizes.read(op, op.getMap(index),
                                       state.tensor(operand)->value.getShape()))
      return error;
  if (llvm::Error error = checkFeatureWeight(state, op, sizes[RecomputeOp::D]))
    return error;
  keys = Rows(*state.tensor(op.getKey()),
              viewOf(op.getKey(), 1, RecomputeOp::J, RecomputeOp::D), 0, 0);
  values = Rows(*state.tensor(op.getValue()),
                viewOf(op.getValue(), 2, RecomputeOp::J, RecomputeOp::E), 0, 0);
  outputView = viewOf(op.getOutput(), 3, RecomputeOp::I, RecomputeOp::E);
  output = *state.tensor(op.getOutput());
  if (op.getMaximum()) {
    maximum = *state.tensor(op.getMaximum());
    sum = *state.tensor(op.getSum());
  }
  return llvm::Error::success();
}

/// Rows and columns of an operand by head.
HeadView Recomputation::viewOf(Value operand, unsigned index, unsigned row,
                               unsigned column) {
  int64_t rowStride = 0, columnStride = 0, headStride = 0;
  for (auto [expression, stride] :
       llvm::zip_equal(op.getMap(index).getResults(),
                       stridesOf(state.tensor(operand)->value.getShape()))) {
    unsigned dim = cast<AffineDimExpr>(expression).getPosition();
    (dim == row      ? rowStride
     : dim == column ? columnStride
                     : headStride) = stride;
  }
  HeadView view{{0}, {}, sizes[row], rowStride, sizes[column], columnStride};
  for (int64_t head = 0; head < sizes[RecomputeOp::G]; ++head)
    view.head.push_back(head * headStride);
  return view;
}

llvm::Expected<Scalar> Recomputation::scoreOf(int64_t query, int64_t head,
                                              int64_t key,
                                              const Rows &queries) {
  Scalar result = score->compute({queries.row(query), keys.row(key),
                                  queries.rowBounds(query), keys.rowBounds(key),
                                  sizes[RecomputeOp::D], head});
  auto yielded = state.runBlock(
      op.getPairs().front(), {Scalar::ofInteger(query), Scalar::ofInteger(head),
                              Scalar::ofInteger(key), result});
  if (!yielded)
    return yielded.takeError();
  return std::get<Scalar>(yielded->front());
}

/// What a row of the head starts from.
Scalar Recomputation::sinkOf(int64_t head) {
  if (!op.getSink())
    return Scalar::ofReal(-HUGE_VAL);
  double unit = op.getBinary() ? llvm::numbers::log2e : 1;
  Scalar sink = elementAt(*state.tensor(op.getSink()), head);
  return Scalar::ofReal(sink.real * unit, sink.bound * unit);
}

llvm::Error Recomputation::runRow(int64_t query, int64_t head,
                                  const Rows &queries) {
  bool softmax = op.getNormalizer() == Normalizer::Softmax;
  double none = softmax ? -HUGE_VAL : 0;
  TileRow row(accumulator, op.getNormalizer(), /*bounded=*/false,
              op.getBinary() ? llvm::numbers::ln2 : 1);
  for (int64_t key = state.integer(op.getBegin());
       key < state.integer(op.getEnd()); ++key) {
    llvm::Expected<Scalar> score = scoreOf(query, head, key, queries);
    if (!score)
      return score.takeError();
    if (score->real != none || !score->isExact())
      row.add(key, *score);
  }
  Scalar start = sinkOf(head);
  Scalar largest = row.weigh(start);
  Scalar total = row.accumulate(Scalar::ofReal(start.real == -HUGE_VAL ? 0 : 1),
                                [](int64_t) { return Scalar::ofReal(1); });
  if (op.getMaximum()) {
    int64_t number = query * sizes[RecomputeOp::G] + head;
    setElement(maximum, number, largest);
    setElement(sum, number, total);
  }
  FloatFormat format = FloatFormat::get(getElementTypeOrSelf(op.getOutput()));
  for (int64_t e = 0; e < sizes[RecomputeOp::E]; ++e) {
    Scalar result = row.accumulate(Scalar::ofReal(0), [&](int64_t key) {
      const double *bounds = values.rowBounds(key);
      return Scalar::ofReal(values.row(key)[e], bounds ? bounds[e] : 0);
    });
    if (op.getNormalizer() != Normalizer::None) {
      double quotient = total.real == 0 ? 0 : result.real / total.real;
      double error = total.real == 0 && total.isExact()
                         ? 0
                         : (result.bound + std::fabs(quotient) * total.bound) /
                               (std::fabs(total.real) - total.bound);
      result = Scalar::ofReal(quotient, total.bound < std::fabs(total.real) ||
                                                total.isExact()
                                            ? error
                                            : HUGE_VAL);
    }
    result.bound += 2 * format.unit * std::fabs(result.real) + format.floor;
    setElement(output, outputView.offset(0, head, query, e),
               boundedReal(getElementTypeOrSelf(op.getOutput()), result.real,
                           result.bound));
  }
  return llvm::Error::success();
}

llvm::Error Recomputation::run() {
  if (llvm::Error error = prepare())
    return error;
  // Outputs of which it is not known whether they need it may be anything.
  Scalar when = state.scalar(op.getWhen());
  if (when.integer || !when.isExact()) {
    HeadView view = viewOf(op.getQuery(), 0, RecomputeOp::I, RecomputeOp::D);
    for (int64_t head = 0; head < sizes[RecomputeOp::G]; ++head) {
      Rows queries(*state.tensor(op.getQuery()), view, 0, head);
      for (int64_t query = 0; query < sizes[RecomputeOp::I]; ++query)
        if (llvm::Error error = runRow(query, head, queries))
          return error;
    }
  }
  ReferenceResult *results[] = {&output, &maximum, &sum};
  for (auto [result, value] : llvm::zip(op.getResults(), results))
    if (llvm::Error error = state.setTensor(result, std::move(*value)))
      return error;
  return llvm::Error::success();
}

static llvm::Error runRecompute(Interpreter &state, RecomputeOp op) {
  return Recomputation(state, op).run();
}

void reference::addRecomputeHandlers(HandlerTable &table) {
  table.add<RecomputeOp, runRecompute>();
}
