//===- TileQueries.cpp - Loop over batch, heads and query tiles -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PassTarget.h"

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "attn/Dialect/Attn/Transforms/TilePlan.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::attn {
#define GEN_PASS_DEF_TILEQUERIESPASS
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// How many queries one step takes: a tile, or a band of tiles where there are
/// more keys than stay in the cache.
static OpFoldResult queryStep(OpBuilder &builder, AttendOp op,
                              const TilePlan &plan) {
  OpFoldResult band = builder.getIndexAttr(plan.queries * plan.band);
  OpFoldResult keys = op.getIterationDomain(builder)[AttendOp::J].size;
  if (plan.band == 1 || plan.tiles || getConstantIntValue(keys))
    return band;
  Location loc = op.getLoc();
  auto value = [&](OpFoldResult size) {
    return getValueOrCreateConstantIndexOp(builder, loc, size);
  };
  Value leave = arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::sgt, value(keys),
      arith::ConstantIndexOp::create(builder, loc, 2 * plan.resident));
  return arith::SelectOp::create(builder, loc, leave, value(band),
                                 value(builder.getIndexAttr(plan.queries)))
      .getResult();
}

static LogicalResult tileQueries(AttendOp op, const TilePlan &plan) {
  IRRewriter rewriter(op);
  SmallVector<OpFoldResult> sizes(AttendOp::NumDims, rewriter.getIndexAttr(0));
  for (unsigned dim : {AttendOp::B, AttendOp::Hkv})
    sizes[dim] = rewriter.getIndexAttr(1);
  // A tile has either one head of a group or all of them.
  sizes[AttendOp::G] = rewriter.getIndexAttr(plan.group == 1 ? 1 : 0);
  sizes[AttendOp::I] = queryStep(rewriter, op, plan);
  scf::SCFTilingOptions options;
  options.setTileSizes(sizes);
  options.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
  FailureOr<scf::SCFTilingResult> tiled = scf::tileUsingSCF(
      rewriter, cast<TilingInterface>(op.getOperation()), options);
  if (failed(tiled))
    return op.emitOpError("cannot be tiled over batch, heads and queries");
  rewriter.replaceOp(op, tiled->replacements);
  return success();
}

namespace {
struct TileQueries : public attn::impl::TileQueriesPassBase<TileQueries> {
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
    for (AttendOp op : ops) {
      TilePlan plan = TilePlan::get(*spec, op);
      plan.attachTo(op);
      if (failed(tileQueries(op, plan)))
        return signalPassFailure();
    }
  }
};
} // namespace
