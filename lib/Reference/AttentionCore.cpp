//===- AttentionCore.cpp - Attention of every row ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionCore.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

Rows::Rows(const ReferenceResult &tensor, const HeadView &view, int64_t b,
           int64_t h)
    : features(view.features) {
  values.reserve(view.rows * view.features);
  for (int64_t row = 0; row < view.rows; ++row)
    for (int64_t feature = 0; feature < view.features; ++feature) {
      int64_t index = view.offset(b, h, row, feature);
      values.push_back(tensor.value.floats[index]);
      if (!tensor.bound.empty())
        bounds.push_back(tensor.bound[index]);
    }
}

namespace {
/// Evaluates the rows of one problem.
class Attention {
public:
  Attention(const AttentionProblem &problem, bool wantWeights)
      : problem(problem), sizes(problem.sizes), wantWeights(wantWeights) {}

  llvm::Expected<AttentionResult> run();

private:
  llvm::Error allocate();
  llvm::Error runHead(int64_t b, int64_t h);
  /// Collects the pairs of a row that contribute.
  llvm::Error collect(Pair local, const RowPair &row, const Rows &keys);
  void store(int64_t row, const RowOutput &output);

  const AttentionProblem &problem;
  const Extents &sizes;
  bool wantWeights;
  std::vector<Candidate> candidates;
  bool unsure = false;
  AttentionResult result;
};
} // namespace

llvm::Error Attention::allocate() {
  auto make = [&](ReferenceResult &tensor, Type type,
                  ArrayRef<int64_t> shape) -> llvm::Error {
    llvm::Expected<ReferenceResult> made = makeTensor(problem.op, type, shape);
    if (!made)
      return made.takeError();
    tensor = std::move(*made);
    tensor.bound.resize(tensor.value.size());
    return llvm::Error::success();
  };
  SmallVector<int64_t> shape{sizes.batches, sizes.heads, sizes.queries};
  if (llvm::Error error = make(result.lse, problem.accumulator, shape))
    return error;
  shape.push_back(problem.valueView.features);
  if (llvm::Error error = make(result.output, problem.outputType, shape))
    return error;
  if (!wantWeights)
    return llvm::Error::success();
  shape.back() = sizes.keys;
  return make(result.weights, problem.weightsType, shape);
}

llvm::Error Attention::collect(Pair local, const RowPair &row,
                               const Rows &keys) {
  candidates.clear();
  unsure = false;
  RowPair pair = row;
  Pair global = local;
  global.b += problem.origin.b;
  global.i += problem.origin.i;
  if (!problem.globalHead.empty())
    global.h = problem.globalHead[local.h];
  // A weight that is zero by definition: a score of -inf, a summed kernel of 0.
  double none = problem.normalizer == Normalizer::Softmax
                    ? -std::numeric_limits<double>::infinity()
                    : 0;
  for (int64_t j = 0; j < sizes.keys; ++j) {
    global.j = j + problem.origin.j;
    if (problem.mask) {
      llvm::Expected<Keep> keep = problem.mask->keeps(global, sizes);
      if (!keep)
        return keep.takeError();
      unsure |= !keep->sure;
      if (!keep->kept)
        continue;
    }
    pair.key = keys.row(j);
    pair.keyBound = keys.rowBounds(j);
    Scalar score = problem.score->compute(pair);
    for (const ScoreModifierRef &modifier : problem.modifiers) {
      llvm::Expected<Scalar> next =
          modifier->apply(score, global, problem.accumulator);
      if (!next)
        return next.takeError();
      score = *next;
    }
    unsure |= std::isinf(score.bound);
    if (score.real != none || !score.isExact())
      candidates.push_back({j, score});
  }
  return llvm::Error::success();
}

void Attention::store(int64_t row, const RowOutput &output) {
  setElement(result.lse, row, output.lse);
  if (wantWeights)
    for (auto [candidate, weight] :
         llvm::zip_equal(candidates, output.weights))
      setElement(result.weights, row * sizes.keys + candidate.j, weight);
  // What an unsure row gives to other keys is not known either.
  if (wantWeights && unsure)
    std::fill_n(result.weights.bound.begin() + row * sizes.keys, sizes.keys,
                std::numeric_limits<double>::infinity());
}

llvm::Error Attention::runHead(int64_t b, int64_t h) {
  Rows queries(*problem.query, problem.queryView, b, h);
  Rows keys(*problem.key, problem.keyView, b, h);
  Rows values(*problem.value, problem.valueView, b, h);
  int64_t head = problem.globalHead.empty() ? h : problem.globalHead[h];
  for (int64_t i = 0; i < sizes.queries; ++i) {
    RowPair row{queries.row(i), nullptr, queries.rowBounds(i), nullptr,
                problem.queryView.features, head};
    if (llvm::Error error = collect({b, h, i, 0}, row, keys))
      return error;
    RowInput input{candidates, std::nullopt, unsure};
    if (!problem.sink.empty())
      input.sink = problem.sink[h];
    int64_t index = (b * sizes.heads + h) * sizes.queries + i;
    int64_t features = values.features;
    RowOutput output;
    output.output = MutableArrayRef<double>(result.output.value.floats)
                        .slice(index * features, features);
    output.outputBound = MutableArrayRef<double>(result.output.bound)
                             .slice(index * features, features);
    normalizeRow(problem, input, values, wantWeights, output);
    store(index, output);
  }
  return llvm::Error::success();
}

llvm::Expected<AttentionResult> Attention::run() {
  if (problem.mask)
    if (llvm::Error error = problem.mask->check(sizes))
      return std::move(error);
  for (const ScoreModifierRef &modifier : problem.modifiers)
    if (llvm::Error error = modifier->check(sizes, problem.accumulator))
      return std::move(error);
  if (llvm::Error error = allocate())
    return std::move(error);
  for (int64_t b = 0; b < sizes.batches; ++b)
    for (int64_t h = 0; h < sizes.heads; ++h)
      if (llvm::Error error = runHead(b, h))
        return std::move(error);
  return std::move(result);
}

llvm::Expected<AttentionResult>
reference::attend(const AttentionProblem &problem, bool wantWeights) {
  return Attention(problem, wantWeights).run();
}
