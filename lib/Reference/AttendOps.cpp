//===- AttendOps.cpp - The canonical attention ops --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttendScoring.h"
#include "AttentionOps.h"

#include <array>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

namespace {
/// Sizes of the seven dimensions, and where operands have them.
class Domain : public OperandSizes {
public:
  Domain() : OperandSizes(AttendOp::NumDims) {}

  /// The view of an operand whose rows and features are the given dimensions.
  HeadView view(AffineMap map, ArrayRef<int64_t> shape, unsigned row,
                std::optional<unsigned> feature) const;
  /// The view of top weights or keys, whose last dimension `map` leaves out.
  HeadView topView(AffineMap map, ArrayRef<int64_t> shape) const;
};
} // namespace

HeadView Domain::view(AffineMap map, ArrayRef<int64_t> shape, unsigned row,
                      std::optional<unsigned> feature) const {
  std::array<int64_t, AttendOp::NumDims> strides{};
  for (auto [expression, stride] :
       llvm::zip_equal(map.getResults(), stridesOf(shape)))
    strides[cast<AffineDimExpr>(expression).getPosition()] = stride;
  const Domain &size = *this;
  HeadView view;
  for (int64_t b = 0; b < size[AttendOp::B]; ++b)
    view.batch.push_back(b * strides[AttendOp::B]);
  for (int64_t hkv = 0; hkv < size[AttendOp::Hkv]; ++hkv)
    for (int64_t g = 0; g < size[AttendOp::G]; ++g)
      view.head.push_back(hkv * strides[AttendOp::Hkv] +
                          g * strides[AttendOp::G]);
  view.rows = size[row];
  view.rowStride = strides[row];
  view.features = feature ? size[*feature] : 1;
  view.featureStride = feature ? strides[*feature] : 0;
  return view;
}

HeadView Domain::topView(AffineMap map, ArrayRef<int64_t> shape) const {
  HeadView top = view(map, shape.drop_back(), AttendOp::I, std::nullopt);
  int64_t count = shape.back();
  for (SmallVector<int64_t> *offsets : {&top.batch, &top.head})
    for (int64_t &offset : *offsets)
      offset *= count;
  top.rowStride *= count;
  top.features = count;
  top.featureStride = 1;
  return top;
}

//===----------------------------------------------------------------------===//
// Attend
//===----------------------------------------------------------------------===//

/// Global indices (`attend_m2`).
static void readOffsets(Interpreter &state, AttendOp op, const Domain &domain,
                        AttentionProblem &problem) {
  if (op.getOffsets().empty())
    return;
  auto offset = [&](AttendOp::Dim dim) {
    return state.integer(op.getOffsets()[dim]);
  };
  problem.origin.b = offset(AttendOp::B);
  problem.origin.i = offset(AttendOp::I);
  problem.origin.j = offset(AttendOp::J);
  int64_t groupSize = state.integer(op.getWhole()[AttendOp::G]);
  for (int64_t hkv = 0; hkv < domain[AttendOp::Hkv]; ++hkv)
    for (int64_t g = 0; g < domain[AttendOp::G]; ++g)
      problem.globalHead.push_back((hkv + offset(AttendOp::Hkv)) * groupSize +
                                   g + offset(AttendOp::G));
}

static llvm::Error readSink(Interpreter &state, AttendOp op,
                            AttentionProblem &problem) {
  if (!op.getSink())
    return llvm::Error::success();
  const TensorRef &sink = state.tensor(op.getSink());
  if (sink->value.size() != problem.sizes.heads)
    return opError(op, llvm::formatv("sink has {0} logits; it takes one per "
                                     "query head, {1}",
                                     sink->value.size(), problem.sizes.heads));
  for (int64_t h = 0; h < sink->value.size(); ++h)
    problem.sink.push_back(elementAt(*sink, h));
  return llvm::Error::success();
}

static llvm::Error runAttend(Interpreter &state, AttendOp op) {
  AttentionProblem problem;
  std::unique_ptr<PairScore> score = readScoring(state, op, problem);
  problem.score = score.get();
  SmallVector<Value> operands{op.getQuery(), op.getKey(), op.getValue(),
                              op.getOutputInit()};
  for (Value init : {op.getLseInit(), op.getWeightsInit()})
    if (init)
      operands.push_back(init);
  Domain domain;
  for (auto [index, operand] : llvm::enumerate(operands))
    if (auto error = domain.read(op, op.getMap(index),
                                 state.tensor(operand)->value.getShape()))
      return error;
  auto view = [&](unsigned index, unsigned row,
                  std::optional<unsigned> feature) {
    return domain.view(op.getMap(index),
                       state.tensor(operands[index])->value.getShape(), row,
                       feature);
  };
  problem.query = state.tensor(op.getQuery());
  problem.key = state.tensor(op.getKey());
  problem.value = state.tensor(op.getValue());
  problem.queryView = view(0, AttendOp::I, AttendOp::D);
  problem.keyView = view(1, AttendOp::J, AttendOp::D);
  problem.valueView = view(2, AttendOp::J, AttendOp::E);
  problem.outputType = getElementTypeOrSelf(op.getOutput());
  problem.weightsType = op.getWeights() ? getElementTypeOrSelf(op.getWeights())
                                        : problem.accumulator;
  problem.sizes = {domain[AttendOp::B],
                   domain[AttendOp::Hkv] * domain[AttendOp::G],
                   domain[AttendOp::I], domain[AttendOp::J]};
  if (auto error = checkFeatureWeight(state, op, domain[AttendOp::D]))
    return error;
  if (llvm::Error error = readSink(state, op, problem))
    return error;
  readOffsets(state, op, domain, problem);
  AttentionWishes wishes;
  wishes.weights = bool(op.getWeights());
  if (op.getTopKeys()) {
    wishes.top = op.getTopCount();
    wishes.topWeightsType = getElementTypeOrSelf(op.getTopWeights());
    wishes.topKeysType = getElementTypeOrSelf(op.getTopKeys());
  }
  llvm::Expected<AttentionResult> result = attend(problem, wishes);
  if (!result)
    return result.takeError();

  auto store = [&](Value target, unsigned index, const ReferenceResult &source,
                   unsigned row, std::optional<unsigned> feature) {
    ReferenceResult tensor{state.tensor(operands[index])->value, {}};
    scatter(source, {problem.sizes.batches, problem.sizes.heads},
            view(index, row, feature), tensor);
    return state.setTensor(target, std::move(tensor));
  };
  if (auto error =
          store(op.getOutput(), 3, result->output, AttendOp::I, AttendOp::E))
    return error;
  if (op.getLse())
    if (auto error = store(op.getLse(), 4, result->lse, AttendOp::I, {}))
      return error;
  if (op.getWeights())
    if (auto error = store(op.getWeights(), operands.size() - 1,
                           result->weights, AttendOp::I, AttendOp::J))
      return error;
  if (!wishes.top)
    return llvm::Error::success();
  auto storeTop = [&](Value target, Value init, AffineMap map,
                      const ReferenceResult &source) {
    ReferenceResult tensor{state.tensor(init)->value, {}};
    scatter(source, {problem.sizes.batches, problem.sizes.heads},
            domain.topView(map, tensor.value.getShape()), tensor);
    return state.setTensor(target, std::move(tensor));
  };
  unsigned first = operands.size();
  if (auto error = storeTop(op.getTopWeights(), op.getTopWeightsInit(),
                            op.getMap(first), result->topWeights))
    return error;
  return storeTop(op.getTopKeys(), op.getTopKeysInit(), op.getMap(first + 1),
                  result->topKeys);
}

void reference::addAttendHandlers(HandlerTable &table) {
  table.add<AttendOp, runAttend>();
}
