//===- RowStatistics.cpp - What is said of the weights of a row -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bounds are step 7 of `tolerance_m1` in docs/Spec.md: weights are made again
// from scores and LSE.
//
//===----------------------------------------------------------------------===//

#include "AttentionCore.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

static constexpr double infinity = std::numeric_limits<double>::infinity();

static double unitOf(const RowWeights &row) {
  return FloatFormat::get(row.problem.accumulator).unit;
}

/// Largest error of log w = score - LSE.
static double logarithmError(const RowWeights &row, const Scalar &score) {
  return score.bound + row.lse.bound +
         2 * unitOf(row) * (std::fabs(score.real) + std::fabs(row.lse.real));
}

/// The weight of a candidate with its error where it is made from LSE.
static Scalar weightOf(const RowWeights &row, size_t candidate) {
  const Scalar &score = row.candidates[candidate].score;
  double weight = row.weights[candidate].real, unit = unitOf(row);
  switch (row.problem.normalizer) {
  case Normalizer::None:
    return score;
  case Normalizer::Softmax:
    return boundedReal(
        row.problem.accumulator, weight,
        weight * std::expm1(logarithmError(row, score) + 8 * unit) +
            2 * FloatFormat::get(row.problem.accumulator).floor);
  case Normalizer::Sum: {
    double exponent = row.lse.bound + unit * (12 + 2 * std::fabs(row.lse.real));
    return boundedReal(row.problem.accumulator, weight,
                       std::fabs(weight) * std::expm1(exponent) +
                           score.bound * std::exp(exponent - row.lse.real));
  }
  }
  return {};
}

/// -w log w and its error.
static Scalar surpriseOf(const RowWeights &row, size_t candidate) {
  Scalar weight = weightOf(row, candidate);
  if (weight.real == 0)
    return Scalar::ofReal(0, weight.bound == 0
                                 ? 0
                                 : 2 * weight.bound *
                                       (1 + std::fabs(std::log(weight.bound))));
  double logarithm = -std::log(weight.real);
  double value = weight.real * logarithm, own = 4 * unitOf(row);
  double error = own * std::fabs(value);
  if (row.problem.normalizer == Normalizer::Softmax) {
    double off = logarithmError(row, row.candidates[candidate].score);
    return Scalar::ofReal(value,
                          error + weight.bound * (std::fabs(logarithm) + off) +
                              std::fabs(weight.real) * off);
  }
  // The derivative of -w log w is -log w - 1.
  double least = std::max(weight.real - weight.bound, weight.bound);
  double steepest =
      std::max(std::fabs(logarithm), std::fabs(std::log(least))) + 2;
  return Scalar::ofReal(value, error + weight.bound * steepest);
}

Scalar reference::entropyOf(const RowWeights &row) {
  double sum = 0, magnitude = 0, bound = 0;
  for (size_t index = 0; index < row.candidates.size(); ++index) {
    Scalar term = surpriseOf(row, index);
    sum += term.real;
    magnitude += std::fabs(term.real);
    bound += term.bound;
  }
  bound += (row.candidates.size() + 16) * unitOf(row) * magnitude;
  return boundedReal(row.problem.accumulator, sum,
                     row.unsure ? infinity : bound);
}

Scalar reference::receivedFrom(const RowWeights &row, size_t candidate) {
  Scalar weight = weightOf(row, candidate);
  double roundings = (row.problem.sizes.queries + 16) * unitOf(row);
  weight.bound += roundings * std::fabs(weight.real);
  return weight;
}

/// Whether rounding may let one of two scores come before the other.
static bool mayExchange(const Scalar &lhs, const Scalar &rhs) {
  double bound = lhs.bound + rhs.bound;
  return bound > 0 && std::fabs(lhs.real - rhs.real) <= bound;
}

void reference::selectTop(const RowWeights &row, Type weightsType,
                          MutableArrayRef<Scalar> weights,
                          MutableArrayRef<Scalar> keys) {
  auto scoreOf = [&](size_t index) -> const Scalar & {
    return row.candidates[index].score;
  };
  // Without a normaliser NaN is that of its own pair, which has no order.
  bool isAlone = row.problem.normalizer == Normalizer::None;
  SmallVector<size_t> order;
  for (size_t index = 0; index < row.candidates.size(); ++index)
    if (!isAlone || !std::isnan(scoreOf(index).real))
      order.push_back(index);
  bool poisoned = !isAlone && std::isnan(row.lse.real);
  if (!poisoned)
    llvm::sort(order, [&](size_t lhs, size_t rhs) {
      return std::pair(-scoreOf(lhs).real, lhs) <
             std::pair(-scoreOf(rhs).real, rhs);
    });
  // Sorting moves no entry by more than the largest error of any.
  double bound = row.unsure ? infinity : 0;
  for (const Scalar &weight : row.weights)
    bound = std::max(bound, weight.bound);
  double none = row.problem.normalizer == Normalizer::Softmax ? -infinity : 0;
  bool present = true; // No pair so far may be absent.
  for (auto [rank, weight, key] : llvm::enumerate(weights, keys)) {
    bool given = rank < order.size();
    double value = given ? row.weights[order[rank]].real : 0;
    if (poisoned)
      value = std::numeric_limits<double>::quiet_NaN();
    weight = Scalar::ofReal(
        value, bound + FloatFormat::get(weightsType).rounding(value));
    key = Scalar::ofInteger(given ? row.candidates[order[rank]].j : -1);
    if (given)
      present &= std::fabs(scoreOf(order[rank]).real - none) >
                 scoreOf(order[rank]).bound;
    bool certain = present && !poisoned && !row.unsure;
    if (given)
      for (size_t other : order)
        certain &= other == order[rank] ||
                   !mayExchange(scoreOf(other), scoreOf(order[rank]));
    if (!certain)
      key.bound = infinity;
  }
}
