//===- DeviceTensors.cpp - Tensors that the device computes -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceTensors.h"

#include "AttendElements.h"
#include "DeviceCode.h"
#include "HostRequirements.h"
#include "LinalgKernel.h"
#include "TensorKernel.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Computes the tensors of one function, op by op in order.
class Tensors {
public:
  Tensors(func::FuncOp function, KernelModule &kernels)
      : function(function), kernels(kernels) {}
  LogicalResult compute();

private:
  LogicalResult compute(Operation *op);
  LogicalResult compute(linalg::LinalgOp op);
  LogicalResult compute(tensor::InsertSliceOp op);
  LogicalResult compute(arith::ConstantOp op);
  LogicalResult computeChain(OpResult tensor);
  LogicalResult prepare(AttendOp op);
  LogicalResult prepareCaptures(AttendOp op);
  LogicalResult prepareRows(OpOperand &operand);
  LogicalResult store(bufferization::MaterializeInDestinationOp op);
  LogicalResult nameView(Operation *op);

  Value place(OpBuilder &b, OpResult result);
  void replace(OpBuilder &b, Value tensor, Value memory);
  FailureOr<Value> copy(OpBuilder &b, Value tensor, Value memory = {});
  LogicalResult launch(OpBuilder &b, linalg::LinalgOp op,
                       ArrayRef<Value> memories);
  DeviceTensor describe(OpBuilder &b, Value memory);
  DeviceValue describeValue(OpBuilder &b, Value value);
  FailureOr<Value> storeNumber(OpBuilder &b, Value number);
  std::string getName(StringRef kind);

  func::FuncOp function;
  KernelModule &kernels;
  unsigned count = 0;
  DenseMap<Value, DeviceTensor> described; ///< By memref.
  DenseMap<Value, Value> stored; ///< Numbers of the device as tensors.
};
} // namespace

std::string Tensors::getName(StringRef kind) {
  return (function.getName() + "_" + kind + Twine(count++)).str();
}

DeviceTensor Tensors::describe(OpBuilder &b, Value memory) {
  auto found = described.find(memory);
  if (found != described.end())
    return found->second;
  return described[memory] = describeMemory(b, memory.getLoc(), memory);
}

DeviceValue Tensors::describeValue(OpBuilder &b, Value value) {
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
Value Tensors::place(OpBuilder &b, OpResult result) {
  if (result.hasOneUse())
    if (auto store = dyn_cast<bufferization::MaterializeInDestinationOp>(
            *result.getUsers().begin())) {
      Operation *definition = store.getDest().getDefiningOp();
      if (!definition || definition->isBeforeInBlock(result.getOwner()))
        return store.getDest();
    }
  return allocateTensor(b, result.getLoc(),
                        cast<RankedTensorType>(result.getType()),
                        getSizes(b, result));
}

/// Lets users of `tensor` find it in `memory`.
void Tensors::replace(OpBuilder &b, Value tensor, Value memory) {
  Value there = bufferization::ToTensorOp::create(
      b, tensor.getLoc(), tensor.getType(), memory, /*restrict=*/true);
  tensor.replaceAllUsesWith(there);
}

/// The elements of `tensor`, which is in memory, in `memory`, or in scratch.
FailureOr<Value> Tensors::copy(OpBuilder &b, Value tensor, Value memory) {
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

LogicalResult Tensors::launch(OpBuilder &b, linalg::LinalgOp op,
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
FailureOr<Value> Tensors::storeNumber(OpBuilder &b, Value number) {
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

/// Whether a tensor is only made to be the initial one of other code, which
/// makes it.
static bool isInitial(Operation *op) {
  return llvm::all_of(op->getUses(), [&](OpOperand &use) {
    if (isa<scf::ForOp>(use.getOwner()))
      return op->hasOneUse();
    auto user = dyn_cast<linalg::LinalgOp>(use.getOwner());
    return user && isa<linalg::FillOp>(op) && user.isDpsInit(&use);
  });
}

LogicalResult Tensors::compute(linalg::LinalgOp op) {
  if (isInitial(op))
    return success();
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
LogicalResult Tensors::compute(tensor::InsertSliceOp op) {
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

LogicalResult Tensors::compute(arith::ConstantOp op) {
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
LogicalResult Tensors::computeChain(OpResult tensor) {
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

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// A capture that is a number which only the device knows becomes a tensor of
/// one element, which regions load.
LogicalResult Tensors::prepareCaptures(AttendOp op) {
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
LogicalResult Tensors::prepareRows(OpOperand &operand) {
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

LogicalResult Tensors::prepare(AttendOp op) {
  SmallVector<linalg::LinalgOp> before, after;
  unifyElements(op, before, after);
  for (linalg::LinalgOp conversion : before)
    if (failed(compute(conversion)))
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
      memory = allocateTensor(b, op.getLoc(),
                              cast<RankedTensorType>(result.getType()),
                              getSizes(b, init.get()));
      init.set(bufferization::ToTensorOp::create(b, op.getLoc(),
                                                 result.getType(), memory,
                                                 /*restrict=*/true));
    }
    OpBuilder behind(op);
    behind.setInsertionPointAfter(op);
    replace(behind, result, memory);
  }
  for (linalg::LinalgOp conversion : after)
    if (failed(compute(conversion)))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

LogicalResult Tensors::store(bufferization::MaterializeInDestinationOp op) {
  Value memory = getMemory(op.getSource());
  if (!memory && !op.getSource().getDefiningOp<tensor::EmptyOp>())
    return refuseTensorOp(op.getSource().getDefiningOp());
  OpBuilder b(op);
  if (memory && memory != op.getDest() &&
      failed(copy(b, op.getSource(), op.getDest())))
    return failure();
  op.erase();
  return success();
}

LogicalResult Tensors::nameView(Operation *op) {
  OpBuilder b(op);
  Value memory = getMemory(op->getOperand(0));
  if (!memory)
    return refuseTensorOp(op->getOperand(0).getDefiningOp());
  Value view = emitView(b, op, memory);
  if (!view) {
    FailureOr<Value> copied = copy(b, op->getOperand(0));
    if (failed(copied))
      return failure();
    view = emitView(b, op, *copied);
  }
  if (!view)
    return refuseTensorOp(op);
  replace(b, op->getResult(0), view);
  return success();
}

LogicalResult Tensors::compute(Operation *op) {
  auto isTensor = [](Type type) { return isa<TensorType>(type); };
  if (auto attend = dyn_cast<AttendOp>(op))
    return prepare(attend);
  if (auto result = dyn_cast<bufferization::MaterializeInDestinationOp>(op))
    return store(result);
  if (isOpTriviallyDead(op) || llvm::none_of(op->getResultTypes(), isTensor))
    return success();
  if (auto linalg = dyn_cast<linalg::LinalgOp>(op))
    return compute(linalg);
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return compute(insert);
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return compute(constant);
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp,
          tensor::ExtractSliceOp>(op))
    return nameView(op);
  if (isa<scf::ForOp>(op) && op->hasOneUse() && isInitial(op))
    return success();
  if (isa<scf::ForOp, tensor::FromElementsOp>(op) && op->getNumResults() == 1)
    return computeChain(op->getResult(0));
  if (isa<tensor::EmptyOp, bufferization::ToTensorOp>(op))
    return success();
  return refuseTensorOp(op);
}

LogicalResult Tensors::compute() {
  dropUnreadableRequirements(function);
  SmallVector<Operation *> ops;
  for (Operation &op : function.getBody().front())
    ops.push_back(&op);
  for (Operation *op : ops)
    if (failed(compute(op)))
      return failure();
  return success();
}

/// Each loop overwrites a tensor of its own, which its kernel makes.
static void separateInitials(func::FuncOp function) {
  auto own = [](OpOperand &operand) {
    Operation *made = operand.get().getDefiningOp();
    if (!isa_and_nonnull<tensor::EmptyOp, tensor::FromElementsOp,
                         linalg::FillOp, arith::ConstantOp>(made) ||
        made->hasOneUse())
      return made;
    auto number = cast<OpResult>(operand.get()).getResultNumber();
    Operation *copy = OpBuilder(operand.getOwner()).clone(*made);
    operand.set(copy->getResult(number));
    return copy;
  };
  for (auto loop : function.getBody().front().getOps<scf::ForOp>())
    for (OpOperand &init : loop.getInitArgsMutable())
      if (isa<TensorType>(init.get().getType()))
        if (auto fill = dyn_cast_or_null<linalg::FillOp>(own(init)))
          own(fill.getOutputsMutable()[0]);
}

/// Erases what only the host would have computed.
static void eraseUnused(func::FuncOp function) {
  SmallVector<Operation *> ops;
  for (Operation &op : function.getBody().front())
    if (!isa<AttendOp>(op))
      ops.push_back(&op);
  for (Operation *op : llvm::reverse(ops))
    if (isOpTriviallyDead(op))
      op->erase();
}

LogicalResult attn::computeTensorsOnDevice(func::FuncOp function,
                                           KernelModule &kernels) {
  if (function.isExternal())
    return success();
  // Of what is empty no memory is named.
  RewritePatternSet patterns(function.getContext());
  tensor::populateFoldTensorEmptyPatterns(patterns);
  if (failed(applyPatternsGreedily(function, std::move(patterns))))
    return failure();
  separateInitials(function);
  if (failed(Tensors(function, kernels).compute()))
    return failure();
  eraseUnused(function);
  return success();
}
