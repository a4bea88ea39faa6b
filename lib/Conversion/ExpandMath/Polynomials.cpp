//===- Polynomials.cpp - f32 functions as arithmetic -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Polynomials.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

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
  Value floor(Value a) { return math::FloorOp::create(builder, loc, a); }
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
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(builder, loc, condition, a, b);
  }
  /// `a` within the bounds; NaN stays.
  Value clamp(Value a, float low, float high) {
    Value lowest = constant(low), highest = constant(high);
    a = select(less(a, lowest), lowest, a);
    return select(less(highest, a), highest, a);
  }
  /// 2^n for an integral n in [-127, 128], where the ends give 0 and infinity;
  /// any value for NaN.
  Value powerOfTwo(Value n) {
    Type intType = builder.getI32Type();
    if (auto vector = dyn_cast<VectorType>(type))
      intType = vector.clone(intType);
    // The sum's last bits are n with the exponent's bias; the shift leaves only
    // them.
    constexpr float integerBits = 12582912.0f, bias = 127.0f;
    Value shifted = add(n, constant(integerBits + bias));
    Value bits = arith::BitcastOp::create(builder, loc, intType, shifted);
    Value places = splat(builder.getI32IntegerAttr(23), intType);
    Value exponent = arith::ShLIOp::create(builder, loc, bits, places);
    return arith::BitcastOp::create(builder, loc, type, exponent);
  }

private:
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

/// Minimax on [0, 1] with relative error 2.1e-9; exact at 0.
static constexpr float exp2Coefficients[] = {1.0f,
                                             0.6931470632553101f,
                                             0.2402293086051941f,
                                             0.055485282093286514f,
                                             0.009675451554358006f,
                                             0.0012467846972867846f,
                                             0.00021612914861179888f};

/// Minimax on [0, log 2] with relative error 2.1e-9; exact at 0.
static constexpr float expCoefficients[] = {1.0f,
                                            0.9999998211860657f,
                                            0.500005841255188f,
                                            0.16661013662815094f,
                                            0.04191499203443527f,
                                            0.007792272605001926f,
                                            0.0019487700192257762f};

// The fraction lies in [0, 1), not around 0, so that powers up to the largest
// float need no second scaling. 2^n is multiplied in, not added to the exponent
// bits, which could make a number of a NaN.
Value attn::emitExp2(OpBuilder &builder, Location loc, Value x) {
  Arithmetic f(builder, loc, x.getType());
  x = f.clamp(x, -127.0f, 128.0f);
  Value whole = f.floor(x);
  Value fraction = f.sub(x, whole);
  return f.mul(f.polynomial(fraction, exp2Coefficients), f.powerOfTwo(whole));
}

Value attn::emitExp(OpBuilder &builder, Location loc, Value x) {
  // log 2 in two parts, the first with few bits: its multiples are exact.
  constexpr float log2e = 1.44269504f;
  constexpr float ln2High = 0.693359375f, ln2Low = -2.12194440e-4f;
  Arithmetic f(builder, loc, x.getType());
  Value scaled = f.clamp(f.mul(x, f.constant(log2e)), -127.0f, 128.0f);
  Value whole = f.floor(scaled);
  Value rest = f.multiplyAdd(whole, f.constant(-ln2High), x);
  rest = f.multiplyAdd(whole, f.constant(-ln2Low), rest);
  // Beyond the clamp only the power decides.
  rest = f.clamp(rest, -1.0f, 1.0f);
  return f.mul(f.polynomial(rest, expCoefficients), f.powerOfTwo(whole));
}

// A rational approximation, odd in x, so that the relative error holds near 0.
Value attn::emitTanh(OpBuilder &builder, Location loc, Value x) {
  static constexpr float numerator[] = {
      4.89352455891786e-03f, 6.37261928875436e-04f,  1.48572235717979e-05f,
      5.12229709037114e-08f, -8.60467152213735e-11f, 2.00018790482477e-13f,
      -2.76076847742355e-16f};
  static constexpr float denominator[] = {
      4.89352518554385e-03f, 2.26843463243900e-03f, 1.18534705686654e-04f,
      1.19825839466702e-06f};
  Arithmetic f(builder, loc, x.getType());
  Value clamped = f.clamp(x, -7.90531110763549805f, 7.90531110763549805f);
  Value square = f.mul(clamped, clamped);
  Value odd = f.mul(clamped, f.polynomial(square, numerator));
  Value ratio = f.div(odd, f.polynomial(square, denominator));
  Value tiny = f.less(f.abs(x), f.constant(0.0004f));
  return f.select(tiny, x, ratio);
}
