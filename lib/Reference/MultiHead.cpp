//===- MultiHead.cpp - Projections around attention -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionOps.h"
#include "PairScores.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

namespace {
/// A projection (out, in) with its bias (out), if it has one.
struct Projection {
  StringRef name;
  TensorRef weight, bias;

  int64_t out() const { return weight->value.getShape()[0]; }
  int64_t in() const { return weight->value.getShape()[1]; }
};
} // namespace

/// input w^T + b, over the last dimension of (batch, length, features).
static llvm::Expected<TensorRef> project(Operation *op, const TensorRef &input,
                                         const Projection &projection) {
  ArrayRef<int64_t> shape = input->value.getShape();
  int64_t in = projection.in(), out = projection.out();
  if (shape[2] != in)
    return opError(op, llvm::formatv("w_{0} takes {1} features, its input has "
                                     "{2}; they must be equal",
                                     projection.name, in, shape[2]));
  if (projection.bias && projection.bias->value.size() != out)
    return opError(op, llvm::formatv("b_{0} has {1} features, w_{0} gives {2}; "
                                     "they must be equal",
                                     projection.name,
                                     projection.bias->value.size(), out));
  Type type = input->value.getElementType();
  llvm::Expected<ReferenceResult> result =
      makeTensor(op, type, {shape[0], shape[1], out});
  if (!result)
    return result.takeError();
  FloatFormat stored = FloatFormat::get(type);
  SmallVector<Scalar> row(in), column(in);
  for (int64_t i = 0; i < shape[0] * shape[1]; ++i) {
    for (int64_t d = 0; d < in; ++d)
      row[d] = elementAt(*input, i * in + d);
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t d = 0; d < in; ++d)
        column[d] = elementAt(*projection.weight, o * in + d);
      Scalar sum = contract(type, type, row, column);
      if (projection.bias) {
        Scalar bias = elementAt(*projection.bias, o);
        double value = sum.real + bias.real;
        sum = boundedReal(
            type, value,
            sum.bound + bias.bound +
                (std::isfinite(value) ? stored.rounding(value) : 0));
      }
      setElement(*result, i * out + o, sum);
    }
  }
  return std::make_shared<const ReferenceResult>(std::move(*result));
}

/// Rows `first` heads of `size` on from a packed projection.
static llvm::Expected<Projection> takeHeads(Operation *op, StringRef name,
                                            const Projection &packed,
                                            int64_t size, int64_t first,
                                            int64_t heads) {
  Projection result{name, nullptr, nullptr};
  for (auto [from, to] : {std::pair(packed.weight, &result.weight),
                          std::pair(packed.bias, &result.bias)}) {
    if (!from)
      continue;
    SmallVector<int64_t> shape(from->value.getShape());
    shape[0] = size * heads;
    llvm::Expected<ReferenceResult> taken =
        makeTensor(op, from->value.getElementType(), shape);
    if (!taken)
      return taken.takeError();
    int64_t row = shape.size() == 2 ? shape[1] : 1, start = first * size * row;
    for (int64_t index = 0; index < taken->value.size(); ++index)
      setElement(*taken, index, elementAt(*from, start + index));
    *to = std::make_shared<const ReferenceResult>(std::move(*taken));
  }
  return result;
}

/// `multi_head_m5`: the projections of query, key and value.
static llvm::Expected<SmallVector<Projection, 3>>
getProjections(Interpreter &state, MultiHeadOp op, int64_t heads,
               int64_t kvHeads) {
  auto get = [&](StringRef name, Value weight, Value bias) {
    return Projection{name, state.tensor(weight),
                      bias ? state.tensor(bias) : nullptr};
  };
  if (!op.getWPacked())
    return SmallVector<Projection, 3>{get("q", op.getWQ(), op.getBQ()),
                                      get("k", op.getWK(), op.getBK()),
                                      get("v", op.getWV(), op.getBV())};
  Projection packed = get("packed", op.getWPacked(), op.getBPacked());
  int64_t all = heads + 2 * kvHeads;
  if (packed.out() % all != 0)
    return opError(op,
                   llvm::formatv("w_packed gives {0} features for {1} heads "
                                 "in all; they must split evenly",
                                 packed.out(), all));
  if (packed.bias && packed.bias->value.size() != packed.out())
    return opError(op,
                   llvm::formatv("b_packed has {0} features, w_packed gives "
                                 "{1}; they must be equal",
                                 packed.bias->value.size(), packed.out()));
  SmallVector<Projection, 3> result;
  int64_t first = 0;
  for (auto [name, count] : {std::pair("q", heads), std::pair("k", kvHeads),
                             std::pair("v", kvHeads)}) {
    llvm::Expected<Projection> taken =
        takeHeads(op, name, packed, packed.out() / all, first, count);
    if (!taken)
      return taken.takeError();
    result.push_back(*taken);
    first += count;
  }
  return result;
}

/// (batch, length, heads * size) seen as (batch, length, heads, size).
static HeadView splitHeads(const ReferenceResult &tensor, int64_t heads,
                           int64_t queryHeads) {
  ArrayRef<int64_t> shape = tensor.value.getShape();
  std::string error;
  AttentionLayout layout = *AttentionLayout::get(StringRef("bmhd"), 4, error);
  return viewOf({shape[0], shape[1], heads, shape[2] / heads}, layout,
                queryHeads, queryHeads / heads);
}

/// `multi_head_c5`, `multi_head_c7`, `multi_head_c8` at run time.
static llvm::Error checkSizes(MultiHeadOp op, const AttentionProblem &problem,
                              int64_t heads, int64_t kvHeads) {
  ArrayRef<int64_t> q = problem.query->value.getShape(),
                    k = problem.key->value.getShape(),
                    v = problem.value->value.getShape();
  if (q[0] != k[0] || k[0] != v[0])
    return opError(op,
                   llvm::formatv("query, key and value have batch sizes {0}, "
                                 "{1} and {2}; they must be equal",
                                 q[0], k[0], v[0]));
  if (k[1] != v[1])
    return opError(op, llvm::formatv("key has length {0}, value has {1}; they "
                                     "must be equal",
                                     k[1], v[1]));
  if (q[2] % heads != 0 || v[2] % kvHeads != 0)
    return opError(op,
                   llvm::formatv("w_q gives {0} features for {1} heads, w_v "
                                 "{2} for {3}; they must split evenly",
                                 q[2], heads, v[2], kvHeads));
  if (k[2] != q[2] / heads * kvHeads)
    return opError(op, llvm::formatv("w_k gives {0} features for {1} heads of "
                                     "size {2}",
                                     k[2], kvHeads, q[2] / heads));
  return llvm::Error::success();
}

static llvm::Error runMultiHead(Interpreter &state, MultiHeadOp op) {
  int64_t heads = op.getNumHeads();
  int64_t kvHeads = op.getNumKvHeads().value_or(heads);
  AttentionProblem problem;
  problem.op = op;
  problem.outputType = getElementTypeOrSelf(op.getOutput());
  problem.accumulator = getAccumulatorType(problem.outputType);
  if (op.getWeights())
    problem.weightsType = getElementTypeOrSelf(op.getWeights());
  auto projections = getProjections(state, op, heads, kvHeads);
  if (!projections)
    return projections.takeError();
  std::pair<TensorRef *, Value> inputs[] = {{&problem.query, op.getQuery()},
                                            {&problem.key, op.getKey()},
                                            {&problem.value, op.getValue()}};
  for (auto [slot, projection] : llvm::zip_equal(inputs, *projections)) {
    llvm::Expected<TensorRef> projected =
        project(op, state.tensor(slot.second), projection);
    if (!projected)
      return projected.takeError();
    *slot.first = *projected;
  }
  if (llvm::Error error = checkSizes(op, problem, heads, kvHeads))
    return error;

  problem.queryView = splitHeads(*problem.query, heads, heads);
  problem.keyView = splitHeads(*problem.key, kvHeads, heads);
  problem.valueView = splitHeads(*problem.value, kvHeads, heads);
  problem.sizes = {problem.query->value.getShape()[0], heads,
                   problem.queryView.rows, problem.keyView.rows};
  DotScore score(getElementTypeOrSelf(op.getQuery().getType()),
                 op.getScale() ? op.getScale()->convertToDouble()
                               : defaultScale(problem.queryView.features));
  problem.score = &score;
  for (Value modifier : op.getScore())
    problem.modifiers.push_back(
        std::get<ScoreModifierRef>(state.get(modifier)));
  problem.mask = state.mask(op.getMask());
  AttentionWishes wishes;
  wishes.weights = bool(op.getWeights());
  llvm::Expected<AttentionResult> result = attend(problem, wishes);
  if (!result)
    return result.takeError();

  llvm::Expected<ReferenceResult> joined =
      makeTensor(op, problem.outputType,
                 {problem.sizes.batches, problem.sizes.queries,
                  heads * problem.valueView.features});
  if (!joined)
    return joined.takeError();
  scatter(result->output, {problem.sizes.batches, heads},
          splitHeads(*joined, heads, heads), *joined);
  llvm::Expected<TensorRef> output =
      project(op, std::make_shared<const ReferenceResult>(std::move(*joined)),
              Projection{"o", state.tensor(op.getWO()),
                         op.getBO() ? state.tensor(op.getBO()) : nullptr});
  if (!output)
    return output.takeError();
  if (llvm::Error error = state.setTensor(op.getOutput(), *output))
    return error;
  if (!op.getWeights())
    return llvm::Error::success();
  return state.setTensor(op.getWeights(), std::move(result->weights));
}

void reference::addMultiHeadHandlers(HandlerTable &table) {
  table.add<MultiHeadOp, runMultiHead>();
}
