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

/// Whether a call of so many queries and keys is for `variant`.
static Value emitServes(OpBuilder &b, Location loc, const PlanVariant &variant,
                        Value queries, Value keys) {
  auto compare = [&](arith::CmpIPredicate predicate, Value size, int64_t to) {
    return arith::CmpIOp::create(b, loc, predicate, size,
                                 arith::ConstantIndexOp::create(b, loc, to))
        .getResult();
  };
  if (ShapedType::isDynamic(variant.keys))
    return compare(arith::CmpIPredicate::eq, queries, variant.queries);
  return arith::AndIOp::create(
      b, loc, compare(arith::CmpIPredicate::ule, queries, variant.queries),
      compare(arith::CmpIPredicate::ule, keys, variant.keys));
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
    return SmallVector<Value>(clone->getResults());
  }
  auto choice = scf::IfOp::create(
      builder, loc, emitServes(builder, loc, first, queries, keys),
      [&](OpBuilder &b, Location loc) {
        scf::YieldOp::create(b, loc,
                             first.queries == 1
                                 ? cloneForOneQuery(b, op, first.plan)
                                 : emitVariants(b, op, queries, keys, first));
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
