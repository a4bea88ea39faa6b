//===- AttendTensors.cpp - Tensors of attention on a device -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FunctionTensors.h"

#include "../Attend/AttendElements.h"
#include "DeviceCode.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::attn;

/// A capture that is a number which only the device knows becomes a tensor of
/// one element, which regions load.
LogicalResult FunctionTensors::prepareCaptures(AttendOp op) {
  OpBuilder b(op);
  for (auto [position, operand] : llvm::enumerate(op.getCapturesMutable())) {
    if (isa<TensorType>(operand.get().getType()) ||
        !readsElements(operand.get()))
      continue;
    FailureOr<Value> tensor = storeNumber(b, operand.get());
    if (failed(tensor))
      return failure();
    operand.set(*tensor);
    for (auto [region, first] :
         {std::pair<Region *, unsigned>(&op.getMask(), 4),
          {&op.getScore(), 5}}) {
      if (region->empty())
        continue;
      BlockArgument argument = region->getArgument(first + position);
      OpBuilder inside = OpBuilder::atBlockBegin(&region->front());
      argument.setType(tensor->getType());
      auto read = LoadOp::create(inside, op.getLoc(), argument, ValueRange(),
                                 /*guard=*/Value());
      argument.replaceAllUsesExcept(read, read);
    }
  }
  return success();
}

/// Rows of queries, keys and values are dense, and begin where those of the
/// tensor begin.
LogicalResult FunctionTensors::prepareRows(OpOperand &operand) {
  Value memory = getMemory(operand.get());
  if (!memory)
    return success();
  auto strides = cast<MemRefType>(memory.getType()).getStridesAndOffset().first;
  bool isDense = strides.empty() || strides.back() == 1;
  auto slice = memory.getDefiningOp<memref::SubViewOp>();
  if (isDense &&
      (!slice || slice.getSourceType().getShape().back() ==
                     cast<MemRefType>(memory.getType()).getShape().back()))
    return success();
  OpBuilder b(operand.getOwner());
  FailureOr<Value> copied = copy(b, operand.get());
  if (failed(copied))
    return failure();
  operand.set(bufferization::ToTensorOp::create(
      b, operand.getOwner()->getLoc(), operand.get().getType(), *copied,
      /*restrict=*/true));
  return success();
}

LogicalResult FunctionTensors::prepare(AttendOp op) {
  SmallVector<linalg::LinalgOp> before, after;
  unifyElements(op, before, after);
  for (linalg::LinalgOp conversion : before)
    if (failed(compute(conversion.getOperation())))
      return failure();
  if (failed(prepareCaptures(op)))
    return failure();
  for (OpOperand *operand : op.getDpsInputOperands())
    if (isa<TensorType>(operand->get().getType()) &&
        operand->getOperandNumber() < 3 + (op.getFeatureWeight() ? 1 : 0) &&
        failed(prepareRows(*operand)))
      return failure();
  OpBuilder b(op);
  for (OpResult result : op->getResults()) {
    OpOperand &init = *op.getTiedOpOperand(result);
    Value memory = getMemory(init.get());
    if (!memory) {
      memory = allocate(b, init.get());
      init.set(bufferization::ToTensorOp::create(b, op.getLoc(),
                                                 result.getType(), memory,
                                                 /*restrict=*/true));
    }
    OpBuilder behind(op);
    behind.setInsertionPointAfter(op);
    replace(behind, result, memory);
  }
  for (linalg::LinalgOp conversion : after)
    if (failed(compute(conversion.getOperation())))
      return failure();
  return success();
}
