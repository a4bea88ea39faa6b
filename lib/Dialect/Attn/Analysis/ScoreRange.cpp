//===- ScoreRange.cpp - Bounds on what score regions give -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Analysis/ScoreRange.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <functional>

using namespace mlir;
using namespace mlir::attn;

namespace {
/// A bound on the magnitude of a value.
using Bound = std::optional<double>;

/// Bounds the magnitudes of the values of one score region.
class MagnitudeAnalysis {
public:
  /// The first argument of the region is within `given`.
  MagnitudeAnalysis(Region &region, Bound given)
      : score(region.getArgument(0)), given(given) {}

  Bound get(Value value) {
    if (value == score)
      return given;
    FloatAttr constant;
    if (matchPattern(value, m_Constant(&constant)))
      return std::abs(constant.getValueAsDouble());
    Operation *op = value.getDefiningOp();
    return op ? getOfOp(op) : Bound();
  }

private:
  Bound getOfOp(Operation *op) {
    auto operand = [&](unsigned index) { return get(op->getOperand(index)); };
    return TypeSwitch<Operation *, Bound>(op)
        .Case<math::TanhOp, math::ErfOp, math::SinOp, math::CosOp>(
            [](auto) { return 1.0; })
        .Case<arith::NegFOp, math::AbsFOp, arith::ExtFOp>(
            [&](auto) { return operand(0); })
        .Case<arith::MulFOp>([&](auto) {
          return combine(operand(0), operand(1), std::multiplies<>());
        })
        .Case<arith::DivFOp>([&](arith::DivFOp division) -> Bound {
          FloatAttr divisor;
          if (!matchPattern(division.getRhs(), m_Constant(&divisor)) ||
              divisor.getValue().isZero())
            return std::nullopt;
          return combine(operand(0), std::abs(divisor.getValueAsDouble()),
                         std::divides<>());
        })
        .Case<arith::AddFOp, arith::SubFOp>([&](auto) {
          return combine(operand(0), operand(1), std::plus<>());
        })
        .Case<arith::SelectOp>([&](auto) { return greater(op, 1, 2); })
        .Case<arith::MinimumFOp, arith::MaximumFOp>([&](auto) -> Bound {
          if (Bound clamped = clamp(op))
            return clamped;
          return greater(op, 0, 1);
        })
        .Default(Bound());
  }

  static Bound combine(Bound lhs, Bound rhs,
                       function_ref<double(double, double)> by) {
    if (!lhs || !rhs)
      return std::nullopt;
    return by(*lhs, *rhs);
  }

  Bound greater(Operation *op, unsigned lhs, unsigned rhs) {
    return combine(get(op->getOperand(lhs)), get(op->getOperand(rhs)),
                   [](double a, double b) { return std::max(a, b); });
  }

  /// min(max(x, low), high), in either order, with constant ends.
  static Bound clamp(Operation *op) {
    FloatAttr outer, inner;
    Operation *other = op->getOperand(0).getDefiningOp();
    if (!isa_and_nonnull<arith::MinimumFOp, arith::MaximumFOp>(other) ||
        isa<arith::MinimumFOp>(op) == isa<arith::MinimumFOp>(other) ||
        !matchPattern(op->getOperand(1), m_Constant(&outer)) ||
        !matchPattern(other->getOperand(1), m_Constant(&inner)))
      return std::nullopt;
    return std::max(std::abs(outer.getValueAsDouble()),
                    std::abs(inner.getValueAsDouble()));
  }

  Value score;
  Bound given;
};
} // namespace

std::optional<double> attn::getScoreBound(Region &score,
                                          std::optional<double> given) {
  if (score.empty())
    return given;
  Value result = score.front().getTerminator()->getOperand(0);
  Bound bound = MagnitudeAnalysis(score, given).get(result);
  return bound && std::isfinite(*bound) ? bound : std::nullopt;
}

std::optional<double> attn::getScoreBound(AttendOp op) {
  auto given = op->getAttrOfType<FloatAttr>(scoreBoundAttr);
  return getScoreBound(op.getScore(),
                       given ? Bound(given.getValueAsDouble()) : std::nullopt);
}

std::optional<double> attn::getFixedMaximum(AttendOp op) {
  // A sink is a score that nothing bounds.
  if (op.getNormalizer() != Normalizer::Softmax || op.getSink())
    return std::nullopt;
  std::optional<double> bound = getScoreBound(op);
  if (!bound || *bound > 60)
    return std::nullopt;
  // Sums of 10^5 weights and values up to 10^11 stay finite; tiles of queries
  // where others do not, or whose weights are small, are computed again.
  return std::max(0.0, *bound - 50);
}
