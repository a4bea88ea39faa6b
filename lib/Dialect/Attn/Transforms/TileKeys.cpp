//===- TileKeys.cpp - Loop over key tiles -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/AttentionShape.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "attn/Dialect/Attn/Transforms/QueryTile.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::attn {
#define GEN_PASS_DEF_TILEKEYSPASS
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Whether every tensor of the op has one batch and one head.
static bool isSingleHead(AttendOp op) {
  Value operands[] = {op.getQuery(), op.getKey(), op.getValue()};
  for (auto [index, operand] : llvm::enumerate(operands))
    for (auto [position, result] :
         llvm::enumerate(op.getMap(index).getResults()))
      if (cast<AffineDimExpr>(result).getPosition() <= AttendOp::G &&
          cast<ShapedType>(operand.getType()).getDimSize(position) != 1)
        return false;
  return !op.getOffsets().empty();
}

namespace {
struct TileKeys : public attn::impl::TileKeysPassBase<TileKeys> {
  using Base::Base;

  void runOnOperation() override {
    llvm::Expected<TargetSpec> spec = TargetSpec::parse(target);
    if (!spec) {
      getOperation()->emitError() << llvm::toString(spec.takeError());
      return signalPassFailure();
    }
    SmallVector<AttendOp> ops;
    getOperation()->walk([&](AttendOp op) { ops.push_back(op); });
    for (AttendOp op : ops) {
      if (!isSingleHead(op)) {
        op.emitOpError("has several batches or heads; tile queries first");
        return signalPassFailure();
      }
      IRRewriter rewriter(op);
      rewriter.replaceOp(op, QueryTile(rewriter, op, TilePlan::get(*spec, op))
                                 .emit());
    }
  }
};
} // namespace
