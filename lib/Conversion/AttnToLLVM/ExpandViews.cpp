//===- ExpandViews.cpp - Offsets, sizes and strides of views -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLLVM/Passes.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::attn {
#define GEN_PASS_DEF_EXPANDVIEWSPASS
#include "attn/Conversion/AttnToLLVM/AttnToLLVMPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// The type says what it knows; the metadata hold the rest.
static SmallVector<OpFoldResult>
getMixed(Builder &builder, ArrayRef<int64_t> known, ValueRange values) {
  SmallVector<OpFoldResult> mixed;
  for (auto [size, value] : llvm::zip_equal(known, values))
    mixed.push_back(ShapedType::isDynamic(size)
                        ? OpFoldResult(value)
                        : OpFoldResult(builder.getIndexAttr(size)));
  return mixed;
}

static void expand(memref::ExpandShapeOp reshape) {
  OpBuilder builder(reshape);
  Location loc = reshape.getLoc();
  auto [known, knownOffset] = reshape.getSrcType().getStridesAndOffset();
  auto metadata =
      memref::ExtractStridedMetadataOp::create(builder, loc, reshape.getSrc());
  SmallVector<OpFoldResult> outer =
      getMixed(builder, known, metadata.getStrides());
  OpFoldResult offset =
      getMixed(builder, knownOffset, metadata.getOffset()).front();
  SmallVector<OpFoldResult> sizes = reshape.getMixedOutputShape();
  SmallVector<OpFoldResult> strides(sizes.size());
  for (auto [group, stride] :
       llvm::zip_equal(reshape.getReassociationIndices(), outer)) {
    strides[group.back()] = stride;
    // From the innermost outwards.
    for (size_t i = group.size() - 1; i > 0; --i) {
      auto value = [&](OpFoldResult each) {
        return getValueOrCreateConstantIndexOp(builder, loc, each);
      };
      strides[group[i - 1]] =
          arith::MulIOp::create(builder, loc, value(strides[group[i]]),
                                value(sizes[group[i]]))
              .getResult();
    }
  }
  // The type may know what was computed.
  auto [types, typeOffset] = reshape.getResultType().getStridesAndOffset();
  for (auto [stride, type] : llvm::zip_equal(strides, types))
    if (!ShapedType::isDynamic(type))
      stride = builder.getIndexAttr(type);
  auto cast = memref::ReinterpretCastOp::create(
      builder, loc, reshape.getResultType(), metadata.getBaseBuffer(), offset,
      sizes, strides);
  reshape.replaceAllUsesWith(cast.getResult());
  reshape.erase();
}

namespace {
struct ExpandViews : public attn::impl::ExpandViewsPassBase<ExpandViews> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet owned(context);
    memref::populateExpandStridedMetadataPatterns(owned);
    patterns = std::move(owned);
    return success();
  }

  void runOnOperation() override {
    SmallVector<memref::ExpandShapeOp> reshapes;
    getOperation()->walk(
        [&](memref::ExpandShapeOp reshape) { reshapes.push_back(reshape); });
    llvm::for_each(reshapes, expand);

    // Few ops are views: a driver that starts from all would spend its time on
    // the others.
    SmallVector<Operation *> views;
    getOperation()->walk([&](Operation *op) {
      if (isa<memref::SubViewOp, memref::CollapseShapeOp,
              memref::ExtractStridedMetadataOp,
              memref::ExtractAlignedPointerAsIndexOp>(op))
        views.push_back(op);
    });
    GreedyRewriteConfig config;
    config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
    (void)applyOpPatternsGreedily(views, patterns, config);
  }

  FrozenRewritePatternSet patterns;
};
} // namespace
