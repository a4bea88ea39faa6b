//===- IntegerOps.cpp - Integer operations at declared widths ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarOps.h"

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

static constexpr double infinity = std::numeric_limits<double>::infinity();

static unsigned widthOf(Type type) {
  return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
}

static APInt toAPInt(Type type, int64_t value) {
  return APInt(widthOf(type), static_cast<uint64_t>(value), /*isSigned=*/true,
               /*implicitTrunc=*/true);
}

static int64_t fromAPInt(Type type, const APInt &value) {
  return wrapToType(type, value.getSExtValue());
}

/// What is left of a result whose operands may be off: exact, or not known.
static double unknownUnlessExact(const ScalarCall &call) {
  for (const Scalar &operand : call.operands)
    if (!operand.isExact())
      return infinity;
  return 0;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

template <APInt (*function)(const APInt &, const APInt &)>
static Scalar evaluateBinary(const ScalarCall &call) {
  Type type = call.resultType();
  APInt value = function(toAPInt(type, call[0].integer),
                         toAPInt(type, call[1].integer));
  return Scalar::ofInteger(fromAPInt(type, value), unknownUnlessExact(call));
}

template <APInt (*function)(const APInt &, const APInt &)>
static llvm::Expected<Scalar> evaluateDivision(const ScalarCall &call) {
  if (call[1].integer == 0)
    return opError(call.op, "divides by 0");
  return evaluateBinary<function>(call);
}

static APInt add(const APInt &a, const APInt &b) { return a + b; }
static APInt sub(const APInt &a, const APInt &b) { return a - b; }
static APInt mul(const APInt &a, const APInt &b) { return a * b; }
static APInt bitXor(const APInt &a, const APInt &b) { return a ^ b; }
static APInt shl(const APInt &a, const APInt &b) { return a.shl(b); }
static APInt shrs(const APInt &a, const APInt &b) { return a.ashr(b); }
static APInt shru(const APInt &a, const APInt &b) { return a.lshr(b); }
static APInt maxs(const APInt &a, const APInt &b) { return a.sgt(b) ? a : b; }
static APInt maxu(const APInt &a, const APInt &b) { return a.ugt(b) ? a : b; }
static APInt mins(const APInt &a, const APInt &b) { return a.slt(b) ? a : b; }
static APInt minu(const APInt &a, const APInt &b) { return a.ult(b) ? a : b; }
static APInt divs(const APInt &a, const APInt &b) { return a.sdiv(b); }
static APInt divu(const APInt &a, const APInt &b) { return a.udiv(b); }
static APInt rems(const APInt &a, const APInt &b) { return a.srem(b); }
static APInt remu(const APInt &a, const APInt &b) { return a.urem(b); }

static bool signsDiffer(const APInt &a, const APInt &b) {
  return a.isNegative() != b.isNegative();
}

static APInt floorDiv(const APInt &a, const APInt &b) {
  APInt quotient = a.sdiv(b);
  return !a.srem(b).isZero() && signsDiffer(a, b) ? quotient - 1 : quotient;
}

static APInt ceilDiv(const APInt &a, const APInt &b) {
  APInt quotient = a.sdiv(b);
  return !a.srem(b).isZero() && !signsDiffer(a, b) ? quotient + 1 : quotient;
}

static APInt ceilDivU(const APInt &a, const APInt &b) {
  return a.urem(b).isZero() ? a.udiv(b) : a.udiv(b) + 1;
}

static APInt floorMod(const APInt &a, const APInt &b) {
  APInt rest = a.srem(b);
  return !rest.isZero() && signsDiffer(rest, b) ? rest + b : rest;
}

static Scalar evaluateAbs(const ScalarCall &call) {
  Type type = call.resultType();
  return Scalar::ofInteger(
      fromAPInt(type, toAPInt(type, call[0].integer).abs()), call[0].bound);
}

static llvm::Expected<Scalar> evaluateIPowI(const ScalarCall &call) {
  Type type = call.resultType();
  APInt base = toAPInt(type, call[0].integer), power(widthOf(type), 1);
  uint64_t exponent = call[1].integer;
  bool inverse = call[1].integer < 0;
  if (inverse) {
    if (base.isZero())
      return opError(call.op, "divides by 0");
    if (!base.isOne() && !base.isAllOnes())
      return Scalar::ofInteger(0, unknownUnlessExact(call));
  }
  // The sign of an exponent does not matter to 1 and -1.
  for (; exponent; exponent >>= 1, base *= base)
    if (exponent & 1)
      power *= base;
  return Scalar::ofInteger(fromAPInt(type, power), unknownUnlessExact(call));
}

//===----------------------------------------------------------------------===//
// Logic, comparison, choice
//===----------------------------------------------------------------------===//

/// `and` (absorbed by 0) and `or` (absorbed by all ones): an exact absorbing
/// operand decides, whatever the other is.
template <bool isAnd>
static Scalar evaluateLogic(const ScalarCall &call) {
  int64_t a = call[0].integer, b = call[1].integer;
  int64_t absorbing = isAnd ? 0 : wrapToType(call.resultType(), -1);
  double bound = unknownUnlessExact(call);
  for (const Scalar &operand : call.operands)
    if (operand.isExact() && operand.integer == absorbing)
      bound = 0;
  return Scalar::ofInteger(isAnd ? a & b : a | b, bound);
}

static Scalar evaluateCmpI(const ScalarCall &call) {
  Type type = call.operandType(0);
  double slack = call[0].bound + call[1].bound;
  double distance = std::fabs(static_cast<double>(call[0].integer) -
                              static_cast<double>(call[1].integer));
  bool result = arith::applyCmpPredicate(
      cast<arith::CmpIOp>(call.op).getPredicate(),
      toAPInt(type, call[0].integer), toAPInt(type, call[1].integer));
  return Scalar::ofInteger(result, slack > 0 && distance <= slack ? 1 : 0);
}

static Scalar evaluateSelect(const ScalarCall &call) {
  Scalar chosen = call[0].integer ? call[1] : call[2];
  if (call[0].isExact())
    return chosen;
  double distance = isa<FloatType>(call.resultType())
                        ? std::fabs(call[1].real - call[2].real)
                        : std::fabs(static_cast<double>(call[1].integer) -
                                    static_cast<double>(call[2].integer));
  double bound = distance + std::max(call[1].bound, call[2].bound);
  chosen.bound = std::isnan(bound) ? infinity : bound;
  return chosen;
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

template <bool isSigned>
static Scalar evaluateCast(const ScalarCall &call) {
  APInt value = toAPInt(call.operandType(0), call[0].integer);
  unsigned width = widthOf(call.resultType());
  APInt resized =
      isSigned ? value.sextOrTrunc(width) : value.zextOrTrunc(width);
  return Scalar::ofInteger(fromAPInt(call.resultType(), resized),
                           unknownUnlessExact(call));
}

static Scalar evaluateBitcast(const ScalarCall &call) {
  Type from = call.operandType(0), to = call.resultType();
  bool fromFloat = isa<FloatType>(from);
  uint64_t bits = call[0].integer;
  if (fromFloat) {
    APFloat number(roundToType(from, call[0].real));
    bool inexact;
    number.convert(cast<FloatType>(from).getFloatSemantics(),
                   APFloat::rmNearestTiesToEven, &inexact);
    bits = number.bitcastToAPInt().getZExtValue();
  }
  double bound = unknownUnlessExact(call);
  auto floatType = dyn_cast<FloatType>(to);
  if (!floatType)
    return Scalar::ofInteger(wrapToType(to, bits), bound);
  APFloat number(floatType.getFloatSemantics(), toAPInt(floatType, bits));
  return Scalar::ofReal(number.convertToDouble(), bound);
}

void reference::addIntegerOps(ScalarTable &table) {
  table.add<arith::AddIOp>(evaluateBinary<add>);
  table.add<arith::SubIOp>(evaluateBinary<sub>);
  table.add<arith::MulIOp>(evaluateBinary<mul>);
  table.add<arith::XOrIOp>(evaluateBinary<bitXor>);
  table.add<arith::ShLIOp>(evaluateBinary<shl>);
  table.add<arith::ShRSIOp>(evaluateBinary<shrs>);
  table.add<arith::ShRUIOp>(evaluateBinary<shru>);
  table.add<arith::MaxSIOp>(evaluateBinary<maxs>);
  table.add<arith::MaxUIOp>(evaluateBinary<maxu>);
  table.add<arith::MinSIOp>(evaluateBinary<mins>);
  table.add<arith::MinUIOp>(evaluateBinary<minu>);
  table.addPartial<arith::DivSIOp>(evaluateDivision<divs>);
  table.addPartial<arith::DivUIOp>(evaluateDivision<divu>);
  table.addPartial<arith::RemSIOp>(evaluateDivision<rems>);
  table.addPartial<arith::RemUIOp>(evaluateDivision<remu>);
  table.addPartial<arith::FloorDivSIOp>(evaluateDivision<floorDiv>);
  table.addPartial<arith::CeilDivSIOp>(evaluateDivision<ceilDiv>);
  table.addPartial<arith::CeilDivUIOp>(evaluateDivision<ceilDivU>);
  table.addPartial<attn::FloorModOp>(evaluateDivision<floorMod>);
  table.addPartial<math::IPowIOp>(evaluateIPowI);
  table.add<math::AbsIOp>(evaluateAbs);
  table.add<arith::AndIOp>(evaluateLogic<true>);
  table.add<arith::OrIOp>(evaluateLogic<false>);
  table.add<arith::CmpIOp>(evaluateCmpI);
  table.add<arith::SelectOp>(evaluateSelect);
  table.add<arith::ExtSIOp, arith::IndexCastOp>(evaluateCast<true>);
  table.add<arith::ExtUIOp, arith::TruncIOp, arith::IndexCastUIOp>(
      evaluateCast<false>);
  table.add<arith::BitcastOp>(evaluateBitcast);
}

//===----------------------------------------------------------------------===//
// Dispatch
//===----------------------------------------------------------------------===//

static const ScalarTable &getTable() {
  static const ScalarTable table = [] {
    ScalarTable all;
    addFloatOps(all);
    addIntegerOps(all);
    return all;
  }();
  return table;
}

llvm::Error reference::opError(Operation *op, const llvm::Twine &message) {
  return llvm::createStringError("'" + op->getName().getStringRef() + "' " +
                                 message);
}

bool reference::isScalarOp(Operation *op) { return getTable().lookup(op); }

llvm::Expected<Scalar>
reference::evaluateScalarOp(Operation *op, ArrayRef<Scalar> operands,
                            Arithmetic arithmetic) {
  const ScalarTable::Entry *entry = getTable().lookup(op);
  if (!entry)
    return opError(op, "is not supported by the reference");
  ScalarCall call{op, operands, arithmetic};
  return entry->total ? llvm::Expected<Scalar>(entry->total(call))
                      : entry->partial(call);
}
