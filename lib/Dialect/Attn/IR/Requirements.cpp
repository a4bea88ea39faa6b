//===- Requirements.cpp - What captures must satisfy at a call --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Requirements.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attn;

void attn::emitRequirement(OpBuilder &builder, Location loc, Operation *op,
                           Value condition, const Twine &message,
                           ValueRange values) {
  std::string text = (op->getName().stripDialect() + ": " + message).str();
  RequireOp::create(builder, loc, condition, text, values);
}

Value attn::emitIsPositive(OpBuilder &builder, Location loc, Value number) {
  auto compare = [&](arith::CmpFPredicate predicate, double limit) -> Value {
    Value bound = arith::ConstantOp::create(
        builder, loc, builder.getFloatAttr(number.getType(), limit));
    return arith::CmpFOp::create(builder, loc, predicate, number, bound);
  };
  Value above = compare(arith::CmpFPredicate::OGT, 0.0);
  Value finite = compare(arith::CmpFPredicate::OLT,
                         std::numeric_limits<double>::infinity());
  return conjunction(builder, loc, above, finite);
}

Value attn::emitForAll(OpBuilder &builder, Location loc, Value count,
                       function_ref<Value(OpBuilder &, Value)> holds) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value yes = arith::ConstantIntOp::create(builder, loc, 1, 1);
  auto loop = scf::ForOp::create(
      builder, loc, zero, count, one, yes,
      [&](OpBuilder &b, Location loc, Value position, ValueRange soFar) {
        Value here = holds(b, position);
        scf::YieldOp::create(b, loc, conjunction(b, loc, soFar[0], here));
      });
  return loop.getResult(0);
}

//===----------------------------------------------------------------------===//
// Masks and score modifiers
//===----------------------------------------------------------------------===//

/// `offsets` do not decrease.
static void requireSorted(OpBuilder &builder, Location loc, Operation *op,
                          StringRef name, Value offsets, Value count) {
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value pairs = arith::SubIOp::create(builder, loc, count, one);
  Value sorted = emitForAll(
      builder, loc, pairs, [&](OpBuilder &b, Value position) -> Value {
        Value next = arith::AddIOp::create(b, loc, position, one);
        Value low = tensor::ExtractOp::create(b, loc, offsets, position);
        Value high = tensor::ExtractOp::create(b, loc, offsets, next);
        return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, low,
                                     high);
      });
  emitRequirement(builder, loc, op, sorted,
                  name + " decrease; they must be in ascending order");
}

static void require(OpBuilder &builder, Location loc,
                    MaskDocumentOffsetsOp op) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value count = emitDim(builder, loc, op.getOffsets(), 0);
  Value some = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sgt,
                                     count, zero);
  emitRequirement(builder, loc, op, some,
                  "there are no offsets; it takes one more than documents, at "
                  "least 1");
  requireSorted(builder, loc, op, "offsets", op.getOffsets(), count);
  if (!op.getKeyOffsets())
    return;
  Value keyCount = emitDim(builder, loc, op.getKeyOffsets(), 0);
  Value equal = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                      count, keyCount);
  emitRequirement(builder, loc, op, equal,
                  "there are {0} offsets of queries and {1} of keys; they must "
                  "be equal",
                  {count, keyCount});
  requireSorted(builder, loc, op, "key offsets", op.getKeyOffsets(), keyCount);
}

/// `value`, an integer or one per batch, lies within 2^`exponent` of 0.
static void requireWithin(OpBuilder &builder, Location loc, Operation *op,
                          StringRef name, Value value, unsigned exponent) {
  if (!value)
    return;
  Type type = getElementTypeOrSelf(value.getType());
  if (type.isInteger() && type.getIntOrFloatBitWidth() <= exponent)
    return;
  auto isWithin = [&](OpBuilder &b, Value number) {
    auto compare = [&](arith::CmpIPredicate predicate, int64_t limit) -> Value {
      Value bound =
          arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, limit));
      return arith::CmpIOp::create(b, loc, predicate, number, bound);
    };
    int64_t limit = int64_t(1) << exponent;
    return conjunction(b, loc, compare(arith::CmpIPredicate::sge, -limit),
                       compare(arith::CmpIPredicate::sle, limit));
  };
  std::string limits =
      llvm::formatv(" is not between -2^{0} and 2^{0}", exponent);
  if (!isa<ShapedType>(value.getType())) {
    Value index = builder.createOrFold<arith::IndexCastOp>(
        loc, builder.getIndexType(), value);
    emitRequirement(builder, loc, op, isWithin(builder, value),
                    name + " {0}" + limits, index);
    return;
  }
  Value all = emitForAll(
      builder, loc, emitDim(builder, loc, value, 0),
      [&](OpBuilder &b, Value position) {
        return isWithin(b, tensor::ExtractOp::create(b, loc, value, position));
      });
  emitRequirement(builder, loc, op, all, "an " + name + limits);
}

/// The offset is held to less than the sides: the sum of both has to fit.
static void require(OpBuilder &builder, Location loc, MaskWindowOp op) {
  if (!op.getOffset())
    return;
  requireWithin(builder, loc, op, "past", op.getDynamicPast(), 62);
  requireWithin(builder, loc, op, "future", op.getDynamicFuture(), 62);
  requireWithin(builder, loc, op, "offset", op.getOffset(), 61);
}

static void require(OpBuilder &builder, Location loc, ScoreSoftcapOp op) {
  emitRequirement(builder, loc, op, emitIsPositive(builder, loc, op.getCap()),
                  "cap is not finite and greater than 0");
}

static void require(OpBuilder &builder, Location loc, ScoreRelativeBiasOp op) {
  int64_t last = op.getTable().getType().getRank() - 1;
  Value entries = emitDim(builder, loc, op.getTable(), last);
  Value two = arith::ConstantIndexOp::create(builder, loc, 2);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value rest = arith::RemUIOp::create(builder, loc, entries, two);
  Value odd =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, rest, one);
  emitRequirement(builder, loc, op, odd,
                  "the table has {0} entries; it takes an odd number, 2R + 1",
                  entries);
}

void attn::emitContentRequirements(OpBuilder &builder, Location loc,
                                   Operation *modifier) {
  llvm::TypeSwitch<Operation *>(modifier)
      .Case<MaskWindowOp, MaskDocumentOffsetsOp, ScoreSoftcapOp,
            ScoreRelativeBiasOp>([&](auto op) { require(builder, loc, op); });
}
