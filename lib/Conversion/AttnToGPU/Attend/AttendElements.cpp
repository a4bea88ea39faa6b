//===- AttendElements.cpp - One element type for attention ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttendElements.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// What kernels multiply, and the output.
static SmallVector<OpOperand *> getMultiplied(AttendOp op) {
  SmallVector<OpOperand *> operands{&op.getQueryMutable(), &op.getKeyMutable(),
                                    &op.getValueMutable(),
                                    &op.getOutputInitMutable()};
  for (OpOperand &weight : op.getFeatureWeightMutable())
    operands.push_back(&weight);
  return operands;
}

Type attn::getKernelElement(AttendOp op) {
  Type element = getElementTypeOrSelf(op.getQuery().getType());
  for (OpOperand *operand : getMultiplied(op)) {
    Type other = getElementTypeOrSelf(operand->get().getType());
    if (other.isF64())
      return other;
    if (other != element)
      element = Float32Type::get(op.getContext());
  }
  return element;
}

/// The elements of `tensor` as `element`.
static linalg::LinalgOp convert(OpBuilder &b, Location loc, Value tensor,
                                Type element) {
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  Value empty = tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, tensor), element);
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
      b, loc, empty.getType(), tensor, empty, maps, iterators,
      [&](OpBuilder &inner, Location loc, ValueRange arguments) {
        Value converted = convertScalarToDtype(
            inner, loc, arguments[0], element, /*isUnsignedCast=*/false);
        linalg::YieldOp::create(inner, loc, converted);
      });
}

void attn::unifyElements(AttendOp op, SmallVectorImpl<linalg::LinalgOp> &before,
                         SmallVectorImpl<linalg::LinalgOp> &after) {
  Type element = getKernelElement(op);
  if (element.isF64())
    return;
  Location loc = op.getLoc();
  OpBuilder b(op);
  for (OpOperand *operand : getMultiplied(op)) {
    Type from = getElementTypeOrSelf(operand->get().getType());
    if (from == element)
      continue;
    if (operand != &op.getOutputInitMutable()) {
      before.push_back(convert(b, loc, operand->get(), element));
      operand->set(before.back()->getResult(0));
      continue;
    }
    Value init = tensor::EmptyOp::create(
        b, loc, tensor::getMixedSizes(b, loc, operand->get()), element);
    operand->set(init);
    Value output = op.getOutput();
    output.setType(init.getType());
    OpBuilder behind(op);
    behind.setInsertionPointAfter(op);
    after.push_back(convert(behind, loc, output, from));
    output.replaceUsesWithIf(after.back()->getResult(0), [&](OpOperand &use) {
      return use.getOwner() != after.back() &&
             !isa<tensor::DimOp>(use.getOwner());
    });
  }
}
