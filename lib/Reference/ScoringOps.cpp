//===- ScoringOps.cpp - Attention ops by how they score ---------*- C++ -*-===//
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

static int64_t featuresOf(const Operands &operands, const TensorRef &tensor) {
  return tensor->value.getShape()[operands.layout.feature];
}

static llvm::Error checkHeadSizes(Operation *op, const Operands &operands) {
  return checkEqual(op, "head size", "query",
                    featuresOf(operands, operands.query), "key",
                    featuresOf(operands, operands.key));
}

//===----------------------------------------------------------------------===//
// Dot products
//===----------------------------------------------------------------------===//

/// Attends by dot products times `scale`, or `otherwise` without it.
static llvm::Error finishDots(Interpreter &state, AttentionOpInterface op,
                              const Operands &operands,
                              AttentionProblem &problem,
                              std::optional<APFloat> scale, double otherwise) {
  DotScore score(getElementTypeOrSelf(op.getQuery().getType()),
                 scale ? scale->convertToDouble() : otherwise);
  problem.score = &score;
  return finish(state, op, operands, problem);
}

template <typename OpTy>
static llvm::Error scoreDot(Interpreter &state, OpTy op,
                            const Operands &operands, AttentionProblem &problem,
                            std::optional<APFloat> scale) {
  if (llvm::Error error = checkHeadSizes(op, operands))
    return error;
  if (op.getSink()) {
    TensorRef sink = state.tensor(op.getSink());
    if (auto error = checkEqual(op, "logits", "sink", sink->value.size(),
                                "query heads", problem.sizes.heads))
      return error;
    double unit = FloatFormat::get(problem.accumulator).unit;
    for (int64_t h = 0; h < sink->value.size(); ++h) {
      Scalar logit = elementAt(*sink, h);
      if (std::isfinite(logit.real))
        logit.bound += unit * std::fabs(logit.real);
      problem.sink.push_back(logit);
    }
  }
  if constexpr (std::is_same_v<OpTy, ScaledDotProductOp>)
    problem.normalizer = op.getNormalizer();
  return finishDots(state, op, operands, problem, scale,
                    defaultScale(featuresOf(operands, operands.query)));
}

static llvm::Error scoreScaledDotProduct(Interpreter &state,
                                         ScaledDotProductOp op,
                                         const Operands &operands,
                                         AttentionProblem &problem) {
  return scoreDot(state, op, operands, problem, op.getScale());
}

static llvm::Error scoreDotProduct(Interpreter &state, DotProductOp op,
                                   const Operands &operands,
                                   AttentionProblem &problem) {
  return scoreDot(state, op, operands, problem, APFloat(1.0));
}

//===----------------------------------------------------------------------===//
// Additive
//===----------------------------------------------------------------------===//

/// `tensor` with its features multiplied by a matrix (out, in).
static llvm::Expected<TensorRef> project(Operation *op, StringRef name,
                                         const Operands &operands,
                                         const TensorRef &tensor,
                                         const TensorRef &matrix) {
  SmallVector<int64_t> shape(tensor->value.getShape());
  int64_t feature = operands.layout.feature;
  int64_t out = matrix->value.getShape()[0], in = matrix->value.getShape()[1];
  if (in != shape[feature])
    return opError(op, llvm::formatv("{0}_projection takes {1} features, {0} "
                                     "has {2}",
                                     name, in, shape[feature]));
  SmallVector<int64_t> sourceStrides = stridesOf(shape);
  shape[feature] = out;
  llvm::Expected<ReferenceResult> result =
      makeTensor(op, tensor->value.getElementType(), shape);
  if (!result)
    return result.takeError();
  SmallVector<int64_t> position(shape.size());
  Type element = tensor->value.getElementType();
  Type accumulator = getAccumulatorType(element);
  SmallVector<Scalar> lhs(in), rhs(in);
  for (int64_t index = 0, size = result->value.size(); index < size; ++index) {
    int64_t base = 0;
    for (auto [dim, at] : llvm::enumerate(position))
      base +=
          static_cast<int64_t>(dim) == feature ? 0 : at * sourceStrides[dim];
    for (int64_t d = 0; d < in; ++d) {
      lhs[d] = elementAt(*tensor, base + d * sourceStrides[feature]);
      rhs[d] = elementAt(*matrix, position[feature] * in + d);
    }
    setElement(*result, index, contract(element, accumulator, lhs, rhs));
    nextPosition(position, shape);
  }
  return std::make_shared<const ReferenceResult>(std::move(*result));
}

/// `tensor` with each row divided by its length.
static llvm::Expected<TensorRef> normalizeRows(Operation *op,
                                               const Operands &operands,
                                               const TensorRef &tensor) {
  Type type = tensor->value.getElementType();
  ArrayRef<int64_t> shape = tensor->value.getShape();
  llvm::Expected<ReferenceResult> result = makeTensor(op, type, shape);
  if (!result)
    return result.takeError();
  FloatFormat format = FloatFormat::get(getAccumulatorType(type));
  int64_t features = shape[operands.layout.feature];
  int64_t stride = stridesOf(shape)[operands.layout.feature];
  for (int64_t index = 0; index < tensor->value.size(); ++index) {
    if (index / stride % features != 0)
      continue;
    // Everything is relative to the largest element: no square leaves the
    // range.
    double largest = 0, square = 0, inherited = 0;
    for (int64_t d = 0; d < features; ++d)
      largest = std::fmax(
          largest, std::fabs(elementAt(*tensor, index + d * stride).real));
    double unit = largest == 0 ? 1 : largest;
    for (int64_t d = 0; d < features; ++d) {
      Scalar x = elementAt(*tensor, index + d * stride);
      square += (x.real / unit) * (x.real / unit);
      inherited += (x.bound / unit) * (x.bound / unit);
    }
    double length = std::sqrt(square), error = std::sqrt(inherited);
    double least = length - error;
    double relative = (features / 2 + 8) * format.unit + error / least;
    for (int64_t d = 0; d < features; ++d) {
      Scalar x = elementAt(*tensor, index + d * stride);
      double value = square == 0 ? 0 : x.real / unit / length;
      double bound = std::fabs(value) * relative + x.bound / unit / least +
                     2 * format.floor;
      if (least <= 0)
        bound = error == 0 ? 0 : 2;
      setElement(*result, index + d * stride, Scalar::ofReal(value, bound));
    }
  }
  return std::make_shared<const ReferenceResult>(std::move(*result));
}

static llvm::Error scoreCosine(Interpreter &state, CosineOp op,
                               const Operands &operands,
                               AttentionProblem &problem) {
  if (llvm::Error error = checkHeadSizes(op, operands))
    return error;
  for (TensorRef *tensor : {&problem.query, &problem.key}) {
    llvm::Expected<TensorRef> unit = normalizeRows(op, operands, *tensor);
    if (!unit)
      return unit.takeError();
    *tensor = *unit;
  }
  return finishDots(state, op, operands, problem, op.getScale(), 1);
}

static llvm::Error scoreGeneral(Interpreter &state, GeneralOp op,
                                const Operands &operands,
                                AttentionProblem &problem) {
  const TensorRef &weight = state.tensor(op.getWeight());
  for (auto [name, tensor, dim] : {std::tuple("query", problem.query, 1),
                                   std::tuple("key", problem.key, 0)})
    if (llvm::Error error =
            checkEqual(op, "features", "weight", weight->value.getShape()[dim],
                       name, featuresOf(operands, tensor)))
      return error;
  llvm::Expected<TensorRef> projected =
      project(op, "query", operands, problem.query, weight);
  if (!projected)
    return projected.takeError();
  problem.query = *projected;
  return finishDots(state, op, operands, problem, op.getScale(), 1);
}

static llvm::Error scoreAdditive(Interpreter &state, AdditiveOp op,
                                 const Operands &operands,
                                 AttentionProblem &problem) {
  TensorRef weight = state.tensor(op.getWeight());
  auto prepare = [&](StringRef name, TensorRef &tensor,
                     Value matrix) -> llvm::Error {
    if (matrix) {
      llvm::Expected<TensorRef> projected =
          project(op, name, operands, tensor, state.tensor(matrix));
      if (!projected)
        return projected.takeError();
      tensor = *projected;
    }
    return checkEqual(op, "projected features", name,
                      featuresOf(operands, tensor), "weight",
                      weight->value.size());
  };
  if (auto error = prepare("query", problem.query, op.getQueryProjection()))
    return error;
  if (auto error = prepare("key", problem.key, op.getKeyProjection()))
    return error;
  AdditiveScore score(problem.accumulator, weight, /*scale=*/1);
  problem.score = &score;
  return finish(state, op, operands, problem);
}

//===----------------------------------------------------------------------===//
// Kernel regression
//===----------------------------------------------------------------------===//

/// One bandwidth for all heads, or one per head.
static llvm::Expected<SmallVector<Scalar>>
bandwidthsOf(Interpreter &state, KernelRegressionOp op, int64_t heads) {
  SmallVector<Scalar> bandwidths{Scalar::ofReal(1)};
  if (op.getBandwidth()) {
    const RuntimeValue &given = state.get(op.getBandwidth());
    if (const auto *tensor = std::get_if<TensorRef>(&given)) {
      if (llvm::Error error =
              checkEqual(op, "entries", "bandwidth", (*tensor)->value.size(),
                         "query heads", heads))
        return std::move(error);
      bandwidths.clear();
      for (int64_t h = 0; h < heads; ++h)
        bandwidths.push_back(elementAt(**tensor, h));
    } else {
      bandwidths[0] = std::get<Scalar>(given);
    }
  }
  for (const Scalar &bandwidth : bandwidths)
    if (!(bandwidth.real > 0))
      return opError(op,
                     llvm::formatv("has bandwidth {0}, which is not greater "
                                   "than 0",
                                   bandwidth.real));
  return bandwidths;
}

static llvm::Error scoreKernelRegression(Interpreter &state,
                                         KernelRegressionOp op,
                                         const Operands &operands,
                                         AttentionProblem &problem) {
  if (llvm::Error error = checkHeadSizes(op, operands))
    return error;
  llvm::Expected<SmallVector<Scalar>> bandwidths =
      bandwidthsOf(state, op, problem.sizes.heads);
  if (!bandwidths)
    return bandwidths.takeError();
  KernelWeight weight(problem.accumulator, op.getKernel(), *bandwidths);
  SmallVector<Scalar> scales;
  for (const Scalar &bandwidth : *bandwidths) {
    double scale = 1 / (2 * bandwidth.real * bandwidth.real);
    scales.push_back(
        Scalar::ofReal(scale, scale * 2 * bandwidth.bound / bandwidth.real));
  }
  DistanceScore logWeight(problem.accumulator, scales);
  bool gaussian = op.getKernel() == RegressionKernel::Gaussian;
  problem.normalizer = gaussian ? Normalizer::Softmax : Normalizer::Sum;
  problem.score =
      gaussian ? static_cast<const PairScore *>(&logWeight) : &weight;
  return finish(state, op, operands, problem);
}

/// Runs `op` by `score`, which says how the problem that all such ops make up
/// is scored.
template <auto score, typename OpTy>
static llvm::Error run(Interpreter &state, OpTy op) {
  Operands operands;
  llvm::Expected<AttentionProblem> problem = makeProblem(state, op, operands);
  if (!problem)
    return problem.takeError();
  return score(state, op, operands, *problem);
}

void reference::addAttentionHandlers(HandlerTable &table) {
  table.add<ScaledDotProductOp,
            run<scoreScaledDotProduct, ScaledDotProductOp>>();
  table.add<DotProductOp, run<scoreDotProduct, DotProductOp>>();
  table.add<CosineOp, run<scoreCosine, CosineOp>>();
  table.add<GeneralOp, run<scoreGeneral, GeneralOp>>();
  table.add<AdditiveOp, run<scoreAdditive, AdditiveOp>>();
  table.add<KernelRegressionOp,
            run<scoreKernelRegression, KernelRegressionOp>>();
}
