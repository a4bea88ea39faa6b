//===- AttendCanonicalization.cpp - What attend does not need -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::attn;

/// What a region over pairs yields, or null if it is empty.
static Value getYielded(Region &region) {
  return region.empty() ? Value()
                        : region.front().getTerminator()->getOperand(0);
}

namespace {
/// Erases a mask region that keeps every pair and a score region that leaves
/// the score as it is.
struct EraseTrivialRegions : public OpRewritePattern<AttendOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttendOp op,
                                PatternRewriter &rewriter) const override {
    Value keep = getYielded(op.getMask()), score = getYielded(op.getScore());
    bool keepsAll = keep && matchPattern(keep, m_One());
    bool sameScore = score && score == op.getScore().getArgument(0);
    if (!keepsAll && !sameScore)
      return failure();
    rewriter.modifyOpInPlace(op, [&] {
      if (keepsAll)
        rewriter.eraseBlock(&op.getMask().front());
      if (sameScore)
        rewriter.eraseBlock(&op.getScore().front());
    });
    return success();
  }
};

/// Puts a captured scalar that is constant into the regions, where analyses see
/// its value; the capture, which nobody reads then, is dropped.
struct InlineConstantCaptures : public OpRewritePattern<AttendOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttendOp op,
                                PatternRewriter &rewriter) const override {
    for (auto [index, capture] : llvm::enumerate(op.getCaptures())) {
      Attribute value;
      if (isa<ShapedType>(capture.getType()) ||
          !matchPattern(capture, m_Constant(&value)))
        continue;
      bool changed = false;
      for (Region &region : op->getRegions())
        if (!region.empty())
          changed |= inlineInto(region.front(),
                                region.getNumArguments() -
                                    op.getCaptures().size() + index,
                                capture.getDefiningOp(), rewriter);
      if (changed)
        return success();
    }
    return failure();
  }

private:
  static bool inlineInto(Block &block, unsigned argument, Operation *constant,
                         PatternRewriter &rewriter) {
    if (block.getArgument(argument).use_empty())
      return false;
    rewriter.setInsertionPointToStart(&block);
    rewriter.replaceAllUsesWith(block.getArgument(argument),
                                rewriter.clone(*constant)->getResult(0));
    return true;
  }
};

/// Drops a capture that no region reads or that is there twice.
struct DropCaptures : public OpRewritePattern<AttendOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttendOp op,
                                PatternRewriter &rewriter) const override {
    ValueRange captures = op.getCaptures();
    for (auto [index, capture] : llvm::enumerate(captures)) {
      unsigned first = llvm::find(captures, capture) - captures.begin();
      if (first == index && isRead(op, index))
        continue;
      rewriter.modifyOpInPlace(op, [&, index = index] {
        for (Region *region : {&op.getScore(), &op.getMask()})
          if (!region->empty())
            drop(region->front(), region->getNumArguments() - captures.size(),
                 index, first, rewriter);
        op.getCapturesMutable().erase(index);
      });
      return success();
    }
    return failure();
  }

private:
  static bool isRead(AttendOp op, unsigned index) {
    return llvm::any_of(op->getRegions(), [&](Region &region) {
      return !region.empty() &&
             !region
                  .getArgument(region.getNumArguments() -
                               op.getCaptures().size() + index)
                  .use_empty();
    });
  }

  /// Drops capture `index` of a block, whose uses `first` takes over. Captures
  /// begin at the argument `begin`.
  static void drop(Block &block, unsigned begin, unsigned index, unsigned first,
                   PatternRewriter &rewriter) {
    if (first != index)
      rewriter.replaceAllUsesWith(block.getArgument(begin + index),
                                  block.getArgument(begin + first));
    block.eraseArgument(begin + index);
  }
};

/// Takes a more static type through a tensor.cast. The tensor dialect has a
/// pattern for every destination-style op, but its way of cloning cannot take
/// an empty region; this one goes first.
template <typename OpTy>
struct FoldCasts : public OpRewritePattern<OpTy> {
  explicit FoldCasts(MLIRContext *context)
      : OpRewritePattern<OpTy>(context, /*benefit=*/2) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    bool changed = false;
    for (OpOperand &operand : op->getOpOperands()) {
      auto cast = operand.get().template getDefiningOp<tensor::CastOp>();
      if (!cast || !tensor::canFoldIntoConsumerOp(cast))
        continue;
      rewriter.modifyOpInPlace(op, [&] {
        operand.set(cast.getSource());
        retypeArguments(op, operand);
      });
      changed = true;
    }
    if (!changed)
      return failure();
    rewriter.setInsertionPointAfter(op);
    for (OpOperand &init : op.getDpsInitsMutable())
      retype(rewriter, op, op.getTiedOpResult(&init), init.get().getType());
    return success();
  }

private:
  /// Gives `result` the type of its init, its users the type that they had.
  static void retype(PatternRewriter &rewriter, OpTy op, OpResult result,
                     Type type) {
    Type old = result.getType();
    if (old == type)
      return;
    rewriter.modifyOpInPlace(op, [&] { result.setType(type); });
    auto cast = tensor::CastOp::create(rewriter, op.getLoc(), old, result);
    rewriter.replaceAllUsesExcept(result, cast, cast);
  }

  /// Regions take captures in the types that they have.
  static void retypeArguments(OpTy op, OpOperand &operand) {
    unsigned count = op.getCaptures().size();
    if (count == 0)
      return;
    unsigned first = op.getCaptures().getBeginOperandIndex();
    unsigned number = operand.getOperandNumber();
    if (number < first || number >= first + count)
      return;
    for (Region &region : op->getRegions())
      if (!region.empty())
        region
            .getArgument(region.getNumArguments() - count + number - first)
            .setType(operand.get().getType());
  }
};
} // namespace

void AttendTileOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                               MLIRContext *context) {
  patterns.add<FoldCasts<AttendTileOp>>(context);
}

void ScoreTileOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *context) {
  patterns.add<FoldCasts<ScoreTileOp>>(context);
}

void AttendOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add<EraseTrivialRegions, InlineConstantCaptures, DropCaptures,
               FoldCasts<AttendOp>>(context);
}
