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

using namespace mlir;
using namespace mlir::attn;

namespace {
/// A magnitude: `factor` times the magnitudes of captured scalars.
struct Magnitude {
  double factor;
  SmallVector<Value, 1> captured;
};
using Bound = std::optional<Magnitude>;

/// Bounds the magnitudes of the values of one score region.
class MagnitudeAnalysis {
public:
  explicit MagnitudeAnalysis(Block &body) : body(body) {}

  Bound get(Value value) {
    FloatAttr constant;
    if (matchPattern(value, m_Constant(&constant)))
      return Magnitude{std::abs(constant.getValueAsDouble()), {}};
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      bool isCapture = argument.getOwner() == &body &&
                       argument.getArgNumber() >= 5 &&
                       isa<FloatType>(value.getType());
      return isCapture ? Bound(Magnitude{1, {value}}) : std::nullopt;
    }
    return getOfOp(value.getDefiningOp());
  }

private:
  Bound getOfOp(Operation *op) {
    auto operand = [&](unsigned index) { return get(op->getOperand(index)); };
    return TypeSwitch<Operation *, Bound>(op)
        .Case<math::TanhOp, math::ErfOp, math::SinOp, math::CosOp>(
            [](auto) { return Magnitude{1, {}}; })
        .Case<arith::NegFOp, math::AbsFOp, arith::ExtFOp>(
            [&](auto) { return operand(0); })
        .Case<arith::MulFOp>(
            [&](auto) { return product(operand(0), operand(1)); })
        .Case<arith::DivFOp>([&](arith::DivFOp division) -> Bound {
          FloatAttr divisor;
          if (!matchPattern(division.getRhs(), m_Constant(&divisor)) ||
              divisor.getValue().isZero())
            return std::nullopt;
          double scale = 1 / std::abs(divisor.getValueAsDouble());
          return product(operand(0), Magnitude{scale, {}});
        })
        .Case<arith::AddFOp, arith::SubFOp>([&](auto) -> Bound {
          Bound lhs = operand(0), rhs = operand(1);
          if (!lhs || !rhs || lhs->captured != rhs->captured)
            return std::nullopt;
          return Magnitude{lhs->factor + rhs->factor, lhs->captured};
        })
        .Case<arith::SelectOp>(
            [&](auto) { return either(operand(1), operand(2)); })
        .Case<arith::MinimumFOp, arith::MaximumFOp>([&](auto) -> Bound {
          if (Bound clamped = clamp(op))
            return clamped;
          return either(operand(0), operand(1));
        })
        .Default(Bound());
  }

  static Bound product(Bound lhs, Bound rhs) {
    if (!lhs || !rhs)
      return std::nullopt;
    lhs->factor *= rhs->factor;
    llvm::append_range(lhs->captured, rhs->captured);
    return lhs;
  }

  static Bound either(Bound lhs, Bound rhs) {
    if (!lhs || !rhs || lhs->captured != rhs->captured)
      return std::nullopt;
    return Magnitude{std::max(lhs->factor, rhs->factor), lhs->captured};
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
    return Magnitude{std::max(std::abs(outer.getValueAsDouble()),
                              std::abs(inner.getValueAsDouble())),
                     {}};
  }

  Block &body;
};

Bound getMagnitude(Region &score) {
  if (score.empty())
    return std::nullopt;
  Block &body = score.front();
  return MagnitudeAnalysis(body).get(body.getTerminator()->getOperand(0));
}
} // namespace

std::optional<double> attn::getScoreBound(Region &score) {
  Bound bound = getMagnitude(score);
  if (!bound || !bound->captured.empty() || !std::isfinite(bound->factor))
    return std::nullopt;
  return bound->factor;
}

Value attn::emitScoreBound(OpBuilder &builder, Location loc, Region &score,
                           ValueRange captures) {
  Bound bound = getMagnitude(score);
  if (!bound || !std::isfinite(bound->factor))
    return {};
  auto type = cast<FloatType>(score.front().getArgument(0).getType());
  Value result = arith::ConstantOp::create(
      builder, loc, builder.getFloatAttr(type, bound->factor));
  for (Value captured : bound->captured) {
    Value value = captures[cast<BlockArgument>(captured).getArgNumber() - 5];
    unsigned from = value.getType().getIntOrFloatBitWidth();
    if (from < type.getWidth())
      value = arith::ExtFOp::create(builder, loc, type, value);
    else if (from > type.getWidth())
      value = arith::TruncFOp::create(builder, loc, type, value);
    Value magnitude = math::AbsFOp::create(builder, loc, value);
    result = arith::MulFOp::create(builder, loc, result, magnitude);
  }
  return result;
}
