//===- SplitKeys.cpp - Parts of the keys, computed apart and merged -----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../PassTarget.h"
#include "MergeParts.h"

#include "attn/Dialect/Attn/Analysis/TileClassification.h"
#include "attn/Dialect/Attn/IR/AttentionShape.h"
#include "attn/Dialect/Attn/Transforms/PlanPasses.h"
#include "attn/Dialect/Attn/Transforms/TilePlan.h"

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
  /// Tiles of keys [first, end) that the mask can reach from one head (index).
  struct Reach {
    Value first, end;
  };

  void prepareClassifier();
  Reach emitReach(ValueRange at);
  Value emitLongestReach();
  SmallVector<Value> emptyParts();
  void emitPart(ValueRange ivs, ValueRange outputs,
                scf::InParallelOp terminator);
  void locatePart(ValueRange ivs);
  Value sliceOperand(Value operand, AffineMap map);
  Value dropUnused(Value outputs);

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  template <typename OpTy>
  Value compute(Value lhs, Value rhs) {
    return builder.createOrFold<OpTy>(loc, lhs, rhs);
  }

  IRRewriter &builder;
  AttendOp op;
  TilePlan plan;
  Location loc;
  Type accumulator;
  std::unique_ptr<TileClassifier> classifier;
  /// Of the iteration space; then where the part lies in it and its sizes.
  SmallVector<OpFoldResult> sizes, partOffsets, partSizes;
  SmallVector<Value> whole;
  /// Tiles of all keys, of a part at most; parts with work.
  Value tiles, tilesPerPart, parts;
};
} // namespace

//===----------------------------------------------------------------------===//
// Which keys
//===----------------------------------------------------------------------===//

/// Tables of O(N) are left to the loops over tiles: what only these tell does
/// not move the parts.
void KeySplitter::prepareClassifier() {
  if (op.getMask().empty())
    return;
  auto sizeOf = [&](unsigned dim) {
    return getConstantIntValue(sizes[dim]).value_or(ShapedType::kDynamic);
  };
  classifier = std::make_unique<TileClassifier>(
      op.getMask(), sizeOf(AttendOp::I), sizeOf(AttendOp::J),
      getCaptureFacts(op.getCaptures()));
  Value heads =
      compute<arith::MulIOp>(whole[AttendOp::Hkv], whole[AttendOp::G]);
  classifier->skipPrepass({whole[AttendOp::B], heads, whole[AttendOp::I],
                           whole[AttendOp::J], plan.queries, plan.keys,
                           plan.group},
                          op.getCaptures());
}

/// From the head, or by the heads of a tile together, from (b, hkv, g) on.
KeySplitter::Reach KeySplitter::emitReach(ValueRange at) {
  if (!classifier)
    return {index(0), tiles};
  Value head = compute<arith::AddIOp>(
      compute<arith::MulIOp>(at[1], whole[AttendOp::G]), at[2]);
  KeyBounds bounds = classifier->emitKeyBounds(builder, loc, at[0], head,
                                               {index(0), whole[AttendOp::I]});
  Value size = index(plan.keys);
  return {compute<arith::DivUIOp>(bounds.lower, size),
          compute<arith::CeilDivUIOp>(bounds.upper, size)};
}

/// The most tiles that a head reaches.
Value KeySplitter::emitLongestReach() {
  if (!classifier)
    return tiles;
  Value zero = index(0), one = index(1);
  SmallVector<Value> from(3, zero),
      to{whole[AttendOp::B], whole[AttendOp::Hkv], whole[AttendOp::G]},
      step{one, one, index(plan.group)};
  return scf::buildLoopNest(
             builder, loc, from, to, step, zero,
             [&](OpBuilder &nested, Location, ValueRange at,
                 ValueRange longest) -> scf::ValueVector {
               OpBuilder::InsertionGuard restore(builder);
               builder.setInsertionPoint(nested.getInsertionBlock(),
                                         nested.getInsertionPoint());
               Reach reach = emitReach(at);
               Value count = compute<arith::SubIOp>(reach.end, reach.first);
               return {compute<arith::MaxUIOp>(longest[0], count)};
             })
      .results[0];
}

/// Parts are as long as the plan says at most; each head's are of one length.
void KeySplitter::locatePart(ValueRange ivs) {
  Reach reach = emitReach(ivs);
  Value count = compute<arith::SubIOp>(reach.end, reach.first);
  Value length = compute<arith::CeilDivUIOp>(count, parts);
  Value first = compute<arith::MinUIOp>(
      compute<arith::AddIOp>(reach.first,
                             compute<arith::MulIOp>(ivs[3], length)),
      reach.end);
  Value end =
      compute<arith::MinUIOp>(compute<arith::AddIOp>(first, length), reach.end);
  // Where tiles begin shows that parts begin at tiles.
  AffineExpr position = builder.getAffineDimExpr(0);
  auto toKeys = AffineMap::get(1, 0, position * plan.keys);
  Value start = affine::AffineApplyOp::create(builder, loc, toKeys, first);
  Value stop = compute<arith::MinUIOp>(
      affine::AffineApplyOp::create(builder, loc, toKeys, end),
      whole[AttendOp::J]);
  // A part of no tiles may begin behind the last key.
  Value keys =
      compute<arith::SubIOp>(stop, compute<arith::MinUIOp>(start, stop));
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  partOffsets = {ivs[0], ivs[1], ivs[2], zero, start, zero, zero};
  partSizes = {one,
               one,
               builder.getIndexAttr(plan.group),
               sizes[AttendOp::I],
               getAsOpFoldResult(keys),
               sizes[AttendOp::D],
               sizes[AttendOp::E]};
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// Outputs (b, hkv, part, g, i, e) and LSE (b, hkv, part, g, i), for as many
/// parts as all keys make.
SmallVector<Value> KeySplitter::emptyParts() {
  Value most = compute<arith::CeilDivUIOp>(tiles, tilesPerPart);
  SmallVector<OpFoldResult> shape{sizes[AttendOp::B], sizes[AttendOp::Hkv],
                                  getAsOpFoldResult(most), sizes[AttendOp::G],
                                  sizes[AttendOp::I]};
  Value lse = tensor::EmptyOp::create(builder, loc, shape, accumulator);
  shape.push_back(sizes[AttendOp::E]);
  Value output = tensor::EmptyOp::create(builder, loc, shape, accumulator);
  return {output, lse};
}

/// The parts with work.
Value KeySplitter::dropUnused(Value outputs) {
  if (!classifier)
    return outputs;
  SmallVector<OpFoldResult> shape =
      tensor::getMixedSizes(builder, loc, outputs);
  shape[2] = getAsOpFoldResult(parts);
  SmallVector<OpFoldResult> offsets(shape.size(), builder.getIndexAttr(0)),
      strides(shape.size(), builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, loc, outputs, offsets, shape,
                                        strides);
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

/// The body of the loop over (b, hkv, g, part).
void KeySplitter::emitPart(ValueRange ivs, ValueRange outputs,
                           scf::InParallelOp terminator) {
  locatePart(ivs);
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  OpFoldResult group = builder.getIndexAttr(plan.group);
  SmallVector<Value> inits;
  SmallVector<SmallVector<OpFoldResult>> offsets, shapes;
  for (Value output : outputs) {
    SmallVector<OpFoldResult> offset{ivs[0], ivs[1], ivs[3], ivs[2], zero},
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
  tile->setDiscardableAttrs(op->getDiscardableAttrDictionary());
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
  prepareClassifier();
  tiles = compute<arith::CeilDivUIOp>(whole[AttendOp::J], index(plan.keys));
  tilesPerPart = index(plan.split / plan.keys);
  parts = compute<arith::CeilDivUIOp>(emitLongestReach(), tilesPerPart);
  SmallVector<Value> empty = emptyParts();
  SmallVector<OpFoldResult> from(4, builder.getIndexAttr(0)),
      to{sizes[AttendOp::B], sizes[AttendOp::Hkv], sizes[AttendOp::G],
         getAsOpFoldResult(parts)},
      step{builder.getIndexAttr(1), builder.getIndexAttr(1),
           builder.getIndexAttr(plan.group), builder.getIndexAttr(1)};
  auto loop = scf::ForallOp::create(builder, loc, from, to, step, empty,
                                    /*mapping=*/std::nullopt);
  {
    OpBuilder::InsertionGuard restore(builder);
    builder.setInsertionPoint(loop.getTerminator());
    emitPart(loop.getInductionVars(), loop.getRegionIterArgs(),
             loop.getTerminator());
  }
  return PartMerger(builder, op, dropUnused(loop.getResult(0)),
                    dropUnused(loop.getResult(1)))
      .run();
}

namespace {
struct SplitKeys : public attn::impl::SplitKeysPassBase<SplitKeys> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<TargetSpec> spec = getPassTarget(getOperation(), target);
    if (failed(spec))
      return signalPassFailure();
    for (AttendOp op : getAttendOps(getOperation())) {
      TilePlan plan = getPlan(*spec, op);
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
