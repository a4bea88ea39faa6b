//===- Polynomials.cpp - f32 functions as arithmetic -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Polynomials.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Arithmetic on f32 or on vectors of it. Sums of products may contract.
class Arithmetic {
public:
  Arithmetic(OpBuilder &builder, Location loc, Type type)
      : builder(builder), loc(loc), type(type) {}

  Value constant(float value) {
    return splat(builder.getF32FloatAttr(value), type);
  }
  Value add(Value a, Value b) {
    return arith::AddFOp::create(builder, loc, a, b);
  }
  Value sub(Value a, Value b) {
    return arith::SubFOp::create(builder, loc, a, b);
  }
  Value mul(Value a, Value b) {
    return arith::MulFOp::create(builder, loc, a, b);
  }
  Value div(Value a, Value b) {
    return arith::DivFOp::create(builder, loc, a, b);
  }
  Value abs(Value a) { return math::AbsFOp::create(builder, loc, a); }
  /// a * b + c.
  Value multiplyAdd(Value a, Value b, Value c) {
    auto contract = arith::FastMathFlags::contract;
    Value product = arith::MulFOp::create(builder, loc, a, b, contract);
    return arith::AddFOp::create(builder, loc, product, c, contract);
  }
  /// The polynomial with these coefficients, the constant one first.
  Value polynomial(Value x, ArrayRef<float> coefficients) {
    Value sum = constant(coefficients.back());
    for (float coefficient : llvm::reverse(coefficients.drop_back()))
      sum = multiplyAdd(sum, x, constant(coefficient));
    return sum;
  }
  Value less(Value a, Value b) {
    return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, a, b);
  }
  Value equal(Value a, Value b) {
    return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(builder, loc, condition, a, b);
  }
  /// `a`, or `low` where that is more; NaN stays.
  Value atLeast(Value a, float low) {
    Value lowest = constant(low);
    return select(less(a, lowest), lowest, a);
  }
  /// `a` within the bounds; NaN stays.
  Value clamp(Value a, float low, float high) {
    Value highest = constant(high);
    a = atLeast(a, low);
    return select(less(highest, a), highest, a);
  }
  /// The integer n nearest to `a`, and 2^(n + exponentOffset): 0 and infinity
  /// at the ends -127 and 128 of the exponent's range; any value for NaN.
  std::pair<Value, Value> nearest(Value a, int exponentOffset) {
    Type intType = integerType();
    // The sum's last bits are n with the exponent's bias; the shift leaves only
    // them.
    constexpr float integerBits = 12582912.0f, bias = 127.0f;
    Value magic = constant(integerBits + bias + exponentOffset);
    Value shifted = add(a, magic);
    Value bits = arith::BitcastOp::create(builder, loc, intType, shifted);
    Value places = splat(builder.getI32IntegerAttr(23), intType);
    Value exponent = arith::ShLIOp::create(builder, loc, bits, places);
    return {sub(shifted, magic),
            arith::BitcastOp::create(builder, loc, type, exponent)};
  }

  /// n and m - 1 of a positive normal `a` that is 2^n m with m in
  /// [sqrt(1/2), sqrt(2)].
  std::pair<Value, Value> splitExponent(Value a) {
    Type intType = integerType();
    constexpr int32_t sqrtHalf = 0x3F3504F3;
    Value places = splat(builder.getI32IntegerAttr(23), intType);
    Value lowest = splat(builder.getI32IntegerAttr(sqrtHalf), intType);
    Value bits = arith::BitcastOp::create(builder, loc, intType, a);
    Value above = arith::SubIOp::create(builder, loc, bits, lowest);
    Value n = arith::ShRSIOp::create(builder, loc, above, places);
    Value exponent = arith::ShLIOp::create(builder, loc, n, places);
    Value m = arith::BitcastOp::create(
        builder, loc, type,
        arith::SubIOp::create(builder, loc, bits, exponent));
    return {arith::SIToFPOp::create(builder, loc, type, n),
            sub(m, constant(1.0f))};
  }

private:
  Type integerType() {
    Type intType = builder.getI32Type();
    if (auto vector = dyn_cast<VectorType>(type))
      return vector.clone(intType);
    return intType;
  }
  Value splat(TypedAttr value, Type ofType) {
    if (auto vector = dyn_cast<VectorType>(ofType))
      value = DenseElementsAttr::get(vector, Attribute(value));
    return arith::ConstantOp::create(builder, loc, value);
  }

  OpBuilder &builder;
  Location loc;
  Type type;
};
} // namespace

/// 2^f on [0, 1] with relative error 8.3e-8; exact at 0.
static constexpr float exp2Coefficients[] = {1.0f,           0.693151295f,
                                             0.240164593f,   0.0557995141f,
                                             0.00901748054f, 0.00186695252f};

/// 2 * 2^f on [-1/2, 1/2] with relative error 9.4e-8; exact at 0.
static constexpr float doubledExp2Coefficients[] = {
    2.0f,          1.386294008f,   0.480444938f,
    0.1110142246f, 0.01934258826f, 0.0026538812f};

/// 2 * e^r on [-log(2)/2, log(2)/2] with relative error 3.2e-9; exact at 0.
static constexpr float doubledExpCoefficients[] = {
    2.0f,           2.0f,           0.9999998808f,  0.3333304226f,
    0.08333651721f, 0.01673733816f, 0.002764264587f};

/// log 2 in two parts, the first with few bits: its multiples are exact.
static constexpr float ln2High = 0.693359375f, ln2Low = -2.12194440e-4f;

/// (tanh(x) - x) / x^3 in x^2, for |x| <= 5/8.
static constexpr float tanhCoefficients[] = {
    -0.333333284f, 0.133327141f, -0.0538426153f, 0.020958418f, -0.00604109373f};

/// (log(1 + r) - r + r^2 / 2) / r^3 for 1 + r in [sqrt(1/2), sqrt(2)].
static constexpr float logCoefficients[] = {
    0.333339095f, -0.250013351f, 0.199631006f, -0.165776521f,
    0.149145082f, -0.14266932f,  0.0870040134f};

/// Calls an AVX-512 intrinsic on vectors of 16 or 8: rounding as set, all
/// lanes.
static Value callMasked(OpBuilder &builder, Location loc, const Twine &name,
                        ValueRange operands, VectorType type) {
  SmallVector<Value> arguments(operands);
  int64_t lanes = type.getNumElements();
  Type mask = builder.getIntegerType(lanes);
  arguments.push_back(arith::ConstantOp::create(
      builder, loc, builder.getIntegerAttr(mask, -1)));
  constexpr int currentRounding = 4;
  if (lanes == 16)
    arguments.push_back(arith::ConstantOp::create(
        builder, loc, builder.getI32IntegerAttr(currentRounding)));
  auto full = builder.getStringAttr("llvm.x86.avx512.mask." + name + ".ps." +
                                    Twine(32 * lanes));
  return LLVM::CallIntrinsicOp::create(builder, loc, type, full, arguments)
      .getResult(0);
}

/// vscalefps multiplies by 2^floor(x), saturates, and gives 0 for x of -inf.
static Value emitScaledExp2(OpBuilder &builder, Location loc, Value x) {
  constexpr int exactlyDown = 9; // x - floor(x), without exceptions.
  auto type = cast<VectorType>(x.getType());
  Value mode = arith::ConstantOp::create(
      builder, loc, builder.getI32IntegerAttr(exactlyDown));
  Value fraction = callMasked(builder, loc, "reduce", {x, mode, x}, type);
  Arithmetic f(builder, loc, type);
  Value power = f.polynomial(fraction, exp2Coefficients);
  return callMasked(builder, loc, "scalef", {power, x, power}, type);
}

// 2^n is multiplied in, not added to the exponent bits, which could make a
// number of a NaN; as 2 * 2^(n - 1), so that the largest powers are in range.
Value attn::emitExp2(OpBuilder &builder, Location loc, Value x,
                     const TargetSpec &target, bool nonPositive) {
  auto vector = dyn_cast<VectorType>(x.getType());
  if (target.hasScale && vector && vector.getRank() == 1 &&
      (vector.getDimSize(0) == 16 || vector.getDimSize(0) == 8))
    return emitScaledExp2(builder, loc, x);
  Arithmetic f(builder, loc, x.getType());
  constexpr float lowest = -126.0f;
  x = nonPositive ? f.atLeast(x, lowest) : f.clamp(x, lowest, 129.0f);
  auto [whole, power] = f.nearest(x, /*exponentOffset=*/-1);
  Value fraction = f.sub(x, whole);
  return f.mul(f.polynomial(fraction, doubledExp2Coefficients), power);
}

Value attn::emitExp(OpBuilder &builder, Location loc, Value x) {
  constexpr float log2e = 1.44269504f;
  Arithmetic f(builder, loc, x.getType());
  Value scaled = f.clamp(f.mul(x, f.constant(log2e)), -126.0f, 129.0f);
  auto [whole, power] = f.nearest(scaled, /*exponentOffset=*/-1);
  Value rest = f.multiplyAdd(whole, f.constant(-ln2High), x);
  rest = f.multiplyAdd(whole, f.constant(-ln2Low), rest);
  // Beyond the clamp only the power decides.
  rest = f.clamp(rest, -1.0f, 1.0f);
  return f.mul(f.polynomial(rest, doubledExpCoefficients), power);
}

// 1 - 2 / (e^2|x| + 1), but near 0, where that would cancel, an odd polynomial.
Value attn::emitTanh(OpBuilder &builder, Location loc, Value x,
                     const TargetSpec &target) {
  constexpr float twoLog2e = 2.88539008f, smallest = 0.625f;
  Arithmetic f(builder, loc, x.getType());
  Value magnitude = f.abs(x), one = f.constant(1.0f);
  Value power =
      emitExp2(builder, loc, f.mul(magnitude, f.constant(twoLog2e)), target);
  Value large = f.sub(one, f.div(f.constant(2.0f), f.add(power, one)));
  Value square = f.mul(magnitude, magnitude);
  Value small =
      f.multiplyAdd(f.mul(magnitude, square),
                    f.polynomial(square, tanhCoefficients), magnitude);
  Value isSmall = f.less(magnitude, f.constant(smallest));
  return math::CopySignOp::create(builder, loc, f.select(isSmall, small, large),
                                  x);
}

// x = 2^n m with m in [sqrt(1/2), sqrt(2)], so that nothing cancels near 1;
// log(m) = r - r^2 / 2 + r^3 p(r) with r = m - 1.
Value attn::emitLog(OpBuilder &builder, Location loc, Value x, LogBase base) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  Arithmetic f(builder, loc, x.getType());
  Value zero = f.constant(0.0f);
  // Subnormal numbers become normal by 2^23.
  Value isTiny = f.less(x, f.constant(std::numeric_limits<float>::min()));
  Value normal = f.select(isTiny, f.mul(x, f.constant(8388608.0f)), x);
  auto [exponent, rest] = f.splitExponent(normal);
  exponent = f.select(isTiny, f.sub(exponent, f.constant(23.0f)), exponent);
  Value square = f.mul(rest, rest);
  Value higher =
      f.mul(f.mul(rest, square), f.polynomial(rest, logCoefficients));
  higher = f.multiplyAdd(square, f.constant(-0.5f), higher);
  Value result;
  if (base == LogBase::E) {
    higher = f.multiplyAdd(exponent, f.constant(ln2Low), higher);
    result = f.multiplyAdd(exponent, f.constant(ln2High), f.add(rest, higher));
  } else {
    // log2(e) is 1 and the rest.
    constexpr float log2eLess1 = 0.442695041f;
    result = f.mul(higher, f.constant(log2eLess1));
    result = f.multiplyAdd(rest, f.constant(log2eLess1), result);
    result = f.add(f.add(f.add(result, higher), rest), exponent);
  }
  result = f.select(f.less(x, f.constant(infinity)), result, x);
  Value isPositive = f.less(zero, x);
  Value special = f.select(f.equal(x, zero), f.constant(-infinity),
                           f.constant(std::nanf("")));
  return f.select(isPositive, result, special);
}
