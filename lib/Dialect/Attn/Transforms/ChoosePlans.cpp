//===- ChoosePlans.cpp - Decides how each attend op is computed -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PassTarget.h"

#include "attn/Dialect/Attn/Transforms/PlanPasses.h"
#include "attn/Dialect/Attn/Transforms/TilePlan.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::attn {
#define GEN_PASS_DEF_CHOOSEPLANSPASS
#include "attn/Dialect/Attn/Transforms/PlanPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// `operand` with a static size of 1 for queries.
static Value castToOneQuery(OpBuilder &builder, Location loc, Value operand,
                            AffineMap map) {
  auto type = cast<RankedTensorType>(operand.getType());
  SmallVector<int64_t> shape(type.getShape());
  AffineExpr query = builder.getAffineDimExpr(AttendOp::I);
  shape[*map.getResultPosition(query)] = 1;
  return tensor::CastOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()),
      operand);
}

/// `op` for one query, known as such.
static SmallVector<Value> cloneForOneQuery(OpBuilder &builder, AttendOp op,
                                           const TilePlan &plan) {
  Location loc = op.getLoc();
  auto clone = cast<AttendOp>(builder.clone(*op));
  builder.setInsertionPoint(clone);
  clone.getQueryMutable().assign(
      castToOneQuery(builder, loc, op.getQuery(), op.getQueryMap()));
  SmallVector<Value> results;
  for (auto [index, init] : llvm::enumerate(clone.getDpsInitsMutable())) {
    Value cast = castToOneQuery(builder, loc, init.get(), op.getMap(3 + index));
    init.set(cast);
    clone->getResult(index).setType(cast.getType());
  }
  plan.attachTo(clone);
  builder.setInsertionPointAfter(clone);
  for (auto [from, to] : llvm::zip_equal(clone->getResults(), op->getResults()))
    results.push_back(tensor::CastOp::create(builder, loc, to.getType(), from));
  return results;
}

/// `op` by the plan for one query where it has one, else by that for any number.
static SmallVector<Value> emitVariants(OpBuilder &builder, AttendOp op,
                                       Value queries, const TilePlan &one,
                                       const TilePlan &any) {
  Location loc = op.getLoc();
  Value single = arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::eq, queries,
      arith::ConstantIndexOp::create(builder, loc, 1));
  auto choice = scf::IfOp::create(
      builder, loc, single,
      [&](OpBuilder &b, Location loc) {
        scf::YieldOp::create(b, loc, cloneForOneQuery(b, op, one));
      },
      [&](OpBuilder &b, Location loc) {
        auto clone = cast<AttendOp>(b.clone(*op));
        any.attachTo(clone);
        scf::YieldOp::create(b, loc, clone->getResults());
      });
  return SmallVector<Value>(choice.getResults());
}

static void choosePlan(AttendOp op, const TargetSpec &target) {
  SmallVector<PlanVariant> variants = getPlanVariants(target, op);
  if (variants.size() == 1)
    return variants.front().plan.attachTo(op);
  IRRewriter rewriter(op);
  Value queries = getValueOrCreateConstantIndexOp(
      rewriter, op.getLoc(), op.getIterationDomain(rewriter)[AttendOp::I].size);
  rewriter.replaceOp(op, emitVariants(rewriter, op, queries, variants[0].plan,
                                      variants[1].plan));
}

namespace {
struct ChoosePlans : public attn::impl::ChoosePlansPassBase<ChoosePlans> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<TargetSpec> spec = getPassTarget(getOperation(), target);
    if (failed(spec))
      return signalPassFailure();
    SmallVector<AttendOp> ops;
    getOperation()->walk([&](AttendOp op) {
      if (op.getOffsets().empty())
        ops.push_back(op);
    });
    for (AttendOp op : ops)
      choosePlan(op, *spec);
  }
};
} // namespace
