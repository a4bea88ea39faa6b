//===- TileRow.h - Running values of one query ------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_TILEROW_H
#define ATTN_LIB_REFERENCE_TILEROW_H

#include "PairScores.h"
#include "attn/Dialect/Attn/Analysis/ScoreRange.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>

namespace mlir::attn::reference {

/// A sum of weighted terms, and its largest error.
struct WeightedSum {
  double value = 0, error = 0, magnitude = 0;

  void add(Scalar weight, Scalar term) {
    value += weight.real * term.real;
    magnitude += std::fabs(weight.real * term.real);
    error += weight.bound * (std::fabs(term.real) + term.bound) +
             std::fabs(weight.real) * term.bound;
  }
};

/// The running values of one query, and the pairs that the tile adds.
class TileRow {
public:
  /// Scores are exponents of e in units of `unit`; where they are `bounded`,
  /// weights are relative to a maximum that does not move.
  TileRow(Type accumulator, Normalizer normalizer, bool bounded = false,
          double unit = 1)
      : accumulator(accumulator), normalizer(normalizer), bounded(bounded),
        unit(unit), format(FloatFormat::get(accumulator)) {}

  void add(int64_t j, Scalar score) { pairs.push_back({j, score}); }

  /// The new maximum; makes weights of the scores.
  Scalar weigh(Scalar old) {
    if (normalizer != Normalizer::Softmax)
      return old;
    Scalar maximum = old;
    if (!bounded)
      for (const Candidate &pair : pairs) {
        maximum.real = std::fmax(maximum.real, pair.score.real);
        maximum.bound = std::max(maximum.bound, pair.score.bound);
        if (!(pair.score.real < HUGE_VAL))
          maximum.bound = HUGE_VAL;
      }
    kept = bounded ? Scalar::ofReal(1) : exponential(old, maximum);
    for (Candidate &pair : pairs)
      pair.score = exponential(pair.score, maximum);
    return maximum;
  }

  /// What is kept of the old value, plus the terms times their weights, each of
  /// which may be off by `rounding` times itself.
  Scalar accumulate(Scalar old, llvm::function_ref<Scalar(int64_t)> term,
                    double rounding = 0) const {
    WeightedSum sum;
    if (kept.real != 0 || !kept.isExact())
      sum.add(kept, old);
    for (const Candidate &pair : pairs) {
      Scalar weight = pair.score;
      weight.bound += rounding * std::fabs(weight.real);
      sum.add(weight, term(pair.j));
    }
    double roundings = (pairs.size() + 4) * format.unit;
    return boundedReal(accumulator, sum.value,
                       sum.error + roundings * sum.magnitude);
  }

private:
  /// exp(unit (score - maximum)); 0 for a score of -inf.
  Scalar exponential(Scalar score, Scalar maximum) const {
    if (score.real == -HUGE_VAL && score.isExact())
      return Scalar::ofReal(0);
    double value = std::exp(unit * (score.real - maximum.real));
    double difference =
        score.bound + maximum.bound +
        2 * format.unit * (std::fabs(score.real) + std::fabs(maximum.real));
    double exponent = unit * difference + 8 * format.unit;
    return boundedReal(accumulator, value,
                       value * std::expm1(exponent) + format.floor);
  }

  Type accumulator;
  Normalizer normalizer;
  bool bounded;
  double unit; ///< Of scores, in exponents of e.
  FloatFormat format;
  Scalar kept = Scalar::ofReal(1); ///< Factor of the old sums.
  SmallVector<Candidate> pairs;
};

} // namespace mlir::attn::reference

#endif // ATTN_LIB_REFERENCE_TILEROW_H
