//===- FloatOps.cpp - Float operations with error bounds --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

static constexpr double infinity = std::numeric_limits<double>::infinity();

Scalar reference::boundedReal(Type type, double value, double bound) {
  if (std::isnan(bound))
    bound = infinity;
  if (!std::isfinite(value))
    return Scalar::ofReal(value, bound > 0 ? infinity : 0);
  if (std::fabs(value) + bound > FloatFormat::get(type).largest)
    bound = infinity;
  return Scalar::ofReal(value, bound);
}

/// The result of an operation whose operands' errors move it by `propagated` and
/// which itself is right to `roundings` roundings of its type (0: exact).
static Scalar finish(const ScalarCall &call, double value, double propagated,
                     double roundings) {
  Type type = call.resultType();
  double own = roundings * FloatFormat::get(type).rounding(value);
  if (call.arithmetic == Arithmetic::Declared) {
    value = roundToType(type, value);
    if (roundings <= 1 && propagated == 0)
      return Scalar::ofReal(value);
  }
  return boundedReal(type, value, std::isfinite(value) ? propagated + own
                                                       : propagated);
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

static bool isExactInfinity(Scalar x) {
  return std::isinf(x.real) && x.isExact();
}

static Scalar sum(const ScalarCall &call, Scalar a, Scalar b) {
  double value = a.real + b.real;
  bool fixed = isExactInfinity(a) || isExactInfinity(b);
  return finish(call, value, fixed ? 0 : a.bound + b.bound, 1);
}

static Scalar evaluateAdd(const ScalarCall &call) {
  return sum(call, call[0], call[1]);
}

static Scalar negated(Scalar x) { return Scalar::ofReal(-x.real, x.bound); }

static Scalar evaluateSub(const ScalarCall &call) {
  return sum(call, call[0], negated(call[1]));
}

static Scalar evaluateNeg(const ScalarCall &call) { return negated(call[0]); }

static double productError(Scalar a, Scalar b) {
  if (a.isExact() && b.isExact())
    return 0;
  return std::fabs(a.real) * b.bound + std::fabs(b.real) * a.bound +
         a.bound * b.bound;
}

static Scalar evaluateMul(const ScalarCall &call) {
  return finish(call, call[0].real * call[1].real,
                productError(call[0], call[1]), 1);
}

static Scalar evaluateFma(const ScalarCall &call) {
  return finish(call, std::fma(call[0].real, call[1].real, call[2].real),
                productError(call[0], call[1]) + call[2].bound, 1);
}

static Scalar evaluateDiv(const ScalarCall &call) {
  Scalar a = call[0], b = call[1];
  double value = a.real / b.real, propagated = 0;
  if (!a.isExact() || !b.isExact()) {
    double least = std::fabs(b.real) - b.bound;
    propagated = least > 0
                     ? (a.bound + std::fabs(value) * b.bound) / least
                     : infinity;
  }
  return finish(call, value, propagated, 1);
}

static Scalar evaluateRem(const ScalarCall &call) {
  bool exact = call[0].isExact() && call[1].isExact();
  return finish(call, std::fmod(call[0].real, call[1].real),
                exact ? 0 : infinity, 0);
}

//===----------------------------------------------------------------------===//
// Minimum, maximum, comparison
//===----------------------------------------------------------------------===//

template <bool takeLarger, bool ignoreNaN>
static Scalar evaluateExtremum(const ScalarCall &call) {
  Scalar a = call[0], b = call[1];
  if (std::isnan(a.real))
    return ignoreNaN ? b : a;
  if (std::isnan(b.real))
    return ignoreNaN ? a : b;
  Scalar result = (a.real > b.real) == takeLarger ? a : b;
  result.bound = std::max(a.bound, b.bound);
  return result;
}

static bool holds(arith::CmpFPredicate predicate, double a, double b) {
  using P = arith::CmpFPredicate;
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::OEQ:
    return a == b;
  case P::OGT:
    return a > b;
  case P::OGE:
    return a >= b;
  case P::OLT:
    return a < b;
  case P::OLE:
    return a <= b;
  case P::ONE:
    return !unordered && a != b;
  case P::ORD:
    return !unordered;
  case P::UEQ:
    return unordered || a == b;
  case P::UGT:
    return unordered || a > b;
  case P::UGE:
    return unordered || a >= b;
  case P::ULT:
    return unordered || a < b;
  case P::ULE:
    return unordered || a <= b;
  case P::UNE:
    return a != b;
  case P::UNO:
    return unordered;
  case P::AlwaysTrue:
    return true;
  }
  return false;
}

static Scalar evaluateCmpF(const ScalarCall &call) {
  Scalar a = call[0], b = call[1];
  auto predicate = cast<arith::CmpFOp>(call.op).getPredicate();
  double slack = a.bound + b.bound;
  bool close = slack > 0 && !(std::fabs(a.real - b.real) > slack);
  return Scalar::ofInteger(holds(predicate, a.real, b.real), close ? 1 : 0);
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

static Scalar evaluateConvert(const ScalarCall &call) {
  double value = call[0].real;
  bool exact = roundToType(call.resultType(), value) == value ||
               std::isnan(value);
  return finish(call, value, call[0].bound, exact ? 0 : 1);
}

template <bool isSigned>
static Scalar evaluateFromInteger(const ScalarCall &call) {
  unsigned width = call.operandType(0).getIntOrFloatBitWidth();
  int64_t integer = llvm::SignExtend64(call[0].integer, width);
  double value = integer;
  if (!isSigned)
    value = static_cast<uint64_t>(integer) &
            llvm::maskTrailingOnes<uint64_t>(width);
  bool exact = roundToType(call.resultType(), value) == value;
  return finish(call, value, call[0].bound, exact ? 0 : 1);
}

template <bool isSigned>
static Scalar evaluateToInteger(const ScalarCall &call) {
  unsigned width = call.resultType().getIntOrFloatBitWidth();
  double value = std::trunc(call[0].real), bound = 0;
  if (!call[0].isExact())
    bound = std::max(std::trunc(call[0].real + call[0].bound) - value,
                     value - std::trunc(call[0].real - call[0].bound));
  double limit = std::ldexp(1.0, isSigned ? width - 1 : width);
  // Poison: the compiled function may give anything.
  if (!(value < limit && value >= (isSigned ? -limit : 0)))
    return Scalar::ofInteger(0, infinity);
  int64_t integer = isSigned ? static_cast<int64_t>(value)
                             : static_cast<int64_t>(static_cast<uint64_t>(value));
  return Scalar::ofInteger(wrapToType(call.resultType(), integer), bound);
}

//===----------------------------------------------------------------------===//
// Elementary functions
//===----------------------------------------------------------------------===//

/// Roundings within which a vector library gets an elementary function: 4 units
/// in the last place.
static constexpr double elementary = 8;

/// A function that is monotone around its argument: errors move it no further
/// than to its values at the ends.
template <double (*function)(double), int roundings>
static Scalar evaluateMonotone(const ScalarCall &call) {
  double x = call[0].real, value = function(x), propagated = 0;
  if (!call[0].isExact())
    propagated = std::max(std::fabs(function(x + call[0].bound) - value),
                          std::fabs(function(x - call[0].bound) - value));
  return finish(call, value, propagated, roundings);
}

/// A function with Lipschitz constant 1.
template <double (*function)(double), int roundings>
static Scalar evaluateContraction(const ScalarCall &call) {
  return finish(call, function(call[0].real), call[0].bound, roundings);
}

/// tanh by way of exp has the error of 1, not of its result, near 0.
static Scalar evaluateTanh(const ScalarCall &call) {
  Scalar result = evaluateMonotone<std::tanh, 0>(call);
  double unit = FloatFormat::get(call.resultType()).unit;
  result.bound += std::isnan(result.real) || call[0].real == 0 ? 0 : 4 * unit;
  return result;
}

/// A function of two arguments, taken at the corners of their errors.
template <double (*function)(double, double)>
static Scalar evaluateCorners(const ScalarCall &call) {
  Scalar a = call[0], b = call[1];
  double value = function(a.real, b.real), propagated = 0;
  if (!a.isExact() || !b.isExact())
    for (double x : {a.real - a.bound, a.real + a.bound})
      for (double y : {b.real - b.bound, b.real + b.bound}) {
        double difference = std::fabs(function(x, y) - value);
        propagated = difference <= propagated ? propagated : difference;
      }
  return finish(call, value, propagated, elementary);
}

static double rsqrt(double x) { return 1 / std::sqrt(x); }

static Scalar evaluateCopySign(const ScalarCall &call) {
  double sign = call[1].real, value = std::copysign(call[0].real, sign);
  bool sure = call[1].isExact() || std::fabs(sign) > call[1].bound;
  return finish(call, value,
                call[0].bound + (sure ? 0 : 2 * std::fabs(value)), 0);
}

static double integerPower(const ScalarCall &call) {
  return std::pow(call[0].real, static_cast<double>(call[1].integer));
}

static Scalar evaluateFPowI(const ScalarCall &call) {
  double value = integerPower(call), exponent = call[1].integer;
  double propagated =
      call[0].isExact() && call[1].isExact()
          ? 0
          : std::fabs(exponent * value) * call[0].bound /
                (std::fabs(call[0].real) - call[0].bound);
  return finish(call, value, propagated,
                elementary + 2 * std::fabs(exponent));
}

template <bool (*test)(double)>
static Scalar evaluateTest(const ScalarCall &call) {
  return Scalar::ofInteger(test(call[0].real),
                           std::isinf(call[0].bound) ? 1 : 0);
}

static bool testNaN(double x) { return std::isnan(x); }
static bool testInf(double x) { return std::isinf(x); }
static bool testFinite(double x) { return std::isfinite(x); }

void reference::addFloatOps(ScalarTable &table) {
  table.add<arith::AddFOp>(evaluateAdd);
  table.add<arith::SubFOp>(evaluateSub);
  table.add<arith::MulFOp>(evaluateMul);
  table.add<arith::DivFOp>(evaluateDiv);
  table.add<arith::RemFOp>(evaluateRem);
  table.add<arith::NegFOp>(evaluateNeg);
  table.add<arith::MaximumFOp>(evaluateExtremum<true, false>);
  table.add<arith::MaxNumFOp>(evaluateExtremum<true, true>);
  table.add<arith::MinimumFOp>(evaluateExtremum<false, false>);
  table.add<arith::MinNumFOp>(evaluateExtremum<false, true>);
  table.add<arith::CmpFOp>(evaluateCmpF);
  table.add<arith::ExtFOp, arith::TruncFOp>(evaluateConvert);
  table.add<arith::SIToFPOp>(evaluateFromInteger<true>);
  table.add<arith::UIToFPOp>(evaluateFromInteger<false>);
  table.add<arith::FPToSIOp>(evaluateToInteger<true>);
  table.add<arith::FPToUIOp>(evaluateToInteger<false>);
  table.add<math::FmaOp>(evaluateFma);
  table.add<math::AbsFOp>(evaluateContraction<std::fabs, 0>);
  table.add<math::SinOp>(evaluateContraction<std::sin, 8>);
  table.add<math::CosOp>(evaluateContraction<std::cos, 8>);
  table.add<math::TanhOp>(evaluateTanh);
  table.add<math::ExpOp>(evaluateMonotone<std::exp, 8>);
  table.add<math::Exp2Op>(evaluateMonotone<std::exp2, 8>);
  table.add<math::ExpM1Op>(evaluateMonotone<std::expm1, 8>);
  table.add<math::LogOp>(evaluateMonotone<std::log, 8>);
  table.add<math::Log2Op>(evaluateMonotone<std::log2, 8>);
  table.add<math::Log10Op>(evaluateMonotone<std::log10, 8>);
  table.add<math::Log1pOp>(evaluateMonotone<std::log1p, 8>);
  table.add<math::SqrtOp>(evaluateMonotone<std::sqrt, 1>);
  table.add<math::RsqrtOp>(evaluateMonotone<rsqrt, 8>);
  table.add<math::CbrtOp>(evaluateMonotone<std::cbrt, 8>);
  table.add<math::TanOp>(evaluateMonotone<std::tan, 8>);
  table.add<math::AsinOp>(evaluateMonotone<std::asin, 8>);
  table.add<math::AcosOp>(evaluateMonotone<std::acos, 8>);
  table.add<math::AtanOp>(evaluateMonotone<std::atan, 8>);
  table.add<math::SinhOp>(evaluateMonotone<std::sinh, 8>);
  table.add<math::CoshOp>(evaluateMonotone<std::cosh, 8>);
  table.add<math::AsinhOp>(evaluateMonotone<std::asinh, 8>);
  table.add<math::AcoshOp>(evaluateMonotone<std::acosh, 8>);
  table.add<math::AtanhOp>(evaluateMonotone<std::atanh, 8>);
  table.add<math::ErfOp>(evaluateMonotone<std::erf, 8>);
  table.add<math::ErfcOp>(evaluateMonotone<std::erfc, 8>);
  table.add<math::FloorOp>(evaluateMonotone<std::floor, 0>);
  table.add<math::CeilOp>(evaluateMonotone<std::ceil, 0>);
  table.add<math::RoundOp>(evaluateMonotone<std::round, 0>);
  table.add<math::RoundEvenOp>(evaluateMonotone<std::nearbyint, 0>);
  table.add<math::TruncOp>(evaluateMonotone<std::trunc, 0>);
  table.add<math::PowFOp>(evaluateCorners<std::pow>);
  table.add<math::Atan2Op>(evaluateCorners<std::atan2>);
  table.add<math::CopySignOp>(evaluateCopySign);
  table.add<math::FPowIOp>(evaluateFPowI);
  table.add<math::IsNaNOp>(evaluateTest<testNaN>);
  table.add<math::IsInfOp>(evaluateTest<testInf>);
  table.add<math::IsFiniteOp>(evaluateTest<testFinite>);
}
