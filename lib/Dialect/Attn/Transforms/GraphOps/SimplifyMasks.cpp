//===- SimplifyMasks.cpp - Drop masks that are constant -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Analysis/TileClassification.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

#include <limits>

namespace mlir::attn {
#define GEN_PASS_DEF_SIMPLIFYMASKSPASS
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// The size of an iteration dimension where an operand has it static.
static int64_t getStaticSize(AttendOp op, unsigned dim) {
  for (auto [operand, map] : {std::pair(op.getQuery(), op.getQueryMap()),
                              std::pair(op.getKey(), op.getKeyMap())})
    if (auto position =
            map.getResultPosition(getAffineDimExpr(dim, op.getContext())))
      return cast<ShapedType>(operand.getType()).getDimSize(*position);
  return ShapedType::kDynamic;
}

/// What `op` gives where no row keeps a key: zeros, an LSE of -inf, and -1 for
/// the keys of the largest weights.
static SmallVector<Value> emitEmptyRows(OpBuilder &builder, AttendOp op) {
  SmallVector<Value> results;
  for (Value init : op.getDpsInits()) {
    bool isLse = init == op.getLseInit();
    double value = isLse ? -std::numeric_limits<double>::infinity() : 0.0;
    Type element = getElementTypeOrSelf(init.getType());
    TypedAttr constant = element.isInteger()
                             ? TypedAttr(builder.getIntegerAttr(element, -1))
                             : TypedAttr(builder.getFloatAttr(element, value));
    Value scalar = arith::ConstantOp::create(builder, op.getLoc(), constant);
    results.push_back(linalg::FillOp::create(builder, op.getLoc(), scalar, init)
                          .getResult(0));
  }
  return results;
}

static void simplify(IRRewriter &rewriter, AttendOp op) {
  TileClassifier mask(op.getMask(), getStaticSize(op, AttendOp::I),
                      getStaticSize(op, AttendOp::J),
                      getCaptureFacts(op.getCaptures()));
  auto report = [&](StringRef what) {
    remark::passed(op.getLoc(), remark::RemarkOpts::name("mask-is-constant")
                                    .category("attn-simplify-masks"))
        << what;
  };
  if (mask.isAlwaysTrue()) {
    report("the mask keeps every pair: dropped");
    rewriter.modifyOpInPlace(
        op, [&] { rewriter.eraseBlock(&op.getMask().front()); });
  } else if (mask.isAlwaysFalse() && !op.getSink()) {
    // A sink is the LSE of an empty row, or makes it NaN.
    report("the mask keeps no pair: the result is zeros");
    rewriter.setInsertionPoint(op);
    rewriter.replaceOp(op, emitEmptyRows(rewriter, op));
  }
}

namespace {
struct SimplifyMasks : public attn::impl::SimplifyMasksPassBase<SimplifyMasks> {
  void runOnOperation() override {
    SmallVector<AttendOp> masked;
    getOperation()->walk([&](AttendOp op) {
      if (!op.getMask().empty() && op.getOffsets().empty())
        masked.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (AttendOp op : masked)
      simplify(rewriter, op);
  }
};
} // namespace
