//===- DoubleFunctions.cpp - Functions as arithmetic on f64 -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DoubleFunctions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value DoubleFunctions::constant(double value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getF64FloatAttr(value));
}
Value DoubleFunctions::add(Value a, Value b) {
  return arith::AddFOp::create(builder, loc, a, b);
}
Value DoubleFunctions::sub(Value a, Value b) {
  return arith::SubFOp::create(builder, loc, a, b);
}
Value DoubleFunctions::mul(Value a, Value b) {
  return arith::MulFOp::create(builder, loc, a, b);
}
Value DoubleFunctions::div(Value a, Value b) {
  return arith::DivFOp::create(builder, loc, a, b);
}
Value DoubleFunctions::neg(Value a) {
  return arith::NegFOp::create(builder, loc, a);
}
Value DoubleFunctions::fma(Value a, Value b, Value c) {
  return math::FmaOp::create(builder, loc, a, b, c);
}
Value DoubleFunctions::abs(Value a) {
  return math::AbsFOp::create(builder, loc, a);
}
Value DoubleFunctions::sqrt(Value a) {
  return math::SqrtOp::create(builder, loc, a);
}
Value DoubleFunctions::truncate(Value a) {
  return math::TruncOp::create(builder, loc, a);
}
Value DoubleFunctions::nearest(Value a) {
  return math::RoundEvenOp::create(builder, loc, a);
}
Value DoubleFunctions::copySign(Value magnitude, Value sign) {
  return math::CopySignOp::create(builder, loc, magnitude, sign);
}
Value DoubleFunctions::less(Value a, Value b) {
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, a, b);
}
Value DoubleFunctions::equal(Value a, Value b) {
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ, a, b);
}
Value DoubleFunctions::isNaN(Value a) {
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO, a, a);
}
Value DoubleFunctions::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(builder, loc, condition, a, b);
}

Value DoubleFunctions::polynomial(Value x, ArrayRef<double> coefficients) {
  Value sum = constant(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = fma(sum, x, constant(coefficient));
  return sum;
}

Value DoubleFunctions::powerOfTwo(Value n) {
  Type i64 = builder.getI64Type();
  auto integer = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(builder, loc, value, 64);
  };
  Value exponent = arith::FPToSIOp::create(builder, loc, i64, n);
  exponent = arith::AddIOp::create(builder, loc, exponent, integer(1023));
  Value bits = arith::ShLIOp::create(builder, loc, exponent, integer(52));
  return arith::BitcastOp::create(builder, loc, n.getType(), bits);
}

//===----------------------------------------------------------------------===//
// Exponentials
//===----------------------------------------------------------------------===//

/// Parts of log(2): multiples of the first by integers below 2^11 are exact.
static constexpr double ln2High = 0x1.62e42fefap-1;
static constexpr double ln2Low = 0x1.cf79abc9e3b3ap-40;

/// Below this, differences are taken from their series.
static constexpr double small = 0x1p-8;

Value DoubleFunctions::exp(Value x) {
  constexpr double limit = 700;
  Value bounded = select(less(x, -limit), constant(-limit), x);
  bounded = select(less(constant(limit), bounded), constant(limit), bounded);
  // NaN has no integer next to it.
  bounded = select(isNaN(x), constant(0), bounded);
  Value n = nearest(mul(bounded, 1 / llvm::numbers::ln2));
  Value rest = fma(n, constant(-ln2High), bounded);
  rest = fma(n, constant(-ln2Low), rest);
  SmallVector<double> inverseFactorials{1};
  for (int i = 1; i <= 13; ++i)
    inverseFactorials.push_back(inverseFactorials.back() / i);
  Value result = mul(polynomial(rest, inverseFactorials), powerOfTwo(n));
  result = select(less(x, -limit), constant(0), result);
  result = select(less(constant(limit), x), constant(INFINITY), result);
  return select(isNaN(x), x, result);
}

Value DoubleFunctions::expm1(Value x) {
  Value series = mul(x, polynomial(x, {1, 1. / 2, 1. / 6, 1. / 24}));
  return select(less(abs(x), small), series, sub(exp(x), constant(1)));
}

Value DoubleFunctions::sinh(Value x) {
  Value series = mul(x, polynomial(mul(x, x), {1, 1. / 6}));
  Value whole = mul(sub(exp(x), exp(neg(x))), 0.5);
  return select(less(abs(x), small), series, whole);
}

Value DoubleFunctions::cosh(Value x) {
  return mul(add(exp(x), exp(neg(x))), 0.5);
}

//===----------------------------------------------------------------------===//
// Logarithms
//===----------------------------------------------------------------------===//

/// x = 2^n m with m in [sqrt(1/2), sqrt(2)), log(m) = 2 atanh((m-1) / (m+1)).
Value DoubleFunctions::log(Value x) {
  Type i64 = builder.getI64Type(), f64 = builder.getF64Type();
  auto integer = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(builder, loc, value, 64);
  };
  constexpr int64_t rootHalf = 0x3fe6a09e667f3bcd;
  Value bits = arith::BitcastOp::create(builder, loc, i64, x);
  Value above = arith::SubIOp::create(builder, loc, bits, integer(rootHalf));
  Value exponent = arith::ShRSIOp::create(builder, loc, above, integer(52));
  Value mantissaBits = arith::SubIOp::create(
      builder, loc, bits,
      arith::ShLIOp::create(builder, loc, exponent, integer(52)));
  Value mantissa = arith::BitcastOp::create(builder, loc, f64, mantissaBits);
  Value n = arith::SIToFPOp::create(builder, loc, f64, exponent);
  Value one = constant(1);
  Value ratio = div(sub(mantissa, one), add(mantissa, one));
  SmallVector<double> inverseOdds;
  for (int i = 0; i <= 9; ++i)
    inverseOdds.push_back(2. / (2 * i + 1));
  Value result = mul(ratio, polynomial(mul(ratio, ratio), inverseOdds));
  result = add(result, mul(n, llvm::numbers::ln2));
  Value infinity = constant(INFINITY);
  result = select(equal(x, infinity), infinity, result);
  result = select(equal(x, 0), constant(-INFINITY), result);
  result = select(less(x, 0), constant(NAN), result);
  return select(isNaN(x), x, result);
}

Value DoubleFunctions::log10(Value x) {
  return mul(log(x), llvm::numbers::log10e);
}

Value DoubleFunctions::log1p(Value x) {
  Value series = mul(x, polynomial(x, {1, -1. / 2, 1. / 3, -1. / 4}));
  return select(less(abs(x), small), series, log(add(x, constant(1))));
}

Value DoubleFunctions::asinh(Value x) {
  Value magnitude = abs(x), one = constant(1);
  Value root = sqrt(fma(x, x, one));
  Value beyond = div(mul(x, x), add(root, one));
  Value result = log1p(add(magnitude, beyond));
  // The square of an infinite x over itself is no number.
  result = select(equal(magnitude, INFINITY), magnitude, result);
  return copySign(result, x);
}

Value DoubleFunctions::acosh(Value x) {
  Value result = log(add(x, sqrt(fma(x, x, constant(-1)))));
  return select(less(x, 1), constant(NAN), result);
}

Value DoubleFunctions::atanh(Value x) {
  return mul(log1p(div(mul(x, 2), sub(constant(1), x))), 0.5);
}

//===----------------------------------------------------------------------===//
// Powers
//===----------------------------------------------------------------------===//

Value DoubleFunctions::cbrt(Value x) {
  Value root = exp(mul(log(abs(x)), 1. / 3));
  return copySign(select(equal(x, 0), x, root), x);
}

Value DoubleFunctions::pow(Value x, Value y) {
  Value one = constant(1), magnitude = abs(x);
  Value result = exp(mul(y, log(magnitude)));
  Value infiniteY = equal(abs(y), INFINITY);
  Value isUnit = equal(magnitude, one);
  result = select(arith::AndIOp::create(builder, loc, isUnit, infiniteY), one,
                  result);
  // Of a negative base: a negative result for odd integers, none between.
  Value half = mul(y, 0.5);
  Value isInteger = equal(y, truncate(y)), isEven = equal(half, truncate(half));
  Value isNegative = less(copySign(one, x), 0);
  Value isFinite = arith::AndIOp::create(builder, loc, less(x, 0),
                                         less(constant(-INFINITY), x));
  Value between = select(isFinite, constant(NAN), result);
  Value negated = select(isEven, result, neg(result));
  result = select(isNegative, select(isInteger, negated, between), result);
  result = select(equal(x, one), one, result);
  return select(equal(y, 0), one, result);
}

//===----------------------------------------------------------------------===//
// Circular functions
//===----------------------------------------------------------------------===//

/// 2 / pi in pieces of 24 bits, whose products with an f32 are exact; of each
/// product multiples of four quarters go.
std::pair<Value, Value> DoubleFunctions::reduceAngle(Value x) {
  static constexpr int64_t pieces[] = {0xa2f983, 0x6e4e44, 0x1529fc,
                                       0x2757d1, 0xf534dd, 0xc0db62,
                                       0x95993c, 0x439041, 0xfe5163};
  // Infinity has no angle; its result is made NaN by the caller.
  Value isFinite = equal(sub(x, x), 0);
  Value angle = select(isFinite, x, constant(0));
  Value quarters;
  for (auto [index, piece] : llvm::enumerate(pieces)) {
    Value part = mul(angle, std::ldexp(double(piece), -24 * (int(index) + 1)));
    Value turns = nearest(mul(part, 0.25));
    part = fma(turns, constant(-4), part);
    quarters = quarters ? add(quarters, part) : part;
  }
  Value n = nearest(quarters);
  Value rest = mul(sub(quarters, n), llvm::numbers::pi / 2);
  Value number = arith::FPToSIOp::create(builder, loc, builder.getI64Type(), n);
  return {select(isFinite, rest, constant(NAN)), number};
}

Value DoubleFunctions::circular(Value rest, Value quarters) {
  SmallVector<double> sinSeries{1}, cosSeries{1};
  for (int i = 1; i <= 7; ++i) {
    sinSeries.push_back(-sinSeries.back() / ((2 * i) * (2 * i + 1)));
    cosSeries.push_back(-cosSeries.back() / ((2 * i - 1) * (2 * i)));
  }
  Value square = mul(rest, rest);
  Value sine = mul(rest, polynomial(square, sinSeries));
  Value cosine = polynomial(square, cosSeries);
  auto bit = [&](int64_t mask) -> Value {
    Value bits = arith::AndIOp::create(
        builder, loc, quarters,
        arith::ConstantIntOp::create(builder, loc, mask, 64));
    Value zero = arith::ConstantIntOp::create(builder, loc, 0, 64);
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, bits,
                                 zero);
  };
  Value result = select(bit(1), cosine, sine);
  return select(bit(2), neg(result), result);
}

Value DoubleFunctions::sin(Value x) {
  auto [rest, quarters] = reduceAngle(x);
  return circular(rest, quarters);
}

Value DoubleFunctions::cos(Value x) {
  auto [rest, quarters] = reduceAngle(x);
  Value one = arith::ConstantIntOp::create(builder, loc, 1, 64);
  return circular(rest, arith::AddIOp::create(builder, loc, quarters, one));
}

Value DoubleFunctions::tan(Value x) {
  auto [rest, quarters] = reduceAngle(x);
  Value one = arith::ConstantIntOp::create(builder, loc, 1, 64);
  Value next = arith::AddIOp::create(builder, loc, quarters, one);
  return div(circular(rest, quarters), circular(rest, next));
}

Value DoubleFunctions::asin(Value x) {
  Value one = constant(1);
  return atan2(x, sqrt(mul(sub(one, x), add(one, x))));
}

Value DoubleFunctions::acos(Value x) {
  Value one = constant(1);
  return atan2(sqrt(mul(sub(one, x), add(one, x))), x);
}

Value DoubleFunctions::atan(Value x) { return atan2(x, constant(1)); }

/// The ratio of the smaller to the larger is at most 1; above tan(pi/8) the
/// angle is taken from pi/4.
Value DoubleFunctions::atan2(Value y, Value x) {
  Value one = constant(1);
  Value absX = abs(x), absY = abs(y);
  Value steep = less(absX, absY);
  Value lower = select(steep, absX, absY), upper = select(steep, absY, absX);
  Value ratio = div(lower, upper);
  ratio = select(equal(lower, INFINITY), one, ratio);
  ratio = select(equal(upper, 0), constant(0), ratio);
  Value large = less(constant(0.41421356237309503), ratio);
  Value reduced = select(large, div(sub(ratio, one), add(ratio, one)), ratio);
  SmallVector<double> series;
  for (int i = 0; i <= 14; ++i)
    series.push_back((i % 2 ? -1. : 1.) / (2 * i + 1));
  Value angle = mul(reduced, polynomial(mul(reduced, reduced), series));
  constexpr double pi = llvm::numbers::pi;
  angle = select(large, add(angle, constant(pi / 4)), angle);
  angle = select(steep, sub(constant(pi / 2), angle), angle);
  Value left = less(copySign(one, x), 0);
  angle = select(left, sub(constant(pi), angle), angle);
  angle = copySign(angle, y);
  Value both = add(x, y);
  Value hasNaN = arith::OrIOp::create(builder, loc, isNaN(x), isNaN(y));
  return select(hasNaN, both, angle);
}

//===----------------------------------------------------------------------===//
// The error function
//===----------------------------------------------------------------------===//

/// erfc(x) exp(x^2) over t = 2 / (2 + x), as a polynomial in t - 0.4 that meets
/// it at the zeros of a Chebyshev polynomial over [0, 0.8].
Value DoubleFunctions::positiveErfc(Value x) {
  static constexpr double coefficients[] = {
      0.44750287797772903,  0.5803759303370961,   0.5060598305288423,
      0.20249176898207757,  -0.10785752342356333, -0.14730982474168416,
      0.039968404167511865, 0.10876101088492503,  -0.03986720274782843,
      -0.0878924373951606,  0.055246403431504214, 0.06499376518728278,
      -0.04848802585445219, -0.030266021713262543};
  Value t = div(constant(2), add(x, constant(2)));
  Value scaled = mul(t, polynomial(sub(t, constant(0.4)), coefficients));
  return mul(scaled, exp(neg(mul(x, x))));
}

Value DoubleFunctions::erf(Value x) {
  SmallVector<double> series;
  double factorial = 1;
  for (int i = 0; i <= 9; ++i) {
    factorial *= std::max(i, 1);
    series.push_back((i % 2 ? -2. : 2.) * llvm::numbers::inv_sqrtpi /
                     (factorial * (2 * i + 1)));
  }
  Value near = mul(x, polynomial(mul(x, x), series));
  Value magnitude = abs(x);
  Value far = copySign(sub(constant(1), positiveErfc(magnitude)), x);
  Value result = select(less(magnitude, 0.5), near, far);
  return select(isNaN(x), x, result);
}

Value DoubleFunctions::erfc(Value x) {
  Value tail = positiveErfc(abs(x));
  Value result = select(less(x, 0), sub(constant(2), tail), tail);
  return select(less(abs(x), 0.5), sub(constant(1), erf(x)), result);
}

//===----------------------------------------------------------------------===//
// Remainder
//===----------------------------------------------------------------------===//

/// Takes multiples of y away; a quotient that no f64 holds exactly is taken a
/// little too small, and the rest again.
Value DoubleFunctions::remainder(Value x, Value y) {
  Value divisor = abs(y), dividend = abs(x);
  Value zero = constant(0), infinity = constant(INFINITY);
  Value isValid = arith::AndIOp::create(builder, loc, less(dividend, infinity),
                                        less(zero, divisor));
  Value start = select(isValid, dividend, zero);
  auto loop = scf::WhileOp::create(
      builder, loc, TypeRange{builder.getF64Type()}, ValueRange{start},
      [&](OpBuilder &inner, Location at, ValueRange args) {
        DoubleFunctions f(inner, at);
        Value done = f.less(args[0], divisor);
        Value more = arith::XOrIOp::create(
            inner, at, done, arith::ConstantIntOp::create(inner, at, 1, 1));
        more = arith::AndIOp::create(inner, at, more, isValid);
        scf::ConditionOp::create(inner, at, more, args);
      },
      [&](OpBuilder &inner, Location at, ValueRange args) {
        DoubleFunctions f(inner, at);
        Value quotient = f.div(args[0], divisor);
        Value lowered = f.mul(quotient, 1 - 0x1p-50);
        Value times =
            f.truncate(f.select(f.less(quotient, 0x1p45), quotient, lowered));
        Value rest = f.fma(f.neg(times), divisor, args[0]);
        Value corrected = f.select(f.less(rest, 0), f.add(rest, divisor), rest);
        scf::YieldOp::create(inner, at, corrected);
      });
  Value result = copySign(loop.getResult(0), x);
  return select(isValid, result, constant(NAN));
}
