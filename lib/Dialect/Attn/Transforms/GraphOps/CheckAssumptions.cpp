//===- CheckAssumptions.cpp - Require what is stated -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/AttnFacts.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"
#include "attn/Dialect/Attn/IR/Requirements.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::attn {
#define GEN_PASS_DEF_CHECKASSUMPTIONSPASS
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// What a message calls `value`.
static std::string nameOf(Value value) {
  return "'" + getSourceName(value, "a value") + "'";
}

/// Whether `holds` is true at all positions of `tensor`, but the last `margin`
/// ones of its last dimension.
static Value
emitEverywhere(OpBuilder &b, Location loc, Value tensor, int64_t margin,
               SmallVector<Value> &at,
               function_ref<Value(OpBuilder &, ArrayRef<Value>)> holds) {
  int64_t rank = cast<ShapedType>(tensor.getType()).getRank();
  int64_t dim = at.size();
  if (dim == rank)
    return holds(b, at);
  Value count = emitDim(b, loc, tensor, dim);
  if (dim + 1 == rank && margin)
    count = arith::SubIOp::create(
        b, loc, count, arith::ConstantIndexOp::create(b, loc, margin));
  return emitForAll(b, loc, count, [&](OpBuilder &inner, Value position) {
    at.push_back(position);
    Value all = emitEverywhere(inner, loc, tensor, margin, at, holds);
    at.pop_back();
    return all;
  });
}

static void requireAscending(OpBuilder &b, Operation *op, Value tensor) {
  Location loc = op->getLoc();
  SmallVector<Value> start;
  auto rises = [&](OpBuilder &inner, ArrayRef<Value> at) -> Value {
    SmallVector<Value> next(at);
    next.back() = arith::AddIOp::create(
        inner, loc, at.back(), arith::ConstantIndexOp::create(inner, loc, 1));
    Value low = tensor::ExtractOp::create(inner, loc, tensor, at);
    Value high = tensor::ExtractOp::create(inner, loc, tensor, next);
    return arith::CmpIOp::create(inner, loc, arith::CmpIPredicate::sle, low,
                                 high);
  };
  emitRequirement(b, loc, op,
                  emitEverywhere(b, loc, tensor, /*margin=*/1, start, rises),
                  nameOf(tensor) + " falls along its last dimension; it is "
                                   "stated to ascend");
}

static std::string describeBounds(AssumeOp op) {
  std::string text;
  if (op.getAtLeast())
    text = "at least " + std::to_string(*op.getAtLeast());
  if (op.getAtMost())
    text += (text.empty() ? "at most " : " and at most ") +
            std::to_string(*op.getAtMost());
  return text;
}

/// Whether `number` lies within the bounds.
static Value emitWithin(OpBuilder &b, AssumeOp op, Value number) {
  Location loc = op.getLoc();
  auto compare = [&](arith::CmpIPredicate predicate,
                     std::optional<int64_t> limit) -> Value {
    if (!limit)
      return {};
    Value bound = arith::ConstantOp::create(
        b, loc, b.getIntegerAttr(number.getType(), *limit));
    return arith::CmpIOp::create(b, loc, predicate, number, bound);
  };
  return conjunction(b, loc,
                     compare(arith::CmpIPredicate::sge, op.getAtLeast()),
                     compare(arith::CmpIPredicate::sle, op.getAtMost()));
}

static void requireBounds(OpBuilder &b, AssumeOp op) {
  Location loc = op.getLoc();
  Value value = op.getValue();
  std::string bounds = describeBounds(op);
  if (isa<ShapedType>(value.getType())) {
    SmallVector<Value> start;
    auto within = [&](OpBuilder &inner, ArrayRef<Value> at) {
      Value element = tensor::ExtractOp::create(inner, loc, value, at);
      return emitWithin(inner, op, element);
    };
    return emitRequirement(
        b, loc, op, emitEverywhere(b, loc, value, /*margin=*/0, start, within),
        "an element of " + nameOf(value) + " is not " + bounds +
            ", as all are stated to be");
  }
  Value number = value;
  if (!number.getType().isIndex())
    number = arith::IndexCastOp::create(b, loc, b.getIndexType(), number);
  emitRequirement(b, loc, op, emitWithin(b, op, value),
                  nameOf(value) + " is {0}; it is stated to be " + bounds,
                  number);
}

namespace {
struct CheckAssumptions
    : public attn::impl::CheckAssumptionsPassBase<CheckAssumptions> {
  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      OpBuilder builder(op);
      if (auto document = dyn_cast<MaskDocumentOp>(op);
          document && document.getSorted()) {
        requireAscending(builder, op, document.getIds());
        if (document.getKeyIds())
          requireAscending(builder, op, document.getKeyIds());
      }
      auto assume = dyn_cast<AssumeOp>(op);
      if (!assume || assume.getProved())
        return;
      if (assume.getAscending())
        requireAscending(builder, op, assume.getValue());
      if (assume.getAtLeast() || assume.getAtMost())
        requireBounds(builder, assume);
    });
  }
};
} // namespace
