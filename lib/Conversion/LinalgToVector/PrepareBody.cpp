//===- PrepareBody.cpp - Rewrites of a linalg body before blocking ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PrepareBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::attn;

static bool mayContract(Operation *op) {
  auto flags = cast<arith::ArithFastMathInterface>(op).getFastMathFlagsAttr();
  return flags &&
         bitEnumContainsAll(flags.getValue(), arith::FastMathFlags::contract);
}

/// Whether `value` is what the body reads of an output.
static bool isAccumulator(linalg::GenericOp op, Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && argument.getOwner() == op.getBody() &&
         argument.getArgNumber() >= op.getNumDpsInputs();
}

static void formMultiplyAdd(RewriterBase &rewriter, linalg::GenericOp op,
                            arith::AddFOp add) {
  for (unsigned side : {0, 1}) {
    auto product = add->getOperand(side).getDefiningOp<arith::MulFOp>();
    Value addend = add->getOperand(1 - side);
    if (!product || !product->hasOneUse() ||
        product->getBlock() != op.getBody())
      continue;
    if (!isAccumulator(op, addend) &&
        !(mayContract(add) && mayContract(product)))
      continue;
    rewriter.setInsertionPoint(add);
    rewriter.replaceOpWithNewOp<math::FmaOp>(
        add, product.getLhs(), product.getRhs(), addend, add.getFastmathAttr());
    return rewriter.eraseOp(product);
  }
}

void attn::formMultiplyAdds(RewriterBase &rewriter, linalg::GenericOp op) {
  SmallVector<arith::AddFOp> sums(op.getBody()->getOps<arith::AddFOp>());
  for (arith::AddFOp add : sums)
    if (add.getType().isF32() || add.getType().isF64())
      formMultiplyAdd(rewriter, op, add);
}
