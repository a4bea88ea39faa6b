//===- AttentionOps.cpp - Attention ops in their layouts --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionOps.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

HeadView reference::viewOf(ArrayRef<int64_t> shape,
                           const AttentionLayout &layout, int64_t queryHeads,
                           int64_t group) {
  SmallVector<int64_t> strides = stridesOf(shape);
  HeadView view;
  SmallVector<int64_t> batchShape, position(layout.batch.size());
  for (int64_t dim : layout.batch)
    batchShape.push_back(shape[dim]);
  if (!llvm::is_contained(batchShape, 0))
    do {
      int64_t offset = 0;
      for (auto [dim, index] : llvm::zip_equal(layout.batch, position))
        offset += index * strides[dim];
      view.batch.push_back(offset);
    } while (nextPosition(position, batchShape));
  for (int64_t head = 0; head < queryHeads; ++head)
    view.head.push_back(layout.head ? head / group * strides[*layout.head] : 0);
  view.rows = shape[layout.length];
  view.rowStride = strides[layout.length];
  view.features = shape[layout.feature];
  view.featureStride = strides[layout.feature];
  return view;
}

void reference::scatter(const ReferenceResult &source, ArrayRef<int64_t> sizes,
                        const HeadView &view, ReferenceResult &target) {
  int64_t index = 0;
  for (int64_t b = 0; b < sizes[0]; ++b)
    for (int64_t h = 0; h < sizes[1]; ++h)
      for (int64_t row = 0; row < view.rows; ++row)
        for (int64_t feature = 0; feature < view.features; ++feature)
          setElement(target, view.offset(b, h, row, feature),
                     elementAt(source, index++));
}

//===----------------------------------------------------------------------===//
// Run-time sizes (`attention_c4` to `attention_c8`)
//===----------------------------------------------------------------------===//

llvm::Error reference::checkEqual(Operation *op, StringRef what, StringRef left,
                                  int64_t lhs, StringRef right, int64_t rhs) {
  if (lhs == rhs)
    return llvm::Error::success();
  return opError(op, llvm::formatv("{0} has {1} {2}, {3} has {4}; they must be "
                                   "equal",
                                   left, what, lhs, right, rhs));
}

static llvm::Error checkOperands(Operation *op, const Operands &operands) {
  const AttentionLayout &layout = operands.layout;
  ArrayRef<int64_t> q = operands.query->value.getShape(),
                    k = operands.key->value.getShape(),
                    v = operands.value->value.getShape();
  for (int64_t dim : layout.batch) {
    if (auto error =
            checkEqual(op, "batch size", "query", q[dim], "key", k[dim]))
      return error;
    if (auto error =
            checkEqual(op, "batch size", "query", q[dim], "value", v[dim]))
      return error;
  }
  if (auto error = checkEqual(op, "length", "key", k[layout.length], "value",
                              v[layout.length]))
    return error;
  if (!layout.head)
    return llvm::Error::success();
  int64_t heads = q[*layout.head], keyHeads = k[*layout.head];
  if (auto error =
          checkEqual(op, "heads", "key", keyHeads, "value", v[*layout.head]))
    return error;
  if (keyHeads == 0 ? heads != 0 : heads % keyHeads != 0)
    return opError(op, llvm::formatv("query has {0} heads, key has {1}; query "
                                     "heads must be a multiple of key heads",
                                     heads, keyHeads));
  return llvm::Error::success();
}

static int64_t productOver(ArrayRef<int64_t> shape, ArrayRef<int64_t> dims) {
  int64_t product = 1;
  for (int64_t dim : dims)
    product *= shape[dim];
  return product;
}

llvm::Expected<AttentionProblem> reference::makeProblem(Interpreter &state,
                                                        AttentionOpInterface op,
                                                        Operands &operands) {
  operands.query = state.tensor(op.getQuery());
  operands.key = state.tensor(op.getKey());
  operands.value = state.tensor(op.getValue());
  operands.layout = AttentionLayout::get(op);
  if (llvm::Error error = checkOperands(op, operands))
    return std::move(error);
  const AttentionLayout &layout = operands.layout;
  ArrayRef<int64_t> q = operands.query->value.getShape(),
                    k = operands.key->value.getShape();
  AttentionProblem problem;
  problem.op = op;
  problem.outputType = getElementTypeOrSelf(op.getOutput());
  problem.accumulator = getAccumulatorType(problem.outputType);
  problem.weightsType = op.getWeights() ? getElementTypeOrSelf(op.getWeights())
                                        : problem.accumulator;
  problem.sizes = {productOver(q, layout.batch),
                   layout.head ? q[*layout.head] : 1, q[layout.length],
                   k[layout.length], layout.head.has_value()};
  if (layout.head)
    operands.keyHeads = k[*layout.head];
  problem.query = operands.query;
  problem.key = operands.key;
  problem.value = operands.value;
  for (Value modifier : op.getScoreModifiers())
    problem.modifiers.push_back(
        std::get<ScoreModifierRef>(state.get(modifier)));
  problem.mask = state.mask(op.getMask());
  return problem;
}

static AttentionWishes wishesOf(AttentionOpInterface op) {
  AttentionWishes wishes;
  wishes.weights = bool(op.getWeights());
  wishes.entropy = bool(op.getEntropy());
  wishes.received = bool(op.getReceived());
  if (!op.getTopKeys())
    return wishes;
  wishes.topWeightsType = getElementTypeOrSelf(op.getTopWeights());
  wishes.topKeysType = getElementTypeOrSelf(op.getTopKeys());
  wishes.top = cast<ShapedType>(op.getTopKeys().getType()).getShape().back();
  return wishes;
}

/// Gives a result of `rows`, and its last size where it is given, to `target`.
static llvm::Error store(Interpreter &state, Value target,
                         ReferenceResult &result, ArrayRef<int64_t> rows,
                         std::optional<int64_t> last = {}) {
  if (!target)
    return llvm::Error::success();
  SmallVector<int64_t> shape(rows);
  if (last)
    shape.push_back(*last);
  result.value.reshape(shape);
  return state.setTensor(target, std::move(result));
}

llvm::Error reference::finish(Interpreter &state, AttentionOpInterface op,
                              const Operands &operands,
                              AttentionProblem &problem) {
  int64_t heads = problem.sizes.heads;
  int64_t group =
      std::max<int64_t>(1, heads / std::max<int64_t>(1, operands.keyHeads));
  const AttentionLayout &layout = operands.layout;
  auto view = [&](const TensorRef &tensor, int64_t headsPerGroup) {
    return viewOf(tensor->value.getShape(), layout, heads, headsPerGroup);
  };
  problem.queryView = view(problem.query, 1);
  problem.keyView = view(problem.key, group);
  problem.valueView = view(problem.value, group);
  llvm::Expected<AttentionResult> result = attend(problem, wishesOf(op));
  if (!result)
    return result.takeError();

  SmallVector<int64_t> shape(operands.query->value.getShape());
  shape[layout.feature] = operands.value->value.getShape()[layout.feature];
  llvm::Expected<ReferenceResult> output =
      makeTensor(op, problem.outputType, shape);
  if (!output)
    return output.takeError();
  scatter(result->output, {problem.sizes.batches, heads},
          viewOf(shape, layout, heads, 1), *output);
  if (llvm::Error error = state.setTensor(op.getOutput(), std::move(*output)))
    return error;

  SmallVector<int64_t> rows;
  for (int64_t dim : layout.batch)
    rows.push_back(shape[dim]);
  if (layout.head)
    rows.push_back(heads);
  if (auto error = store(state, op.getReceived(), result->received, rows,
                         problem.sizes.keys))
    return error;
  rows.push_back(problem.sizes.queries);
  int64_t top = op.getTopKeys() ? wishesOf(op).top : 0;
  std::tuple<Value, ReferenceResult *, std::optional<int64_t>> results[] = {
      {op.getLse(), &result->lse, std::nullopt},
      {op.getWeights(), &result->weights, problem.sizes.keys},
      {op.getEntropy(), &result->entropy, std::nullopt},
      {op.getTopWeights(), &result->topWeights, top},
      {op.getTopKeys(), &result->topKeys, top}};
  for (auto [target, source, last] : results)
    if (auto error = store(state, target, *source, rows, last))
      return error;
  return llvm::Error::success();
}

double reference::defaultScale(int64_t features) {
  return features == 0 ? 1 : 1 / std::sqrt(static_cast<double>(features));
}
