//===- PrepareBody.cpp - Rewrites of a linalg op before blocking -*- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PrepareBody.h"

#include "mlir/Analysis/AliasAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Multiply-adds
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// Initial values
//===----------------------------------------------------------------------===//

/// Whether the op reads and writes each element of `output` once, and through
/// no other operand.
static bool ownsOutput(linalg::GenericOp op, OpOperand &output,
                       AliasAnalysis &aliases) {
  AffineMap map = op.getMatchingIndexingMap(&output);
  SmallVector<unsigned> reductionDims;
  op.getReductionDims(reductionDims);
  bool carried = llvm::none_of(
      reductionDims, [&](unsigned dim) { return map.isFunctionOfDim(dim); });
  if (reductionDims.empty() || !carried || !map.isProjectedPermutation())
    return false;
  auto mayAlias = [&](OpOperand &other) {
    return &other != &output && isa<MemRefType>(other.get().getType()) &&
           !aliases.alias(other.get(), output.get()).isNo();
  };
  return llvm::none_of(op->getOpOperands(), mayAlias);
}

/// The fill that gives `memref` its contents as `op` finds them.
static linalg::FillOp findFill(Operation *op, Value memref,
                               AliasAnalysis &aliases) {
  for (Operation *before = op->getPrevNode(); before;
       before = before->getPrevNode()) {
    auto fill = dyn_cast<linalg::FillOp>(before);
    if (fill && fill.getOutputs().front() == memref)
      return fill;
    if (isMemoryEffectFree(before))
      continue;
    auto touches = [&](Value operand) {
      return isa<MemRefType>(operand.getType()) &&
             !aliases.alias(operand, memref).isNo();
    };
    if (!isa<linalg::LinalgOp>(before) ||
        llvm::any_of(before->getOperands(), touches))
      return nullptr;
  }
  return nullptr;
}

SmallVector<Value> attn::absorbFills(RewriterBase &rewriter,
                                     linalg::GenericOp op) {
  AliasAnalysis aliases(op->getParentOp());
  SmallVector<Value> values;
  for (OpOperand &output : op.getDpsInitsMutable()) {
    linalg::FillOp fill;
    if (ownsOutput(op, output, aliases))
      fill = findFill(op, output.get(), aliases);
    values.push_back(fill ? fill.getInputs().front() : Value());
    if (fill)
      rewriter.eraseOp(fill);
  }
  return values;
}
