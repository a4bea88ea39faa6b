//===- MergeOps.cpp - Merging partial attention, masked softmax -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

/// Adds a pair unless its score is -inf.
static void addCandidate(std::vector<Candidate> &candidates, RowInput &input,
                         int64_t j, Scalar score) {
  input.unsure |= std::isinf(score.bound);
  if (score.real != -std::numeric_limits<double>::infinity())
    candidates.push_back({j, score});
}

//===----------------------------------------------------------------------===//
// Merge
//===----------------------------------------------------------------------===//

/// `merge_c2` to `merge_c4` at run time.
static llvm::Error checkParts(Interpreter &state, MergeOp op) {
  ArrayRef<int64_t> output = state.tensor(op.getOutputs()[0])->value.getShape();
  for (Value part : op.getOutputs())
    if (state.tensor(part)->value.getShape() != output)
      return opError(
          op, llvm::formatv("merges outputs of sizes {0} and {1}; they must be "
                            "equal",
                            shapeText(output),
                            shapeText(state.tensor(part)->value.getShape())));
  for (Value lse : op.getLses())
    if (state.tensor(lse)->value.getShape() != output.drop_back())
      return opError(
          op, llvm::formatv("has an lse of sizes {0}; it must be {1}",
                            shapeText(state.tensor(lse)->value.getShape()),
                            shapeText(output.drop_back())));
  return llvm::Error::success();
}

/// The parts are the keys of a row, their LSEs its scores.
static llvm::Error runMerge(Interpreter &state, MergeOp op) {
  if (llvm::Error error = checkParts(state, op))
    return error;
  AttentionProblem problem;
  problem.op = op;
  problem.outputType = getElementTypeOrSelf(op.getOutput());
  problem.accumulator = getElementTypeOrSelf(op.getLse());
  ReferenceResult output{state.tensor(op.getOutputs()[0])->value, {}};
  ReferenceResult lse{state.tensor(op.getLses()[0])->value, {}};
  output.bound.resize(output.value.size());
  int64_t features = output.value.getShape().back();
  Rows parts;
  parts.features = features;
  int64_t count = op.getOutputs().size();
  std::vector<Candidate> candidates;
  for (int64_t row = 0; row < lse.value.size(); ++row) {
    candidates.clear();
    parts.values.clear();
    parts.bounds.clear();
    RowInput input;
    for (int64_t part = 0; part < count; ++part) {
      addCandidate(candidates, input, part,
                   elementAt(*state.tensor(op.getLses()[part]), row));
      for (int64_t feature = 0; feature < features; ++feature) {
        Scalar value = elementAt(*state.tensor(op.getOutputs()[part]),
                                 row * features + feature);
        parts.values.push_back(value.real);
        parts.bounds.push_back(value.bound);
      }
    }
    input.candidates = candidates;
    RowOutput result;
    result.output = MutableArrayRef<double>(output.value.floats)
                        .slice(row * features, features);
    result.outputBound =
        MutableArrayRef<double>(output.bound).slice(row * features, features);
    normalizeRow(problem, input, parts, /*wantWeights=*/false, result);
    setElement(lse, row, result.lse);
  }
  if (llvm::Error error = state.setTensor(op.getOutput(), std::move(output)))
    return error;
  return state.setTensor(op.getLse(), std::move(lse));
}

//===----------------------------------------------------------------------===//
// Masked softmax
//===----------------------------------------------------------------------===//

/// Batch, heads, queries, keys of scores (..., h, i, j); rank 3 is (b, i, j).
static Extents extentsOf(ArrayRef<int64_t> shape) {
  Extents sizes;
  sizes.keys = shape.back();
  sizes.queries = shape[shape.size() - 2];
  ArrayRef<int64_t> leading = shape.drop_back(2);
  sizes.hasHeads = leading.size() >= 2;
  if (sizes.hasHeads) {
    sizes.heads = leading.back();
    leading = leading.drop_back();
  }
  for (int64_t size : leading)
    sizes.batches *= size;
  return sizes;
}

/// `result`: the softmax of each row of `given` over the keys that `mask`,
/// where it is given, keeps.
static llvm::Error softmaxRows(Interpreter &state, Operation *op, Value given,
                               MaskRef mask, Value result) {
  const TensorRef &scores = state.tensor(given);
  Extents sizes = extentsOf(scores->value.getShape());
  if (mask)
    if (llvm::Error error = mask->check(sizes))
      return error;
  AttentionProblem problem;
  problem.op = op;
  problem.weightsType = scores->value.getElementType();
  problem.accumulator = getAccumulatorType(problem.weightsType);
  llvm::Expected<ReferenceResult> weights =
      makeTensor(op, problem.weightsType, scores->value.getShape());
  if (!weights)
    return weights.takeError();
  std::vector<Candidate> candidates;
  int64_t rows = sizes.batches * sizes.heads * sizes.queries;
  for (int64_t row = 0; row < rows; ++row) {
    candidates.clear();
    RowInput input;
    Pair pair;
    pair.hasHeads = sizes.hasHeads;
    pair.i = row % sizes.queries;
    pair.h = row / sizes.queries % sizes.heads;
    pair.b = row / sizes.queries / sizes.heads;
    for (pair.j = 0; pair.j < sizes.keys; ++pair.j) {
      if (mask) {
        llvm::Expected<Keep> keep = mask->keeps(pair, sizes);
        if (!keep)
          return keep.takeError();
        input.unsure |= !keep->sure;
        if (!keep->kept)
          continue;
      }
      addCandidate(candidates, input, pair.j,
                   elementAt(*scores, row * sizes.keys + pair.j));
    }
    input.candidates = candidates;
    RowOutput output;
    normalizeRow(problem, input, Rows(), /*wantWeights=*/true, output);
    for (auto [candidate, weight] : llvm::zip_equal(candidates, output.weights))
      setElement(*weights, row * sizes.keys + candidate.j, weight);
    if (input.unsure)
      for (int64_t j = 0; j < sizes.keys; ++j) {
        Scalar weight = elementAt(*weights, row * sizes.keys + j);
        weight.bound = std::numeric_limits<double>::infinity();
        setElement(*weights, row * sizes.keys + j, weight);
      }
  }
  return state.setTensor(result, std::move(*weights));
}

static llvm::Error runMaskedSoftmax(Interpreter &state, MaskedSoftmaxOp op) {
  return softmaxRows(state, op, op.getScores(), state.mask(op.getMask()),
                     op.getResult());
}

static llvm::Error runSoftmax(Interpreter &state, linalg::SoftmaxOp op) {
  auto type = dyn_cast<RankedTensorType>(op.getInput().getType());
  if (!type || type.getRank() < 2 ||
      op.getDimension() + 1 != static_cast<uint64_t>(type.getRank()))
    return opError(op, "is not over the last of two or more dimensions of a "
                       "tensor, which the reference supports alone");
  return softmaxRows(state, op, op.getInput(), /*mask=*/MaskRef(),
                     op->getResult(0));
}

void reference::addMergeHandlers(HandlerTable &table) {
  table.add<MergeOp, runMerge>();
  table.add<MaskedSoftmaxOp, runMaskedSoftmax>();
  table.add<linalg::SoftmaxOp, runSoftmax>();
}
