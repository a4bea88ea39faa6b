//===- RowNormalizer.cpp - From scores to output, with bounds ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The numbered steps are those of `tolerance_m1` in docs/Spec.md.
//
//===----------------------------------------------------------------------===//

#include "AttentionCore.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

static constexpr double infinity = std::numeric_limits<double>::infinity();
static constexpr double quietNaN = std::numeric_limits<double>::quiet_NaN();

namespace {
/// A pair's weight before division by the sum, and its largest error.
struct Weight {
  double value, error;
};

/// Sums over one feature of the values; the largest with its error.
struct FeatureSum {
  double value = 0, magnitude = 0, error = 0, largest = 0, total = 0;
  /// An infinite value may meet a weight that underflows, or a sum over some of
  /// the keys leave the range.
  bool hazard = false;
};

class RowNormalizer {
public:
  RowNormalizer(const AttentionProblem &problem, const RowInput &input,
                const Rows &values)
      : problem(problem), input(input), values(values),
        format(FloatFormat::get(problem.accumulator)),
        sumRoundings((input.candidates.size() + 16) * format.unit) {}

  void run(bool wantWeights, RowOutput &result);

private:
  bool isPoisoned() const;
  void findWeights();
  void findSoftmaxWeights();
  void fill(double value, double bound, RowOutput &result);
  void storeOutput(RowOutput &result);
  void storeWeights(RowOutput &result);
  std::vector<FeatureSum> sumFeatures() const;
  double largestPartialSum(int64_t feature) const;
  Scalar divide(const FeatureSum &sums) const;
  Scalar findLse() const;
  Scalar findWeight(const Weight &weight) const;

  bool normalizes() const { return problem.normalizer != Normalizer::None; }
  double getWeightRounding() const;
  double getVanishing() const;
  double getSubnormalRounding() const;
  double getRoundingOfScores(double largest) const;
  double getWeightFloor() const;
  /// Largest relative error of the sum of weights; 1 or more says nothing.
  double relativeError() const { return sumError / std::fabs(sum); }

  const AttentionProblem &problem;
  const RowInput &input;
  const Rows &values;
  FloatFormat format;
  double sumRoundings;
  std::vector<Weight> weights;
  double maximum = 0, sum = 0, sumError = 0, largestExponentError = 0;
  bool cancels = false; ///< Weights have both signs: no convex combination.
};
} // namespace

/// Whether a NaN or a score of +inf makes the row NaN (`attention_m10`).
bool RowNormalizer::isPoisoned() const {
  auto poisons = [&](double score) {
    return std::isnan(score) ||
           (problem.normalizer == Normalizer::Softmax && score == infinity);
  };
  if (input.sink && poisons(input.sink->real))
    return true;
  return llvm::any_of(input.candidates, [&](const Candidate &candidate) {
    return poisons(candidate.score.real);
  });
}

/// Step 3.
void RowNormalizer::findSoftmaxWeights() {
  bool hasSink = input.sink && input.sink->real != -infinity;
  maximum = hasSink ? input.sink->real : -infinity;
  for (const Candidate &candidate : input.candidates)
    maximum = std::max(maximum, candidate.score.real);
  auto weigh = [&](Scalar score) {
    double distance = score.real - maximum, value = std::exp(distance);
    double exponent =
        score.bound +
        2 * format.unit * (std::fabs(score.real) + std::fabs(maximum)) +
        8 * format.unit;
    largestExponentError = std::max(largestExponentError, exponent);
    double error = exponent < 1 ? value * std::expm1(exponent)
                                : std::exp(distance + exponent) - value;
    return Weight{value, error + format.floor};
  };
  for (const Candidate &candidate : input.candidates)
    weights.push_back(weigh(candidate.score));
  if (hasSink) {
    Weight weight = weigh(*input.sink);
    sum += weight.value;
    sumError += weight.error;
  }
}

void RowNormalizer::findWeights() {
  if (problem.normalizer == Normalizer::Softmax)
    findSoftmaxWeights();
  else
    for (const Candidate &candidate : input.candidates)
      weights.push_back({candidate.score.real, candidate.score.bound});
  double magnitude = 0;
  for (const Weight &weight : weights) {
    sum += weight.value;
    sumError += weight.error;
    magnitude += std::fabs(weight.value);
  }
  cancels = magnitude > std::fabs(sum);
  if (cancels && problem.normalizer == Normalizer::Sum)
    sumError += sumRoundings * magnitude;
}

void RowNormalizer::fill(double value, double bound, RowOutput &result) {
  llvm::fill(result.output, value);
  llvm::fill(result.outputBound, bound);
  for (Scalar &weight : result.weights)
    weight = Scalar::ofReal(value, bound);
}

std::vector<FeatureSum> RowNormalizer::sumFeatures() const {
  std::vector<FeatureSum> sums(values.features);
  for (auto [candidate, weight] : llvm::zip_equal(input.candidates, weights)) {
    const double *row = values.row(candidate.j);
    const double *bounds = values.rowBounds(candidate.j);
    // Far above where the weight underflows; exponents may be off as well.
    bool mayUnderflow = !(weight.value > 1e-30);
    for (int64_t feature = 0; feature < values.features; ++feature) {
      FeatureSum &sum = sums[feature];
      double magnitude = std::fabs(row[feature]);
      sum.value += weight.value * row[feature];
      sum.magnitude += std::fabs(weight.value) * magnitude;
      sum.error += weight.error * magnitude;
      sum.largest =
          std::max(sum.largest, magnitude + (bounds ? bounds[feature] : 0));
      sum.total += magnitude;
      if (bounds)
        sum.error += weight.value * bounds[feature];
      if (mayUnderflow)
        sum.hazard |= std::isinf(magnitude);
    }
  }
  if (problem.normalizer == Normalizer::Softmax)
    for (auto [feature, sum] : llvm::enumerate(sums))
      if (sum.total > format.largest && std::isfinite(sum.total))
        sum.hazard |= largestPartialSum(feature) > format.largest;
  return sums;
}

/// The largest sum of magnitudes over some of the keys, relative to the largest
/// score of these, as a running maximum makes it: that over all keys whose
/// scores are at most that of one.
double RowNormalizer::largestPartialSum(int64_t feature) const {
  auto order = llvm::to_vector(llvm::make_pointer_range(input.candidates));
  llvm::sort(order, [](const Candidate *lhs, const Candidate *rhs) {
    return lhs->score.real < rhs->score.real;
  });
  double before = -infinity, sum = 0, largest = 0;
  for (const Candidate *candidate : order) {
    double score = candidate->score.real;
    if (score == -infinity)
      continue;
    sum = sum * std::exp(before - score) +
          std::fabs(values.row(candidate->j)[feature]);
    largest = std::max(largest, sum);
    before = score;
  }
  return largest;
}

/// Softmax weights of 16 bits may be rounded to them before they multiply
/// values.
double RowNormalizer::getWeightRounding() const {
  bool rounds = problem.normalizer == Normalizer::Softmax &&
                problem.outputType.getIntOrFloatBitWidth() == 16;
  return rounds ? FloatFormat::get(problem.outputType).unit : 0;
}

/// Softmax weights and their products below this part of the largest weight may
/// count as zero: 2^x does from x = -125.5 on, beside a maximum that is up to 4
/// above the largest score.
double RowNormalizer::getVanishing() const {
  bool vanishes =
      problem.normalizer == Normalizer::Softmax && !problem.accumulator.isF64();
  return vanishes ? 0x1p-121 : 0;
}

/// Weights and products of f64 that are subnormal are rounded to multiples of
/// 2^-1074, by compiled functions relative to a maximum that is up to 4 above:
/// what that moves a weight by, or the output by for each.
double RowNormalizer::getSubnormalRounding() const {
  if (!problem.accumulator.isF64())
    return 0;
  double divisor = normalizes() ? std::min(std::fabs(sum), 1.0) : 1;
  return 0x1p-1069 / divisor;
}

/// The absolute amount by which rounding changes a small weight.
double RowNormalizer::getWeightFloor() const {
  return getWeightRounding() > 0 ? FloatFormat::get(problem.outputType).floor
                                 : 0;
}

/// What absolute roundings of weights move the output by, which those to f16
/// of weights that are scores do where their sum is not too small for it.
double RowNormalizer::getRoundingOfScores(double largest) const {
  if (problem.normalizer == Normalizer::Softmax || !problem.outputType.isF16())
    return 0;
  double divisor = normalizes() ? std::max(std::fabs(sum), 0x1p-6) : 1;
  return weights.size() * 0x1p-25 * largest / divisor;
}

/// Steps 4 and 5.
Scalar RowNormalizer::divide(const FeatureSum &sums) const {
  double value = normalizes() ? sums.value / sum : sums.value;
  if (sums.hazard)
    return Scalar::ofReal(value, infinity);
  if (!std::isfinite(value))
    return Scalar::ofReal(value);
  if (sums.magnitude > format.largest)
    return Scalar::ofReal(value, infinity);
  double storing = FloatFormat::get(problem.outputType).rounding(value) +
                   weights.size() * getSubnormalRounding() +
                   getRoundingOfScores(sums.largest);
  if (!normalizes())
    return Scalar::ofReal(value,
                          sums.error + sumRoundings * sums.magnitude + storing);
  double relative = relativeError(), weightRounding = getWeightRounding();
  double bound = infinity;
  if (relative < 1)
    bound =
        (sums.error + std::fabs(value) * sumError) /
            (std::fabs(sum) * (1 - relative)) +
        sumRoundings * (sums.magnitude / std::fabs(sum) + std::fabs(value)) +
        weightRounding * sums.magnitude / std::fabs(sum);
  // A convex combination, whatever the weights.
  if (!cancels)
    bound = std::min(bound, (std::fabs(value) + sums.largest) *
                                (1 + sumRoundings + weightRounding));
  if (double vanishing = getVanishing())
    bound += weights.size() *
             (vanishing + std::max(vanishing, getWeightFloor()) * sums.largest);
  return boundedReal(problem.accumulator, value, bound + storing);
}

/// Step 6. The logarithm of the sum moves by no more than the largest exponent.
Scalar RowNormalizer::findLse() const {
  if (sum < 0)
    return Scalar::ofReal(quietNaN, relativeError() < 1 ? 0 : infinity);
  double logarithm = std::log(sum), relative = relativeError();
  double bound = relative < 0.5 ? -std::log1p(-relative) : infinity;
  if (problem.normalizer == Normalizer::Softmax)
    bound = std::min(bound, largestExponentError);
  bound += sumRoundings +
           4 * format.unit * (std::fabs(maximum) + std::fabs(logarithm));
  return boundedReal(problem.accumulator, maximum + logarithm, bound);
}

Scalar RowNormalizer::findWeight(const Weight &weight) const {
  FloatFormat stored = FloatFormat::get(problem.weightsType);
  if (std::isnan(weight.value))
    return Scalar::ofReal(quietNaN);
  if (!normalizes())
    return Scalar::ofReal(weight.value,
                          weight.error + stored.rounding(weight.value));
  double value = weight.value / sum, relative = relativeError();
  double bound = cancels ? infinity : 1 + std::fabs(value);
  if (relative < 1)
    bound = std::min(
        bound, (weight.error / std::fabs(sum) + std::fabs(value) * relative) /
                       (1 - relative) +
                   std::fabs(value) * sumRoundings + getVanishing() +
                   getSubnormalRounding());
  return Scalar::ofReal(value, bound + stored.rounding(value));
}

void RowNormalizer::storeOutput(RowOutput &result) {
  for (auto [feature, sums] : llvm::enumerate(sumFeatures())) {
    Scalar value = divide(sums);
    result.output[feature] = value.real;
    result.outputBound[feature] = input.unsure ? infinity : value.bound;
  }
}

/// Those that `result` has room for.
void RowNormalizer::storeWeights(RowOutput &result) {
  if (!result.weights.empty())
    for (auto [slot, weight] : llvm::zip_equal(result.weights, weights))
      slot = findWeight(weight);
}

void RowNormalizer::run(bool wantWeights, RowOutput &result) {
  if (wantWeights)
    result.weights.resize(input.candidates.size());
  double bound = input.unsure ? infinity : 0;
  findWeights();
  if (isPoisoned()) {
    result.lse = Scalar::ofReal(quietNaN, bound);
    fill(quietNaN, bound, result);
    if (!normalizes())
      storeWeights(result);
    return;
  }
  if (normalizes() && sum == 0) {
    double empty = sumError > 0 ? infinity : bound;
    result.lse = Scalar::ofReal(-infinity, empty);
    return fill(0, empty, result);
  }
  storeOutput(result);
  storeWeights(result);
  if (normalizes())
    result.lse = findLse();
  if (input.unsure)
    result.lse.bound = infinity;
}

void reference::normalizeRow(const AttentionProblem &problem,
                             const RowInput &input, const Rows &values,
                             bool wantWeights, RowOutput &result) {
  RowNormalizer(problem, input, values).run(wantWeights, result);
}
