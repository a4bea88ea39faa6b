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
  Attention(const AttentionProblem &problem, const AttentionWishes &wishes)
      : problem(problem), sizes(problem.sizes), wishes(wishes) {}

  llvm::Expected<AttentionResult> run();

private:
  llvm::Error allocate();
  llvm::Error runHead(int64_t b, int64_t h);
  /// Collects the pairs of a row that contribute.
  llvm::Error collect(Pair local, const RowPair &row, const Rows &keys);
  void store(int64_t row, const RowOutput &output);
  void storeStatistics(int64_t row, const RowOutput &output);
  bool wantWeights() const {
    return wishes.weights || wishes.entropy || wishes.received || wishes.top;
  }

  const AttentionProblem &problem;
  const Extents &sizes;
  const AttentionWishes &wishes;
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
  shape.back() = sizes.keys;
  if (wishes.weights)
    if (llvm::Error error = make(result.weights, problem.weightsType, shape))
      return error;
  if (wishes.top) {
    shape.back() = wishes.top;
    if (auto error = make(result.topWeights, wishes.topWeightsType, shape))
      return error;
    if (auto error = make(result.topKeys, wishes.topKeysType, shape))
      return error;
  }
  shape.pop_back();
  if (wishes.entropy)
    if (auto error = make(result.entropy, problem.accumulator, shape))
      return error;
  shape.back() = sizes.keys;
  if (wishes.received)
    return make(result.received, problem.accumulator, shape);
  return llvm::Error::success();
}

llvm::Error Attention::collect(Pair local, const RowPair &row,
                               const Rows &keys) {
  candidates.clear();
  unsure = false;
  RowPair pair = row;
  Pair global = local;
  global.hasHeads = sizes.hasHeads;
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

void Attention::storeStatistics(int64_t row, const RowOutput &output) {
  RowWeights weights{problem, candidates, output.weights, output.lse, unsure};
  if (wishes.entropy)
    setElement(result.entropy, row, entropyOf(weights));
  if (wishes.received) {
    int64_t first = row / sizes.queries * sizes.keys;
    for (auto [index, candidate] : llvm::enumerate(candidates)) {
      int64_t key = first + candidate.j;
      Scalar sum = elementAt(result.received, key),
             term = receivedFrom(weights, index);
      setElement(result.received, key,
                 Scalar::ofReal(sum.real + term.real, sum.bound + term.bound));
    }
    if (unsure)
      std::fill_n(result.received.bound.begin() + first, sizes.keys,
                  std::numeric_limits<double>::infinity());
  }
  if (wishes.top) {
    SmallVector<Scalar> top(wishes.top), keys(wishes.top);
    selectTop(weights, wishes.topWeightsType, top, keys);
    for (int64_t rank = 0; rank < wishes.top; ++rank) {
      setElement(result.topWeights, row * wishes.top + rank, top[rank]);
      setElement(result.topKeys, row * wishes.top + rank, keys[rank]);
    }
  }
}

void Attention::store(int64_t row, const RowOutput &output) {
  setElement(result.lse, row, output.lse);
  storeStatistics(row, output);
  if (!wishes.weights)
    return;
  for (auto [candidate, weight] : llvm::zip_equal(candidates, output.weights))
    setElement(result.weights, row * sizes.keys + candidate.j, weight);
  // What an unsure row gives to other keys is not known either.
  if (unsure)
    std::fill_n(result.weights.bound.begin() + row * sizes.keys, sizes.keys,
                std::numeric_limits<double>::infinity());
}

llvm::Error Attention::runHead(int64_t b, int64_t h) {
  Rows queries(*problem.query, problem.queryView, b, h);
  Rows keys(*problem.key, problem.keyView, b, h);
  Rows values(*problem.value, problem.valueView, b, h);
  int64_t head = problem.globalHead.empty() ? h : problem.globalHead[h];
  for (int64_t i = 0; i < sizes.queries; ++i) {
    RowPair row{queries.row(i),
                nullptr,
                queries.rowBounds(i),
                nullptr,
                problem.queryView.features,
                head};
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
    normalizeRow(problem, input, values, wantWeights(), output);
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
reference::attend(const AttentionProblem &problem,
                  const AttentionWishes &wishes) {
  return Attention(problem, wishes).run();
}
