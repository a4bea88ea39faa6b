//===- Scores.cpp - What score modifiers make of a score --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Written from docs/Spec.md alone: the interface by which the compiler emits
// scores is not used here.
//
//===----------------------------------------------------------------------===//

#include "PairRegion.h"

#include "attn/Dialect/Attn/IR/Attn.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

namespace {
/// What all modifiers but regions share.
class BuiltinModifier : public ScoreModifier {
public:
  explicit BuiltinModifier(Operation *op) : op(op) {}

  llvm::Error check(const Extents &sizes, Type) const override {
    return checkSizes(sizes);
  }
  virtual llvm::Error checkSizes(const Extents &sizes) const = 0;

protected:
  Operation *op;
};

/// `score + term` in the accumulator type, which `term` is rounded to.
Scalar sum(Type accumulator, Scalar score, Scalar term) {
  double value = score.real + term.real;
  if (std::isinf(term.real) && term.isExact())
    return Scalar::ofReal(value);
  double own = 0;
  if (std::isfinite(value))
    own = FloatFormat::get(accumulator).unit *
          (std::fabs(term.real) + std::fabs(value));
  return boundedReal(accumulator, value, score.bound + term.bound + own);
}

/// A table with `dims` dimensions, or one for each query head.
llvm::Error checkTables(Operation *op, const ReferenceResult &table,
                        int64_t dims, const Extents &sizes) {
  ArrayRef<int64_t> shape = table.value.getShape();
  if (static_cast<int64_t>(shape.size()) == dims || shape[0] == sizes.heads)
    return llvm::Error::success();
  return opError(op,
                 llvm::formatv("has {0} tables; it takes one per query head, "
                               "{1}",
                               shape[0], sizes.heads));
}

class Softcap : public BuiltinModifier {
public:
  Softcap(Operation *op, Scalar cap) : BuiltinModifier(op), cap(cap) {}

  llvm::Error checkSizes(const Extents &) const override {
    if (cap.real > 0)
      return llvm::Error::success();
    return opError(op, llvm::formatv("has cap {0}, which is not greater than 0",
                                     cap.real));
  }
  llvm::Expected<Scalar> apply(Scalar score, const Pair &,
                               Type accumulator) const override {
    double ratio = score.real / cap.real;
    double bound = score.bound;
    if (std::isfinite(ratio))
      bound += 4 * FloatFormat::get(accumulator).unit *
                   (cap.real + std::fabs(score.real)) +
               cap.bound * (1 + std::fabs(ratio));
    return boundedReal(accumulator, cap.real * std::tanh(ratio), bound);
  }

private:
  Scalar cap;
};

class Alibi : public BuiltinModifier {
public:
  Alibi(Operation *op, TensorRef slopes)
      : BuiltinModifier(op), slopes(std::move(slopes)) {}

  llvm::Error checkSizes(const Extents &sizes) const override {
    if (slopes->value.size() == sizes.heads)
      return llvm::Error::success();
    return opError(op, llvm::formatv("has {0} slopes; it takes one per query "
                                     "head, {1}",
                                     slopes->value.size(), sizes.heads));
  }
  llvm::Expected<Scalar> apply(Scalar score, const Pair &at,
                               Type accumulator) const override {
    Scalar slope = loadElement(*slopes, ArrayRef<int64_t>(at.h));
    double distance = std::abs(at.i - at.j);
    double unit = FloatFormat::get(accumulator).unit;
    double penalty = slope.real * distance;
    double own = std::isfinite(penalty) ? unit * std::fabs(penalty) : 0;
    return sum(accumulator, score, Scalar::ofReal(-penalty, slope.bound * distance + own));
  }

private:
  TensorRef slopes;
};

class RelativeBias : public BuiltinModifier {
public:
  RelativeBias(Operation *op, TensorRef table)
      : BuiltinModifier(op), table(std::move(table)) {}

  llvm::Error checkSizes(const Extents &sizes) const override {
    ArrayRef<int64_t> shape = table->value.getShape();
    if (shape.back() % 2 == 0)
      return opError(op, llvm::formatv("has a table of {0} entries per head; it "
                                       "takes an odd number, 2R + 1",
                                       shape.back()));
    if (shape.size() == 2 && shape.front() != sizes.heads)
      return opError(op, llvm::formatv("has a table of {0} rows; it takes one "
                                       "per query head, {1}",
                                       shape.front(), sizes.heads));
    return llvm::Error::success();
  }
  llvm::Expected<Scalar> apply(Scalar score, const Pair &at,
                               Type accumulator) const override {
    int64_t reach = (table->value.getShape().back() - 1) / 2;
    int64_t entry = std::clamp(at.j - at.i, -reach, reach) + reach;
    return sum(accumulator, score, table->value.getRank() == 2
                          ? loadElement(*table, {at.h, entry})
                          : loadElement(*table, ArrayRef<int64_t>(entry)));
  }

private:
  TensorRef table;
};

class BucketedBias : public BuiltinModifier {
public:
  BucketedBias(ScoreBucketedBiasOp op, TensorRef table)
      : BuiltinModifier(op), causal(op.getCausal()),
        maxDistance(op.getMaxDistance()), table(std::move(table)) {}

  llvm::Error checkSizes(const Extents &sizes) const override {
    return checkTables(op, *table, 1, sizes);
  }
  llvm::Expected<Scalar> apply(Scalar score, const Pair &at,
                               Type accumulator) const override {
    int64_t side = table->value.getShape().back() / (causal ? 1 : 2);
    int64_t bucket = bucketOf(causal ? std::max<int64_t>(at.i - at.j, 0)
                                     : std::abs(at.i - at.j),
                              side);
    if (!causal && at.j > at.i)
      bucket += side;
    return sum(accumulator, score,
               table->value.getRank() == 2
                   ? loadElement(*table, {at.h, bucket})
                   : loadElement(*table, ArrayRef<int64_t>(bucket)));
  }

private:
  int64_t bucketOf(int64_t distance, int64_t side) const {
    int64_t single = side / 2, shared = side - single;
    if (distance < single)
      return distance;
    double growth = std::log(double(distance) / single) /
                    std::log(double(maxDistance) / single);
    // A quotient of logarithms may come out a little below a whole number.
    auto step = static_cast<int64_t>(std::floor(shared * growth + 1e-9));
    return single + std::min(step, shared - 1);
  }

  bool causal;
  int64_t maxDistance;
  TensorRef table;
};

class ImageBias : public BuiltinModifier {
public:
  ImageBias(ScoreImageBiasOp op, TensorRef table)
      : BuiltinModifier(op), width(op.getWidth()), table(std::move(table)) {}

  llvm::Error checkSizes(const Extents &sizes) const override {
    return checkTables(op, *table, 2, sizes);
  }
  llvm::Expected<Scalar> apply(Scalar score, const Pair &at,
                               Type accumulator) const override {
    ArrayRef<int64_t> shape = table->value.getShape().take_back(2);
    auto entry = [](int64_t difference, int64_t size) {
      int64_t reach = size / 2;
      return std::clamp(difference, -reach, reach) + reach;
    };
    SmallVector<int64_t> position{entry(at.j / width - at.i / width, shape[0]),
                                  entry(at.j % width - at.i % width, shape[1])};
    if (table->value.getRank() == 3)
      position.insert(position.begin(), at.h);
    return sum(accumulator, score,
               loadElement(*table, ArrayRef<int64_t>(position)));
  }

private:
  int64_t width;
  TensorRef table;
};

class Sigmoid : public BuiltinModifier {
public:
  using BuiltinModifier::BuiltinModifier;

  llvm::Error checkSizes(const Extents &) const override {
    return llvm::Error::success();
  }
  llvm::Expected<Scalar> apply(Scalar score, const Pair &,
                               Type accumulator) const override {
    double value = 1 / (1 + std::exp(-score.real));
    double unit = FloatFormat::get(accumulator).unit;
    // The logarithm of the value moves no further than the score does.
    double bound = std::min(score.bound / 4,
                            value * std::expm1(std::min(score.bound, 700.0)));
    return boundedReal(accumulator, value,
                       bound + 12 * unit * value +
                           FloatFormat::get(accumulator).floor);
  }
};

class Relu : public BuiltinModifier {
public:
  using BuiltinModifier::BuiltinModifier;

  llvm::Error checkSizes(const Extents &) const override {
    return llvm::Error::success();
  }
  llvm::Expected<Scalar> apply(Scalar score, const Pair &,
                               Type) const override {
    if (std::isnan(score.real))
      return score;
    bool surelyNegative = score.real + score.bound < 0;
    return Scalar::ofReal(std::max(score.real, 0.0),
                          surelyNegative ? 0 : score.bound);
  }
};

class DenseBias : public BuiltinModifier {
public:
  DenseBias(ScoreBiasOp op, TensorRef bias)
      : BuiltinModifier(op), operand(op.getBias()), bias(std::move(bias)) {}

  llvm::Error checkSizes(const Extents &sizes) const override {
    return checkBroadcast(op, operand, *bias, sizes);
  }
  llvm::Expected<Scalar> apply(Scalar score, const Pair &at,
                               Type accumulator) const override {
    return sum(accumulator, score, loadBroadcast(operand, *bias, at));
  }

private:
  Value operand;
  TensorRef bias;
};
} // namespace

static llvm::Error setModifier(Interpreter &state, Operation *op,
                               ScoreModifierRef modifier) {
  state.set(op->getResult(0), std::move(modifier));
  return llvm::Error::success();
}

static llvm::Error runSoftcap(Interpreter &state, ScoreSoftcapOp op) {
  return setModifier(state, op,
                     std::make_shared<Softcap>(op, state.scalar(op.getCap())));
}

static llvm::Error runAlibi(Interpreter &state, ScoreAlibiOp op) {
  return setModifier(
      state, op, std::make_shared<Alibi>(op, state.tensor(op.getSlopes())));
}

template <typename OpTy, typename ModifierTy>
static llvm::Error runTable(Interpreter &state, OpTy op) {
  return setModifier(
      state, op, std::make_shared<ModifierTy>(op, state.tensor(op.getTable())));
}

template <typename OpTy, typename ModifierTy>
static llvm::Error runFunction(Interpreter &state, OpTy op) {
  return setModifier(state, op, std::make_shared<ModifierTy>(op));
}

static llvm::Error runBias(Interpreter &state, ScoreBiasOp op) {
  return setModifier(
      state, op, std::make_shared<DenseBias>(op, state.tensor(op.getBias())));
}

static llvm::Error runMap(Interpreter &state, ScoreMapOp op) {
  SmallVector<RuntimeValue> captures;
  for (Value captured : op.getCaptured())
    captures.push_back(state.get(captured));
  return setModifier(state, op, makeRegionModifier(*op.getBody(), captures));
}

void reference::addScoreHandlers(HandlerTable &table) {
  table.add<ScoreSoftcapOp, runSoftcap>();
  table.add<ScoreAlibiOp, runAlibi>();
  table.add<ScoreRelativeBiasOp, runTable<ScoreRelativeBiasOp, RelativeBias>>();
  table.add<ScoreBucketedBiasOp, runTable<ScoreBucketedBiasOp, BucketedBias>>();
  table.add<ScoreImageBiasOp, runTable<ScoreImageBiasOp, ImageBias>>();
  table.add<ScoreSigmoidOp, runFunction<ScoreSigmoidOp, Sigmoid>>();
  table.add<ScoreReluOp, runFunction<ScoreReluOp, Relu>>();
  table.add<ScoreBiasOp, runBias>();
  table.add<ScoreMapOp, runMap>();
}
