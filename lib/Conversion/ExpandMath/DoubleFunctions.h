//===- DoubleFunctions.h - Functions as arithmetic on f64 -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_EXPANDMATH_DOUBLEFUNCTIONS_H
#define ATTN_LIB_CONVERSION_EXPANDMATH_DOUBLEFUNCTIONS_H

#include "mlir/IR/Builders.h"

namespace mlir::attn {

/// Functions of f64 as arithmetic, for arguments that an f32 holds and results
/// that become f32: relative errors stay below 2^-30, those of exp, for any
/// argument, below 2^-51; NaN gives NaN. Results of exp and pow beyond e^700
/// are infinite; those below e^-700 are 0.
class DoubleFunctions {
public:
  DoubleFunctions(OpBuilder &builder, Location loc)
      : builder(builder), loc(loc) {}

  Value exp(Value x);
  Value expm1(Value x);
  Value sinh(Value x);
  Value cosh(Value x);
  Value log(Value x);
  Value log10(Value x);
  Value log1p(Value x);
  Value asinh(Value x);
  Value acosh(Value x);
  Value atanh(Value x);
  Value cbrt(Value x);
  Value pow(Value x, Value y);
  Value sin(Value x);
  Value cos(Value x);
  Value tan(Value x);
  Value asin(Value x);
  Value acos(Value x);
  Value atan(Value x);
  Value atan2(Value y, Value x);
  Value erf(Value x);
  Value erfc(Value x);
  /// The rest of x / y with the sign of x, exact.
  Value remainder(Value x, Value y);

private:
  Value constant(double value);
  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, double b) { return mul(a, constant(b)); }
  Value div(Value a, Value b);
  Value neg(Value a);
  Value fma(Value a, Value b, Value c);
  Value abs(Value a);
  Value sqrt(Value a);
  Value truncate(Value a);
  Value nearest(Value a);
  Value copySign(Value magnitude, Value sign);
  Value less(Value a, Value b);
  Value less(Value a, double b) { return less(a, constant(b)); }
  Value equal(Value a, Value b);
  Value equal(Value a, double b) { return equal(a, constant(b)); }
  Value isNaN(Value a);
  Value select(Value condition, Value a, Value b);
  /// The polynomial with these coefficients, the constant one first.
  Value polynomial(Value x, ArrayRef<double> coefficients);
  /// 2^n for an integer n of type f64 within +-1022.
  Value powerOfTwo(Value n);
  /// x - n pi / 2 for the nearest n, and n modulo 4 as i64.
  std::pair<Value, Value> reduceAngle(Value x);
  /// sin or cos of the angle that `quarters` more make of `rest`.
  Value circular(Value rest, Value quarters);
  /// erfc(x) for x >= 0.
  Value positiveErfc(Value x);

  OpBuilder &builder;
  Location loc;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_EXPANDMATH_DOUBLEFUNCTIONS_H
