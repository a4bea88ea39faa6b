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

namespace {
/// One attend op: its problem is read from tensors, its results go into
/// tensors.
class AttendRun {
public:
  AttendRun(Interpreter &state, AttendOp op)
      : state(state), op(op), score(readScoring(state, op, problem)) {
    problem.score = score.get();
  }

  llvm::Error run();

private:
  llvm::Error readDomain();
  void readTensors();
  AttentionWishes readWishes();
  llvm::Error storeResults(const AttentionResult &result);

  HeadView view(unsigned index, unsigned row, std::optional<unsigned> feature) {
    return domain.view(op.getMap(index),
                       state.tensor(operands[index])->value.getShape(), row,
                       feature);
  }
  llvm::Error scatterInto(Value target, Value init,
                          const ReferenceResult &source, const HeadView &place);
  /// Stores a result whose init is operand `index`.
  llvm::Error store(Value target, unsigned index, const ReferenceResult &source,
                    std::optional<unsigned> feature) {
    return scatterInto(target, operands[index], source,
                       view(index, AttendOp::I, feature));
  }
  llvm::Error storeTop(Value target, Value init, AffineMap map,
                       const ReferenceResult &source) {
    return scatterInto(
        target, init, source,
        domain.topView(map, state.tensor(init)->value.getShape()));
  }

  Interpreter &state;
  AttendOp op;
  AttentionProblem problem;
  std::unique_ptr<PairScore> score;
  /// Those that a map describes, but those of the top weights.
  SmallVector<Value> operands;
  Domain domain;
};
} // namespace

llvm::Error AttendRun::readDomain() {
  operands = {op.getQuery(), op.getKey(), op.getValue(), op.getOutputInit()};
  for (Value init : {op.getLseInit(), op.getWeightsInit()})
    if (init)
      operands.push_back(init);
  for (auto [index, operand] : llvm::enumerate(operands))
    if (auto error = domain.read(op, op.getMap(index),
                                 state.tensor(operand)->value.getShape()))
      return error;
  return llvm::Error::success();
}

void AttendRun::readTensors() {
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
}

AttentionWishes AttendRun::readWishes() {
  AttentionWishes wishes;
  wishes.weights = bool(op.getWeights());
  if (op.getTopKeys()) {
    wishes.top = op.getTopCount();
    wishes.topWeightsType = getElementTypeOrSelf(op.getTopWeights());
    wishes.topKeysType = getElementTypeOrSelf(op.getTopKeys());
  }
  return wishes;
}

llvm::Error AttendRun::scatterInto(Value target, Value init,
                                   const ReferenceResult &source,
                                   const HeadView &place) {
  ReferenceResult tensor{state.tensor(init)->value, {}};
  scatter(source, {problem.sizes.batches, problem.sizes.heads}, place, tensor);
  return state.setTensor(target, std::move(tensor));
}

llvm::Error AttendRun::storeResults(const AttentionResult &result) {
  if (auto error = store(op.getOutput(), 3, result.output, AttendOp::E))
    return error;
  if (op.getLse())
    if (auto error = store(op.getLse(), 4, result.lse, {}))
      return error;
  unsigned end = operands.size();
  if (op.getWeights())
    if (auto error =
            store(op.getWeights(), end - 1, result.weights, AttendOp::J))
      return error;
  if (!op.getTopKeys())
    return llvm::Error::success();
  if (auto error = storeTop(op.getTopWeights(), op.getTopWeightsInit(),
                            op.getMap(end), result.topWeights))
    return error;
  return storeTop(op.getTopKeys(), op.getTopKeysInit(), op.getMap(end + 1),
                  result.topKeys);
}

llvm::Error AttendRun::run() {
  if (auto error = readDomain())
    return error;
  readTensors();
  if (auto error = checkFeatureWeight(state, op, domain[AttendOp::D]))
    return error;
  if (auto error = readSink(state, op, problem))
    return error;
  readOffsets(state, op, domain, problem);
  llvm::Expected<AttentionResult> result = attend(problem, readWishes());
  return result ? storeResults(*result) : result.takeError();
}

static llvm::Error runAttend(Interpreter &state, AttendOp op) {
  return AttendRun(state, op).run();
}

void reference::addAttendHandlers(HandlerTable &table) {
  table.add<AttendOp, runAttend>();
}
