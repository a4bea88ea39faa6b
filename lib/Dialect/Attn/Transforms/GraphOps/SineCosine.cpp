//===- SineCosine.cpp - Sine and cosine of angles of positions -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SineCosine.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Arithmetic on floats of one type.
struct Floats {
  OpBuilder &b;
  Location loc;
  Type type;

  Value constant(double value) const {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
  }
  Value multiply(Value lhs, Value rhs) const {
    return arith::MulFOp::create(b, loc, lhs, rhs);
  }
  Value subtract(Value lhs, Value rhs) const {
    return arith::SubFOp::create(b, loc, lhs, rhs);
  }
  /// x times y, plus z.
  Value fma(Value x, Value y, Value z) const {
    return math::FmaOp::create(b, loc, x, y, z);
  }
  /// A polynomial of `x`, its constant coefficient first.
  Value polynomial(Value x, ArrayRef<double> coefficients) const {
    Value result = constant(coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      result = fma(result, x, constant(coefficient));
    return result;
  }
  Value exceeds(Value lhs, double limit) const {
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, lhs,
                                 constant(limit));
  }
  Value negateWhere(Value condition, Value value) const {
    Value negated = arith::NegFOp::create(b, loc, value);
    return arith::SelectOp::create(b, loc, condition, negated, value);
  }
};
} // namespace

std::pair<Value, Value> attn::emitSineCosine(OpBuilder &b, Location loc,
                                             Value angle, Type type) {
  if (type.isF64())
    return {math::SinOp::create(b, loc, angle),
            math::CosOp::create(b, loc, angle)};
  // The angle is `quarter` quarter turns, 0 to 3 after whole turns, and a rest
  // of at most an eighth.
  Floats wide{b, loc, b.getF64Type()};
  double quarterTurn = std::acos(0.0);
  Value quarters = wide.multiply(angle, wide.constant(1 / quarterTurn));
  Value nearest = math::RoundEvenOp::create(b, loc, quarters);
  Value turns = math::FloorOp::create(
      b, loc, wide.multiply(nearest, wide.constant(0.25)));
  Value rest = wide.multiply(wide.subtract(quarters, nearest),
                             wide.constant(quarterTurn));
  Value quarter = wide.fma(turns, wide.constant(-4.0), nearest);
  Value x = arith::TruncFOp::create(b, loc, type, rest);
  Value q = arith::TruncFOp::create(b, loc, type, quarter);

  // Interpolated at Chebyshev nodes; off by 1.4e-8 and 1.1e-9.
  Floats narrow{b, loc, type};
  Value square = narrow.multiply(x, x);
  Value ofSine =
      narrow.polynomial(square, {-0.16666664661714697, 0.008332748154084961,
                                 -0.00019587865702092554});
  Value sine = narrow.fma(narrow.multiply(x, square), ofSine, x);
  Value ofCosine = narrow.polynomial(square, {1.0, -0.5, 0.0416666646589014,
                                              -0.0013888302919112924,
                                              2.454791685357515e-05});

  // Quarters 1 and 3 exchange the two; 2 and 3 are a half turn on.
  Value halfOn = narrow.exceeds(q, 1.5);
  Value fromMiddle =
      math::AbsFOp::create(b, loc, narrow.subtract(q, narrow.constant(1.5)));
  Value isInner = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT,
                                        fromMiddle, narrow.constant(1.0));
  Value isOdd = arith::XOrIOp::create(b, loc, isInner, halfOn);
  Value first = arith::SelectOp::create(b, loc, isOdd, ofCosine, sine);
  Value second = arith::SelectOp::create(b, loc, isOdd, sine, ofCosine);
  return {narrow.negateWhere(halfOn, first),
          narrow.negateWhere(isInner, second)};
}
