//===- SplitKeys.cpp - Parts of the keys, computed apart and merged -*- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PassTarget.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"
#include "attn/Dialect/Attn/Transforms/PlanPasses.h"
#include "attn/Dialect/Attn/Transforms/TilePlan.h"

#include "MergeParts.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::attn {
#define GEN_PASS_DEF_SPLITKEYSPASS
#include "attn/Dialect/Attn/Transforms/PlanPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Replaces one op by a loop over parts of its keys and their merging.
class KeySplitter {
public:
  KeySplitter(IRRewriter &rewriter, AttendOp op, TilePlan plan)
      : builder(rewriter), op(op), plan(plan), loc(op.getLoc()),
        accumulator(
            getAccumulatorType(getElementTypeOrSelf(op.getQuery().getType()))) {
    for (const Range &range : op.getIterationDomain(rewriter))
      sizes.push_back(range.size);
    for (unsigned dim = AttendOp::B; dim <= AttendOp::J; ++dim)
      whole.push_back(
          getValueOrCreateConstantIndexOp(builder, loc, sizes[dim]));
  }

  SmallVector<Value> run();

private:
  SmallVector<Value> emptyParts();
  void emitPart(ValueRange ivs, ValueRange outputs,
                scf::InParallelOp terminator);
  Value sliceOperand(Value operand, AffineMap map);

  IRRewriter &builder;
  AttendOp op;
  TilePlan plan;
  Location loc;
  Type accumulator;
  /// Of the iteration space; then where the part lies in it and its sizes.
  SmallVector<OpFoldResult> sizes, partOffsets, partSizes;
  SmallVector<Value> whole;
};
} // namespace

/// Outputs (b, hkv, part, g, i, e) and LSE (b, hkv, part, g, i).
SmallVector<Value> KeySplitter::emptyParts() {
  AffineExpr keys = builder.getAffineDimExpr(0);
  OpFoldResult parts = affine::makeComposedFoldedAffineApply(
      builder, loc, keys.ceilDiv(plan.split), {sizes[AttendOp::J]});
  SmallVector<OpFoldResult> shape{sizes[AttendOp::B], sizes[AttendOp::Hkv],
                                  parts, sizes[AttendOp::G],
                                  sizes[AttendOp::I]};
  Value lse = tensor::EmptyOp::create(builder, loc, shape, accumulator);
  shape.push_back(sizes[AttendOp::E]);
  Value output = tensor::EmptyOp::create(builder, loc, shape, accumulator);
  return {output, lse};
}

Value KeySplitter::sliceOperand(Value operand, AffineMap map) {
  SmallVector<OpFoldResult> offsets, shape;
  for (AffineExpr result : map.getResults()) {
    unsigned dim = cast<AffineDimExpr>(result).getPosition();
    offsets.push_back(partOffsets[dim]);
    shape.push_back(partSizes[dim]);
  }
  SmallVector<OpFoldResult> strides(offsets.size(), builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, loc, operand, offsets, shape,
                                        strides);
}

/// The body of the loop over (b, hkv, g, first key).
void KeySplitter::emitPart(ValueRange ivs, ValueRange outputs,
                           scf::InParallelOp terminator) {
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  AffineExpr first = builder.getAffineDimExpr(0);
  AffineExpr all = builder.getAffineSymbolExpr(0);
  auto rest = AffineMap::get(
      1, 1, {builder.getAffineConstantExpr(plan.split), all - first},
      builder.getContext());
  OpFoldResult count = affine::makeComposedFoldedAffineMin(
      builder, loc, rest, {ivs[3], sizes[AttendOp::J]});
  OpFoldResult part = affine::makeComposedFoldedAffineApply(
      builder, loc, first.floorDiv(plan.split), {ivs[3]});
  OpFoldResult group = builder.getIndexAttr(plan.group);
  partOffsets = {ivs[0], ivs[1], ivs[2], zero, ivs[3], zero, zero};
  partSizes = {one,
               one,
               group,
               sizes[AttendOp::I],
               count,
               sizes[AttendOp::D],
               sizes[AttendOp::E]};

  SmallVector<Value> inits;
  SmallVector<SmallVector<OpFoldResult>> offsets, shapes;
  for (Value output : outputs) {
    SmallVector<OpFoldResult> offset{ivs[0], ivs[1], part, ivs[2], zero},
        shape{one, one, one, group, sizes[AttendOp::I]};
    auto type = cast<RankedTensorType>(output.getType());
    if (type.getRank() == 6) {
      offset.push_back(zero);
      shape.push_back(sizes[AttendOp::E]);
    }
    // The part's own dimension goes.
    SmallVector<int64_t> reduced{1, 1, plan.group};
    llvm::append_range(reduced, type.getShape().drop_front(4));
    SmallVector<OpFoldResult> strides(offset.size(), one);
    inits.push_back(tensor::ExtractSliceOp::create(
        builder, loc, RankedTensorType::get(reduced, accumulator), output,
        offset, shape, strides));
    offsets.push_back(offset);
    shapes.push_back(shape);
  }

  SmallVector<Value> at;
  for (unsigned dim = AttendOp::B; dim <= AttendOp::J; ++dim)
    at.push_back(
        getValueOrCreateConstantIndexOp(builder, loc, partOffsets[dim]));
  auto map = [&](ArrayRef<unsigned> dims) {
    return AffineMap::getMultiDimMapWithTargets(AttendOp::NumDims, dims,
                                                op.getContext());
  };
  using Op = AttendOp;
  SmallVector<AffineMap> maps{op.getQueryMap(), op.getKeyMap(),
                              op.getValueMap(),
                              map({Op::B, Op::Hkv, Op::G, Op::I, Op::E}),
                              map({Op::B, Op::Hkv, Op::G, Op::I})};
  auto tile = AttendOp::create(
      builder, loc, inits[0].getType(), inits[1].getType(), Type(), Type(),
      Type(), op.getCompatibility(), op.getNormalizer(),
      sliceOperand(op.getQuery(), maps[0]), sliceOperand(op.getKey(), maps[1]),
      sliceOperand(op.getValue(), maps[2]), op.getFeatureWeight(),
      /*sink=*/Value(), op.getCaptures(), at, whole, inits[0], inits[1],
      /*weights_init=*/Value(), /*top_weights_init=*/Value(),
      /*top_keys_init=*/Value(), builder.getAffineMapArrayAttr(maps),
      op.getScale());
  IRMapping regions;
  op.getScore().cloneInto(&tile.getScore(), regions);
  op.getMask().cloneInto(&tile.getMask(), regions);
  TilePlan inner = plan;
  inner.split = 0;
  inner.attachTo(tile);

  builder.setInsertionPointToEnd(terminator.getBody());
  for (auto [index, output] : llvm::enumerate(outputs)) {
    SmallVector<OpFoldResult> strides(offsets[index].size(), one);
    tensor::ParallelInsertSliceOp::create(builder, loc, tile->getResult(index),
                                          output, offsets[index], shapes[index],
                                          strides);
  }
}

SmallVector<Value> KeySplitter::run() {
  SmallVector<Value> parts = emptyParts();
  SmallVector<OpFoldResult> from(4, builder.getIndexAttr(0)),
      to{sizes[AttendOp::B], sizes[AttendOp::Hkv], sizes[AttendOp::G],
         sizes[AttendOp::J]},
      step{builder.getIndexAttr(1), builder.getIndexAttr(1),
           builder.getIndexAttr(plan.group), builder.getIndexAttr(plan.split)};
  auto loop = scf::ForallOp::create(builder, loc, from, to, step, parts,
                                    /*mapping=*/std::nullopt);
  {
    OpBuilder::InsertionGuard restore(builder);
    builder.setInsertionPoint(loop.getTerminator());
    emitPart(loop.getInductionVars(), loop.getRegionIterArgs(),
             loop.getTerminator());
  }
  return PartMerger(builder, op, loop.getResult(0), loop.getResult(1)).run();
}

namespace {
struct SplitKeys : public attn::impl::SplitKeysPassBase<SplitKeys> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<TargetSpec> spec = getPassTarget(getOperation(), target);
    if (failed(spec))
      return signalPassFailure();
    SmallVector<AttendOp> ops;
    getOperation()->walk([&](AttendOp op) { ops.push_back(op); });
    for (AttendOp op : ops) {
      TilePlan plan = TilePlan::get(*spec, op);
      if (!op.getOffsets().empty() || plan.split == 0)
        continue;
      if (op.getNormalizer() != Normalizer::Softmax || op.getWeights() ||
          op.getTopKeys()) {
        op.emitOpError("has a plan that splits keys; only softmax without "
                       "weights can be merged from parts");
        return signalPassFailure();
      }
      IRRewriter rewriter(op);
      rewriter.replaceOp(op, KeySplitter(rewriter, op, plan).run());
    }
  }
};
} // namespace
