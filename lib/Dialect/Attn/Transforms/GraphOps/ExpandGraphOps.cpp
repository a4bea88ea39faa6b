//===- ExpandGraphOps.cpp - Graph ops as linalg and core attention --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandGraphOps.h"

#include "attn/Dialect/Attn/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/TypeSwitch.h"

namespace mlir::attn {
#define GEN_PASS_DEF_EXPANDGRAPHOPSPASS
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

Value attn::emitIndexToFloat(OpBuilder &builder, Location loc, Value index,
                             Type type) {
  Value integer =
      arith::IndexCastOp::create(builder, loc, builder.getI64Type(), index);
  return arith::SIToFPOp::create(builder, loc, type, integer);
}

Value attn::castTo(OpBuilder &builder, Location loc, Value value, Type type) {
  if (value.getType() == type)
    return value;
  return tensor::CastOp::create(builder, loc, type, value);
}

static LogicalResult expandOp(Operation *op) {
  OpBuilder builder(op);
  FailureOr<SmallVector<Value>> values =
      llvm::TypeSwitch<Operation *, FailureOr<SmallVector<Value>>>(op)
          .Case<MultiHeadOp, SinusoidOp, RotaryOp, MaskedSoftmaxOp, MergeOp>(
              [&](auto known) { return expand(builder, known); })
          .Default([](Operation *) { return failure(); });
  if (failed(values))
    return failure();
  for (auto [result, value] : llvm::zip_equal(op->getResults(), *values))
    result.replaceAllUsesWith(
        castTo(builder, op->getLoc(), value, result.getType()));
  op->erase();
  return success();
}

namespace {
struct ExpandGraphOps
    : public attn::impl::ExpandGraphOpsPassBase<ExpandGraphOps> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa<MultiHeadOp, SinusoidOp, RotaryOp, MaskedSoftmaxOp, MergeOp>(op))
        ops.push_back(op);
    });
    for (Operation *op : ops)
      if (failed(expandOp(op)))
        return signalPassFailure();
  }
};
} // namespace
