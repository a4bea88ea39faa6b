//===- TileQueries.cpp - Loop over batch, heads and query tiles -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../PassTarget.h"

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/AttributeNames.h"
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

/// Tiles of queries of all heads.
static Value countTiles(OpBuilder &builder, AttendOp op, const TilePlan &plan) {
  Location loc = op.getLoc();
  SmallVector<Range> domain = op.getIterationDomain(builder);
  auto sizeOf = [&](unsigned dim) {
    return getValueOrCreateConstantIndexOp(builder, loc, domain[dim].size);
  };
  Value tile = arith::ConstantIndexOp::create(builder, loc, plan.queries);
  Value count =
      builder.createOrFold<arith::CeilDivUIOp>(loc, sizeOf(AttendOp::I), tile);
  for (unsigned dim : {AttendOp::B, AttendOp::Hkv, AttendOp::G})
    if (dim != AttendOp::G || plan.group == 1)
      count = builder.createOrFold<arith::MulIOp>(loc, count, sizeOf(dim));
  return count;
}

/// Tiles of queries that share keys: a whole band, or as many as leave two
/// steps. More would cost more: with two tiles in place of eight that share
/// packed keys a call of one thread takes a tenth longer; these are two at
/// least.
static OpFoldResult sharingStep(OpBuilder &builder, AttendOp op,
                                const TilePlan &plan) {
  constexpr int64_t steps = 2;
  const int64_t least = plan.tiles ? 2 : 1;
  Location loc = op.getLoc();
  Value tiles = countTiles(builder, op, plan);
  std::optional<int64_t> known = getConstantIntValue(tiles);
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  int64_t most = plan.band;
  Value step = index(plan.queries * most);
  for (int64_t share = llvm::PowerOf2Ceil(most) / 2; share >= least;
       share /= 2) {
    if (known && *known <= steps * share)
      most = share;
    if (known)
      continue;
    Value fits = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ule,
                                       tiles, index(steps * share));
    step = arith::SelectOp::create(builder, loc, fits,
                                   index(plan.queries * share), step);
  }
  if (known)
    return builder.getIndexAttr(plan.queries * most);
  return step;
}

/// How many queries one step takes: a tile, or a band of tiles where there are
/// more keys than stay in the cache.
static OpFoldResult queryStep(OpBuilder &builder, AttendOp op,
                              const TilePlan &plan) {
  if (plan.band == 1)
    return builder.getIndexAttr(plan.queries);
  OpFoldResult band = sharingStep(builder, op, plan);
  OpFoldResult keys = op.getIterationDomain(builder)[AttendOp::J].size;
  if (plan.tiles || getConstantIntValue(keys))
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

/// Whether slices drop a dimension that lies behind another one of size 1, or
/// behind queries, of which it may turn out that there is one, with a third one
/// between them: once sizes are known, MLIR would drop the first of them.
static bool isDropMistaken(AttendOp op, ArrayRef<Range> domain,
                           const TilePlan &plan) {
  auto isDropped = [&](unsigned dim) {
    return dim == AttendOp::B || dim == AttendOp::Hkv ||
           (dim == AttendOp::G && plan.group == 1);
  };
  auto mayBeOne = [&](unsigned dim) {
    return dim == AttendOp::I || isConstantIntValue(domain[dim].size, 1);
  };
  return llvm::any_of(
      op.getIndexingMaps().getAsValueRange<AffineMapAttr>(),
      [&](AffineMap map) {
        bool isBehind = false, isApart = false, isMistaken = false;
        for (unsigned result = 0; result < map.getNumResults(); ++result) {
          unsigned dim = map.getDimPosition(result);
          if (isDropped(dim))
            isMistaken |= isApart;
          else
            isApart |= isBehind;
          isBehind |= !isDropped(dim) && mayBeOne(dim);
        }
        return isMistaken;
      });
}

static bool takesAll(OpFoldResult queries, OpFoldResult step) {
  std::optional<int64_t> known = getConstantIntValue(queries),
                         taken = getConstantIntValue(step);
  return known && taken && *known <= *taken;
}

static void tileQueries(AttendOp op, const TilePlan &plan) {
  IRRewriter rewriter(op);
  SmallVector<OpFoldResult> sizes(AttendOp::NumDims, rewriter.getIndexAttr(0));
  for (unsigned dim : {AttendOp::B, AttendOp::Hkv})
    sizes[dim] = rewriter.getIndexAttr(1);
  // A tile has either one head of a group or all of them.
  sizes[AttendOp::G] = rewriter.getIndexAttr(plan.group == 1 ? 1 : 0);
  OpFoldResult step = queryStep(rewriter, op, plan);
  sizes[AttendOp::I] = step;
  // No loop then: sizes are known at once.
  SmallVector<Range> domain = op.getIterationDomain(rewriter);
  if (takesAll(domain[AttendOp::I].size, step) &&
      isDropMistaken(op, domain, plan))
    sizes[AttendOp::I] = rewriter.getIndexAttr(0);
  scf::SCFTilingOptions options;
  options.setTileSizes(sizes);
  options.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
  FailureOr<scf::SCFTilingResult> tiled = scf::tileUsingSCF(
      rewriter, cast<TilingInterface>(op.getOperation()), options);
  assert(succeeded(tiled) && "keys and features stay whole");
  rewriter.replaceOp(op, tiled->replacements);
  if (plan.interleave > 1 && !tiled->loops.empty())
    tiled->loops.front()->setAttr(interleaveAttr,
                                  rewriter.getIndexAttr(plan.interleave));
  if (plan.filled)
    fixQueries(rewriter, cast<AttendOp>(tiled->tiledOps.front()), plan.queries);
}

namespace {
struct TileQueries : public attn::impl::TileQueriesPassBase<TileQueries> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<TargetSpec> spec = getPassTarget(getOperation(), target);
    if (failed(spec))
      return signalPassFailure();
    for (AttendOp op : getAttendOps(getOperation())) {
      if (!op.getOffsets().empty())
        continue;
      TilePlan plan = getPlan(*spec, op);
      plan.attachTo(op);
      tileQueries(op, plan);
    }
  }
};
} // namespace
