//===- SizeChecks.cpp - Requirements on sizes that types leave open -----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SizeChecks.h"
#include "CanonicalLayout.h"

#include "attn/Dialect/Attn/IR/Requirements.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::attn;

SizeChecks::Named SizeChecks::of(const Twine &name, Value tensor, int64_t dim) {
  return {name.str(), tensor::getMixedSize(b, op->getLoc(), tensor, dim)};
}

Value SizeChecks::asValue(OpFoldResult size) {
  return getValueOrCreateConstantIndexOp(b, op->getLoc(), size);
}

void SizeChecks::require(Value condition, const Twine &message,
                         ValueRange values) {
  emitRequirement(b, op->getLoc(), op, condition, message, values);
}

void SizeChecks::same(StringRef what, Named lhs, Named rhs) {
  if (getConstantIntValue(lhs.size) && getConstantIntValue(rhs.size))
    return;
  Value left = asValue(lhs.size), right = asValue(rhs.size);
  Value equal = arith::CmpIOp::create(b, op->getLoc(), arith::CmpIPredicate::eq,
                                      left, right);
  require(equal,
          lhs.name + " has " + what.str() + " {0}, " + rhs.name +
              " has {1}; they must be equal",
          {left, right});
}

/// Of 0 only 0 is a multiple; the division does not trap.
Value SizeChecks::isMultiple(Value value, Value divisor) {
  Location loc = op->getLoc();
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value positive = arith::MaxSIOp::create(b, loc, divisor, one);
  Value quotient = arith::DivSIOp::create(b, loc, value, positive);
  Value covered = arith::MulIOp::create(b, loc, quotient, divisor);
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, covered,
                               value);
}

void SizeChecks::groups(Named lhs, Named rhs) {
  if (getConstantIntValue(lhs.size) && getConstantIntValue(rhs.size))
    return;
  Value left = asValue(lhs.size), right = asValue(rhs.size);
  if (auto stated = op->getAttrOfType<IntegerAttr>(groupSizeAttr)) {
    Location loc = op->getLoc();
    Value group = arith::ConstantIndexOp::create(b, loc, stated.getInt());
    Value due = arith::MulIOp::create(b, loc, right, group);
    Value equal =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, left, due);
    return require(equal,
                   lhs.name + " has {0} heads, " + rhs.name + " has {1}; " +
                       groupSizeAttr + " states {2} times as many",
                   {left, right, group});
  }
  require(isMultiple(left, right),
          lhs.name + " has {0} heads, " + rhs.name + " has {1}; " + lhs.name +
              " heads must be a multiple of " + rhs.name + " heads",
          {left, right});
}

void SizeChecks::multiple(StringRef what, Named size, int64_t divisor,
                          StringRef why) {
  if (getConstantIntValue(size.size))
    return;
  Value value = asValue(size.size);
  Value unit = arith::ConstantIndexOp::create(b, op->getLoc(), divisor);
  require(isMultiple(value, unit),
          size.name + " has " + what.str() +
              " {0}; it must be a multiple of {1}: " + why.str(),
          {value, unit});
}

void SizeChecks::result(StringRef name, Value result,
                        ArrayRef<DimSource> sources) {
  auto type = cast<ShapedType>(result.getType());
  for (auto [dim, source] : llvm::enumerate(sources)) {
    if (type.isDynamicDim(dim) || !ShapedType::isDynamic(source.size()))
      continue;
    Value actual = asValue(
        tensor::getMixedSize(b, op->getLoc(), source.value, source.dim));
    Value expected =
        arith::ConstantIndexOp::create(b, op->getLoc(), type.getDimSize(dim));
    Value equal = arith::CmpIOp::create(
        b, op->getLoc(), arith::CmpIPredicate::eq, actual, expected);
    require(equal,
            name + " has size {0} in dimension " + Twine(dim) +
                "; its type says {1}",
            {actual, expected});
  }
}

void attn::checkAttentionSizes(OpBuilder &builder, AttentionOpInterface op,
                               bool featureSizesAgree) {
  SizeChecks checks(builder, op);
  AttentionLayout layout = AttentionLayout::get(op);
  auto query = [&](int64_t dim) {
    return checks.of("query", op.getQuery(), dim);
  };
  auto key = [&](int64_t dim) { return checks.of("key", op.getKey(), dim); };
  auto value = [&](int64_t dim) {
    return checks.of("value", op.getValue(), dim);
  };
  for (int64_t dim : layout.batch) {
    checks.same("batch size", query(dim), key(dim));
    checks.same("batch size", query(dim), value(dim));
  }
  if (layout.head) {
    checks.same("head count", key(*layout.head), value(*layout.head));
    checks.groups(query(*layout.head), key(*layout.head));
  }
  checks.same("length", key(layout.length), value(layout.length));
  if (featureSizesAgree)
    checks.same("head size", query(layout.feature), key(layout.feature));
  ResultDims dims = ResultDims::get(op, layout);
  checks.result("output", op.getOutput(), dims.output);
  if (op.getLse())
    checks.result("lse", op.getLse(), dims.lse);
  if (op.getWeights())
    checks.result("weights", op.getWeights(), dims.weights);
}
