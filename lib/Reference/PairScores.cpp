//===- PairScores.cpp - How a query and a key give a score ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Errors are step 1 of `tolerance_m1` in docs/Spec.md.
//
//===----------------------------------------------------------------------===//

#include "PairScores.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

static constexpr double infinity = std::numeric_limits<double>::infinity();

static double boundOf(const double *bounds, int64_t feature) {
  return bounds ? bounds[feature] : 0;
}

/// A score whose own error is `own`, on top of `inherited`, and whose sums
/// reach `magnitude`: where that leaves the accumulator's range anything may
/// come.
static Scalar finish(Type accumulator, double value, double own,
                     double inherited, double magnitude) {
  if (!std::isfinite(value))
    return Scalar::ofReal(value, inherited > 0 ? infinity : 0);
  if (!(magnitude <= FloatFormat::get(accumulator).largest))
    return Scalar::ofReal(value, infinity);
  return boundedReal(accumulator, value, own + inherited);
}

/// What `terms` terms, their sum and a scale lose beside their relative errors
/// where they are subnormal, as what may be zero is. Where all terms are 0, so
/// is the sum.
static double underflowOf(Type accumulator, int64_t terms, double steepness,
                          double magnitude) {
  bool isZero = magnitude == 0 || steepness == 0;
  return isZero ? 0
                : (terms + 8) * FloatFormat::get(accumulator).floor *
                      std::max(1.0, steepness);
}

/// What a dot product loses where the scale, folded into an operand, makes that
/// subnormal.
static double scalingError(Type accumulator, const RowPair &pair,
                           double steepness) {
  double normal = accumulator.isF64() ? std::numeric_limits<double>::min()
                                      : std::numeric_limits<float>::min();
  double floor = FloatFormat::get(accumulator).floor, error = 0;
  auto lost = [&](double operand) {
    double scaled = steepness * std::fabs(operand);
    return scaled < normal ? std::min(scaled, floor) : 0;
  };
  for (int64_t d = 0; d < pair.features; ++d)
    error += std::fabs(pair.query[d]) * lost(pair.key[d]) +
             std::fabs(pair.key[d]) * lost(pair.query[d]);
  return error;
}

/// By how much sums of products of f16 or bf16 change where what is subnormal
/// in f32 counts as zero.
static double flushingOf(const RowPair &pair) {
  double error = 0;
  for (int64_t d = 0; d < pair.features; ++d)
    error += flushingError(pair.query[d], pair.key[d]);
  return error;
}

Scalar DotScore::compute(const RowPair &pair) const {
  double sum = 0, magnitude = 0, inherited = 0;
  for (int64_t d = 0; d < pair.features; ++d) {
    double product = pair.query[d] * pair.key[d];
    sum += product;
    magnitude += std::fabs(product);
  }
  if (pair.queryBound || pair.keyBound)
    for (int64_t d = 0; d < pair.features; ++d) {
      double query = boundOf(pair.queryBound, d),
             key = boundOf(pair.keyBound, d);
      inherited += std::fabs(pair.query[d]) * key +
                   std::fabs(pair.key[d]) * query + query * key;
    }
  Type accumulator = getAccumulatorType(element);
  double steepness = std::fabs(scale);
  double unit = FloatFormat::get(accumulator).unit;
  double own = steepness * (pair.features + 8) * unit * magnitude +
               underflowOf(accumulator, pair.features, steepness, magnitude) +
               scalingError(accumulator, pair, steepness);
  if (element.getIntOrFloatBitWidth() == 16)
    own += steepness * flushingOf(pair);
  return finish(accumulator, scale * sum, own, steepness * inherited,
                std::max(1.0, steepness) * magnitude);
}

Scalar AdditiveScore::compute(const RowPair &pair) const {
  double unit = FloatFormat::get(accumulator).unit;
  double sum = 0, magnitude = 0, own = 0, inherited = 0;
  for (int64_t d = 0; d < pair.features; ++d) {
    Scalar factor = elementAt(*weight, d);
    double steepness = std::fabs(factor.real);
    double squashed = std::tanh(pair.query[d] + pair.key[d]);
    sum += factor.real * squashed;
    magnitude += std::fabs(factor.real * squashed);
    double arguments = std::fabs(pair.query[d]) + std::fabs(pair.key[d]);
    // An argument in which tanh has saturated moves it no further than this.
    own += steepness * unit * (8 + 2 * std::min(arguments, 32.0));
    inherited +=
        steepness * (boundOf(pair.queryBound, d) + boundOf(pair.keyBound, d)) +
        factor.bound;
  }
  own += (pair.features + 8) * unit * magnitude;
  double steepness = std::fabs(scale);
  double underflow =
      underflowOf(accumulator, pair.features, steepness, magnitude);
  return finish(accumulator, scale * sum, steepness * own + underflow,
                steepness * inherited, std::max(1.0, steepness) * magnitude);
}

namespace {
/// A squared distance.
struct Distance {
  double square = 0;    ///< sum (q - k)^2
  double magnitude = 0; ///< sum (|q| + |k|)^2
  double inherited = 0; ///< From the errors of q and k.
};
} // namespace

static Distance distanceOf(const RowPair &pair) {
  Distance result;
  for (int64_t d = 0; d < pair.features; ++d) {
    double difference = pair.query[d] - pair.key[d];
    double reach = std::fabs(pair.query[d]) + std::fabs(pair.key[d]);
    double error = boundOf(pair.queryBound, d) + boundOf(pair.keyBound, d);
    result.square += difference * difference;
    result.magnitude += reach * reach;
    result.inherited += (2 * std::fabs(difference) + error) * error;
  }
  return result;
}

static const Scalar &ofHead(ArrayRef<Scalar> values, int64_t head) {
  return values[values.size() == 1 ? 0 : head];
}

Scalar DistanceScore::compute(const RowPair &pair) const {
  Distance distance = distanceOf(pair);
  const Scalar &scale = ofHead(scales, pair.head);
  double steepness = std::fabs(scale.real);
  double unit = FloatFormat::get(accumulator).unit;
  double own =
      (pair.features + 8) * unit * steepness * distance.magnitude +
      underflowOf(accumulator, pair.features, steepness, distance.magnitude);
  return finish(accumulator, -scale.real * distance.square, own,
                steepness * distance.inherited + scale.bound * distance.square,
                std::max(1.0, steepness) * distance.magnitude);
}

static double evaluateKernel(RegressionKernel kernel, double u) {
  switch (kernel) {
  case RegressionKernel::Gaussian:
    return std::exp(-u * u / 2);
  case RegressionKernel::Boxcar:
    return u < 1 ? 1 : 0;
  case RegressionKernel::Epanechnikov:
    return std::max(0.0, 1 - u * u);
  case RegressionKernel::Triangular:
    return std::max(0.0, 1 - u);
  case RegressionKernel::Constant:
    return 1;
  case RegressionKernel::Custom:
    return u;
  }
  return 0;
}

Scalar KernelWeight::compute(const RowPair &pair) const {
  if (kernel == RegressionKernel::Constant)
    return Scalar::ofReal(1);
  Distance distance = distanceOf(pair);
  const Scalar &bandwidth = ofHead(bandwidths, pair.head);
  double unit = FloatFormat::get(accumulator).unit;
  double u = std::sqrt(distance.square) / bandwidth.real;
  if (!std::isfinite(u))
    return Scalar::ofReal(
        std::isnan(u) || kernel == RegressionKernel::Custom ? u : 0);
  if (!(distance.magnitude <= FloatFormat::get(accumulator).largest))
    return Scalar::ofReal(evaluateKernel(kernel, u), infinity);
  // Differences first: the expanded form would lose what lies near u = 0.
  double square = (pair.features + 8) * unit * distance.square +
                  underflowOf(accumulator, pair.features, 1, distance.square) +
                  distance.inherited;
  double relative = bandwidth.bound / bandwidth.real + 4 * unit;
  double nearest = std::sqrt(std::max(0.0, distance.square - square));
  double farthest = std::sqrt(distance.square + square);
  double low = nearest / bandwidth.real * (1 - relative);
  double high = farthest / bandwidth.real * (1 + relative);
  double value = evaluateKernel(kernel, u);
  double bound = std::max(std::fabs(evaluateKernel(kernel, low) - value),
                          std::fabs(evaluateKernel(kernel, high) - value));
  // 1 - u and 1 - u^2 round at the size of 1.
  if (kernel != RegressionKernel::Boxcar && value != 0)
    bound += 4 * unit;
  return Scalar::ofReal(value, bound);
}
