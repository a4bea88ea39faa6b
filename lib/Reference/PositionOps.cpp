//===- PositionOps.cpp - Sinusoidal table, rotary embedding -----*- C++ -*-===//
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

namespace {
/// Sine and cosine of position / base^(2 pair / dim), and their largest error
/// where the angle is computed in `accumulator`.
struct Rotation {
  double sine = 0, cosine = 1, error = 0;

  Rotation(double position, int64_t pair, int64_t dim, double base,
           Type accumulator) {
    double exponent = 2.0 * pair / dim;
    // The power is off by a few units and by those of its exponent's logarithm.
    set(position / std::pow(base, exponent),
        4 + 3 * std::fabs(std::log(base)) * exponent, accumulator);
  }
  /// By an angle that is off by `relative` units.
  Rotation(double angle, double relative, Type accumulator) {
    set(angle, relative, accumulator);
  }
  void scale(double factor) {
    sine *= factor;
    cosine *= factor;
    error *= std::fabs(factor);
  }

private:
  void set(double angle, double relative, Type accumulator) {
    sine = std::sin(angle);
    cosine = std::cos(angle);
    error = FloatFormat::get(accumulator).unit *
            (relative * std::fabs(angle) + 4);
  }
};
} // namespace

static llvm::Error runSinusoid(Interpreter &state, SinusoidOp op) {
  SmallVector<int64_t> shape(
      cast<RankedTensorType>(op.getType()).getShape());
  if (op.getLength())
    shape[0] = state.integer(op.getLength());
  Type type = getElementTypeOrSelf(op.getType());
  llvm::Expected<ReferenceResult> result = makeTensor(op, type, shape);
  if (!result)
    return result.takeError();
  double base = op.getBase().convertToDouble();
  FloatFormat stored = FloatFormat::get(type);
  int64_t dim = shape[1];
  for (int64_t index = 0; index < result->value.size(); ++index) {
    int64_t feature = index % dim;
    Rotation turn(index / dim, feature / 2, dim, base,
                  getAccumulatorType(type));
    double value = feature % 2 == 0 ? turn.sine : turn.cosine;
    setElement(*result, index,
               Scalar::ofReal(value, std::min(turn.error, 2.0) +
                                         stored.rounding(value)));
  }
  return state.setTensor(op.getResult(), std::move(*result));
}

/// Positions are (length) or (batch, length), the batch being the first
/// dimension of the input (`rotary_c4`).
static llvm::Error checkPositions(RotaryOp op, const ReferenceResult &positions,
                                  ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> given = positions.value.getShape();
  int64_t rows = shape[shape.size() - 2];
  if (given.back() != rows)
    return opError(op, llvm::formatv("has {0} positions for {1} rows; they must "
                                     "be equal",
                                     given.back(), rows));
  if (given.size() == 2 && given[0] != shape[0])
    return opError(op, llvm::formatv("has positions of {0} batches, input has "
                                     "{1}; they must be equal",
                                     given[0], shape[0]));
  return llvm::Error::success();
}

/// One turned feature: `kept * cosine + turned * sine`.
static Scalar turn(Type type, Scalar kept, Scalar turned, double sine,
                   const Rotation &rotation) {
  double value = kept.real * rotation.cosine + turned.real * sine;
  double inherited = kept.bound + turned.bound;
  if (!std::isfinite(value))
    return boundedReal(type, value, inherited);
  double magnitude = std::fabs(kept.real) + std::fabs(turned.real);
  double unit = FloatFormat::get(getAccumulatorType(type)).unit;
  return boundedReal(type, value,
                     inherited + magnitude * (rotation.error + 3 * unit) +
                         FloatFormat::get(type).rounding(value));
}

/// `rotary_m1`, `rotary_m4` and `rotary_m5`.
static Rotation rotationOf(RotaryOp op, double position, int64_t pair,
                           int64_t dim, const TensorRef &frequencies) {
  Type accumulator = getAccumulatorType(getElementTypeOrSelf(op.getInput()));
  Rotation rotation(position, pair, dim, op.getBase().convertToDouble(),
                    accumulator);
  if (frequencies) {
    Scalar frequency = elementAt(*frequencies, pair);
    rotation = Rotation(position * frequency.real, /*relative=*/4, accumulator);
    rotation.error += std::fabs(position) * frequency.bound;
  }
  rotation.scale(op.getMagnitude().convertToDouble());
  return rotation;
}

static llvm::Error runRotary(Interpreter &state, RotaryOp op) {
  const TensorRef &input = state.tensor(op.getInput());
  ArrayRef<int64_t> shape = input->value.getShape();
  int64_t dim = shape.back(), rows = shape[shape.size() - 2];
  if (dim % 2 != 0)
    return opError(op, llvm::formatv("head size {0} is not even", dim));
  TensorRef positions;
  if (op.getPositions()) {
    positions = state.tensor(op.getPositions());
    if (llvm::Error error = checkPositions(op, *positions, shape))
      return error;
  }
  TensorRef frequencies;
  if (op.getFrequencies()) {
    frequencies = state.tensor(op.getFrequencies());
    if (frequencies->value.size() != dim / 2)
      return opError(op,
                     llvm::formatv("has {0} frequencies for {1} pairs; they "
                                   "must be equal",
                                   frequencies->value.size(), dim / 2));
  }
  ReferenceResult result{Tensor(input->value.getElementType(), shape), {}};
  Type type = input->value.getElementType();
  int64_t half = dim / 2, lines = dim ? input->value.size() / dim : 0;
  int64_t linesPerBatch = shape[0] ? lines / shape[0] : 0;
  for (int64_t line = 0; line < lines; ++line) {
    int64_t row = line % rows;
    Scalar position = Scalar::ofInteger(row);
    if (positions)
      position = positions->value.getRank() == 2
                     ? loadElement(*positions, {line / linesPerBatch, row})
                     : loadElement(*positions, ArrayRef<int64_t>(row));
    for (int64_t pair = 0; pair < half; ++pair) {
      bool interleaved = op.getInterleaved();
      int64_t first = line * dim + (interleaved ? 2 * pair : pair);
      int64_t second = interleaved ? first + 1 : first + half;
      Rotation rotation =
          rotationOf(op, position.integer, pair, dim, frequencies);
      if (!position.isExact())
        rotation.error = std::numeric_limits<double>::infinity();
      Scalar x = elementAt(*input, first), y = elementAt(*input, second);
      setElement(result, first, turn(type, x, y, -rotation.sine, rotation));
      setElement(result, second, turn(type, y, x, rotation.sine, rotation));
    }
  }
  return state.setTensor(op.getResult(), std::move(result));
}

void reference::addPositionHandlers(HandlerTable &table) {
  table.add<SinusoidOp, runSinusoid>();
  table.add<RotaryOp, runRotary>();
}
