//===- ChoosePlans.cpp - Decides how each attend op is computed -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../PassTarget.h"

#include "attn/Dialect/Attn/Transforms/PlanPasses.h"
#include "attn/Dialect/Attn/Transforms/TilePlan.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::attn {
#define GEN_PASS_DEF_CHOOSEPLANSPASS
#include "attn/Dialect/Attn/Transforms/PlanPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Whether a call of so many queries and keys is for `variant`.
static Value emitServes(OpBuilder &b, Location loc, const PlanVariant &variant,
                        Value queries, Value keys) {
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  auto compare = [&](arith::CmpIPredicate predicate, Value size,
                     int64_t to) -> Value {
    return arith::CmpIOp::create(b, loc, predicate, size, index(to));
  };
  if (ShapedType::isDynamic(variant.keys))
    return compare(arith::CmpIPredicate::eq, queries, variant.queries);
  Value takes;
  if (variant.plan.filled)
    takes = compare(
        arith::CmpIPredicate::eq,
        arith::RemUIOp::create(b, loc, queries, index(variant.plan.queries)),
        0);
  else
    takes = compare(arith::CmpIPredicate::ule, queries, variant.queries);
  return arith::AndIOp::create(
      b, loc, takes, compare(arith::CmpIPredicate::ule, keys, variant.keys));
}

/// `op` by the first of the plans that serves a call; the last serves any.
static SmallVector<Value> emitVariants(OpBuilder &builder, AttendOp op,
                                       Value queries, Value keys,
                                       ArrayRef<PlanVariant> variants) {
  Location loc = op.getLoc();
  const PlanVariant &first = variants.front();
  if (variants.size() == 1) {
    auto clone = cast<AttendOp>(builder.clone(*op));
    first.plan.attachTo(clone);
    if (first.queries == 1)
      return fixQueries(builder, clone, 1);
    return SmallVector<Value>(clone->getResults());
  }
  auto choice = scf::IfOp::create(
      builder, loc, emitServes(builder, loc, first, queries, keys),
      [&](OpBuilder &b, Location loc) {
        scf::YieldOp::create(b, loc, emitVariants(b, op, queries, keys, first));
      },
      [&](OpBuilder &b, Location loc) {
        scf::YieldOp::create(
            b, loc, emitVariants(b, op, queries, keys, variants.drop_front()));
      });
  return SmallVector<Value>(choice.getResults());
}

static void choosePlan(AttendOp op, const TargetSpec &target) {
  SmallVector<PlanVariant> variants = getPlanVariants(target, op);
  if (variants.size() == 1)
    return variants.front().plan.attachTo(op);
  IRRewriter rewriter(op);
  SmallVector<Range> domain = op.getIterationDomain(rewriter);
  auto sizeOf = [&](unsigned dim) {
    return getValueOrCreateConstantIndexOp(rewriter, op.getLoc(),
                                           domain[dim].size);
  };
  rewriter.replaceOp(op, emitVariants(rewriter, op, sizeOf(AttendOp::I),
                                      sizeOf(AttendOp::J), variants));
}

namespace {
struct ChoosePlans : public attn::impl::ChoosePlansPassBase<ChoosePlans> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<TargetSpec> spec = getPassTarget(getOperation(), target);
    if (failed(spec))
      return signalPassFailure();
    for (AttendOp op : getAttendOps(getOperation()))
      if (op.getOffsets().empty())
        choosePlan(op, *spec);
  }
};
} // namespace
