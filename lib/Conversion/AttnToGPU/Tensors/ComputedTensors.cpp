//===- ComputedTensors.cpp - Tensors that kernels compute -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FunctionTensors.h"

#include "DeviceCode.h"
#include "LinalgKernel.h"
#include "TensorKernel.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::attn;

std::string FunctionTensors::getName(StringRef kind) {
  return (function.getName() + "_" + kind + Twine(count++)).str();
}

DeviceTensor FunctionTensors::describe(OpBuilder &b, Value memory) {
  auto found = described.find(memory);
  if (found != described.end())
    return found->second;
  return described[memory] = describeMemory(b, memory.getLoc(), memory);
}

DeviceValue FunctionTensors::describeValue(OpBuilder &b, Value value) {
  if (!isa<TensorType>(value.getType()))
    return {value.getType(), value, {}};
  return {value.getType(), {}, describe(b, getMemory(value))};
}

//===----------------------------------------------------------------------===//
// Where tensors go
//===----------------------------------------------------------------------===//

/// The sizes of a computed tensor: those of the one in whose place it comes, as
/// a size of the tensor itself would keep what computes it.
static SmallVector<OpFoldResult> getSizes(OpBuilder &b, Value tensor) {
  Operation *op = tensor.getDefiningOp();
  if (auto empty = dyn_cast_if_present<tensor::EmptyOp>(op))
    return empty.getMixedSizes();
  if (auto loop = dyn_cast_if_present<scf::ForOp>(op))
    return getSizes(b, loop.getTiedLoopInit(cast<OpResult>(tensor))->get());
  if (auto into = dyn_cast_if_present<DestinationStyleOpInterface>(op))
    return getSizes(b, into.getTiedOpOperand(cast<OpResult>(tensor))->get());
  return tensor::getMixedSizes(b, tensor.getLoc(), tensor);
}

/// The function's result, where it is all that `result` is, else scratch.
Value FunctionTensors::place(OpBuilder &b, OpResult result) {
  if (result.hasOneUse())
    if (auto store = dyn_cast<bufferization::MaterializeInDestinationOp>(
            *result.getUsers().begin())) {
      Operation *definition = store.getDest().getDefiningOp();
      if (!definition || definition->isBeforeInBlock(result.getOwner()))
        return store.getDest();
    }
  return allocate(b, result);
}

Value FunctionTensors::allocate(OpBuilder &b, Value tensor) {
  return allocateTensor(b, tensor.getLoc(),
                        cast<RankedTensorType>(tensor.getType()),
                        getSizes(b, tensor));
}

/// Lets users of `tensor` find it in `memory`.
void FunctionTensors::replace(OpBuilder &b, Value tensor, Value memory) {
  Value there = bufferization::ToTensorOp::create(
      b, tensor.getLoc(), tensor.getType(), memory, /*restrict=*/true);
  tensor.replaceAllUsesWith(there);
}

/// The elements of `tensor`, which is in memory, in `memory`, or in scratch.
FailureOr<Value> FunctionTensors::copy(OpBuilder &b, Value tensor,
                                       Value memory) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Location loc = tensor.getLoc();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, tensor);
  if (!memory)
    memory = allocateTensor(b, loc, type, sizes);
  Value empty = tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
  auto copying = linalg::CopyOp::create(b, loc, tensor, empty);
  if (failed(launch(b, copying, memory)))
    return failure();
  copying.erase();
  return memory;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

LogicalResult FunctionTensors::launch(OpBuilder &b, linalg::LinalgOp op,
                                      ArrayRef<Value> memories) {
  LinalgKernel kernel(op);
  if (failed(kernel.check()))
    return failure();
  kernel.emit(
      b, kernels, getName("tensor"),
      [&](Value value) { return describeValue(b, value); },
      llvm::map_to_vector(memories,
                          [&](Value memory) { return describe(b, memory); }));
  return success();
}

/// The tensor of one element that a number is in which the device alone knows.
FailureOr<Value> FunctionTensors::storeNumber(OpBuilder &b, Value number) {
  if (Value known = stored.lookup(number))
    return known;
  OpBuilder after(number.getDefiningOp());
  after.setInsertionPointAfterValue(number);
  auto tensor = tensor::FromElementsOp::create(
      after, number.getLoc(), RankedTensorType::get({}, number.getType()),
      number);
  if (failed(computeChain(tensor->getResult(0))))
    return failure();
  Operation *there = tensor->getNextNode();
  while (!isa<bufferization::ToTensorOp>(there))
    there = there->getNextNode();
  return stored[number] = there->getResult(0);
}

LogicalResult FunctionTensors::compute(linalg::LinalgOp op) {
  OpBuilder b(op);
  SetVector<Value> used;
  getUsedValuesDefinedAbove(op->getRegion(0), used);
  for (Value number : used) {
    if (isa<TensorType>(number.getType()) || !readsElements(number))
      continue;
    FailureOr<Value> tensor = storeNumber(b, number);
    if (failed(tensor))
      return failure();
    OpBuilder inside = OpBuilder::atBlockBegin(op.getBlock());
    Value read = tensor::ExtractOp::create(inside, op.getLoc(), *tensor);
    replaceAllUsesInRegionWith(number, read, op->getRegion(0));
  }
  for (OpOperand &operand : op->getOpOperands()) {
    Value value = operand.get();
    if (!isa<TensorType>(value.getType()) && readsElements(value))
      return refuseTensorOp(value.getDefiningOp());
    bool isRead = !op.isDpsInit(&operand) ||
                  (op.payloadUsesValueFromOperand(&operand) && !getFill(value));
    if (isRead && isa<TensorType>(value.getType()) && !getMemory(value))
      return refuseTensorOp(value.getDefiningOp());
  }
  SmallVector<Value> memories;
  for (OpResult result : op->getResults())
    memories.push_back(place(b, result));
  if (failed(launch(b, op, memories)))
    return failure();
  for (auto [result, memory] : llvm::zip_equal(op->getResults(), memories))
    replace(b, result, memory);
  return success();
}

/// A copy of the destination, of which a part is overwritten.
LogicalResult FunctionTensors::compute(tensor::InsertSliceOp op) {
  OpBuilder b(op);
  Value memory = getMemory(op.getDest());
  bool isOwn = memory && isScratch(memory) && op.getDest().hasOneUse();
  if (!isOwn && memory) {
    FailureOr<Value> copied = copy(b, op.getDest());
    if (failed(copied))
      return failure();
    memory = *copied;
  } else if (!memory) {
    // Nothing was there.
    memory = place(b, op->getResult(0));
  }
  auto type = memref::SubViewOp::inferRankReducedResultType(
      op.getSourceType().getShape(), cast<MemRefType>(memory.getType()),
      op.getMixedOffsets(), op.getMixedSizes(), op.getMixedStrides());
  Value part = memref::SubViewOp::create(
      b, op.getLoc(), cast<MemRefType>(type), memory, op.getMixedOffsets(),
      op.getMixedSizes(), op.getMixedStrides());
  if (failed(copy(b, op.getSource(), part)))
    return failure();
  replace(b, op.getResult(), memory);
  return success();
}

LogicalResult FunctionTensors::compute(arith::ConstantOp op) {
  auto elements = dyn_cast<DenseElementsAttr>(op.getValue());
  auto type = dyn_cast<RankedTensorType>(op.getType());
  if (!type || !elements)
    return success();
  OpBuilder b(op);
  auto constant = [&](Attribute value) -> Value {
    return arith::ConstantOp::create(b, op.getLoc(), cast<TypedAttr>(value));
  };
  Value made;
  if (elements.isSplat()) {
    Value empty = tensor::EmptyOp::create(b, op.getLoc(), type.getShape(),
                                          type.getElementType());
    made = linalg::FillOp::create(b, op.getLoc(),
                                  constant(elements.getSplatValue<Attribute>()),
                                  empty)
               .getResult(0);
  } else {
    made = tensor::FromElementsOp::create(
        b, op.getLoc(), type,
        llvm::map_to_vector(elements.getValues<Attribute>(), constant));
  }
  op.getResult().replaceAllUsesWith(made);
  return compute(made.getDefiningOp());
}

/// By a kernel of one block.
LogicalResult FunctionTensors::computeChain(OpResult tensor) {
  OpBuilder b(tensor.getOwner());
  b.setInsertionPointAfter(tensor.getOwner());
  TensorKernel code(tensor);
  if (failed(code.check()))
    return failure();
  Value memory = place(b, tensor);
  code.emit(
      b, kernels, getName("table"),
      [&](Value value) { return describeValue(b, value); },
      describe(b, memory));
  replace(b, tensor, memory);
  return success();
}
