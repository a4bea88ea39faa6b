//===- FunctionTensors.cpp - Walk over the tensors of a function *- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FunctionTensors.h"

#include "../Host/HostRequirements.h"
#include "TensorKernel.h"

#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace mlir::attn;

LogicalResult
FunctionTensors::store(bufferization::MaterializeInDestinationOp op) {
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

LogicalResult FunctionTensors::nameView(Operation *op) {
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

LogicalResult FunctionTensors::compute(Operation *op) {
  auto isTensor = [](Type type) { return isa<TensorType>(type); };
  if (auto attend = dyn_cast<AttendOp>(op))
    return prepare(attend);
  if (auto result = dyn_cast<bufferization::MaterializeInDestinationOp>(op))
    return store(result);
  if (isOpTriviallyDead(op) || llvm::none_of(op->getResultTypes(), isTensor))
    return success();
  if (auto linalg = dyn_cast<linalg::LinalgOp>(op))
    return isInitial(op) ? success() : compute(linalg);
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

LogicalResult FunctionTensors::compute() {
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
  if (llvm::any_of(function.getArgumentTypes(), llvm::IsaPred<TensorType>))
    return function.emitOpError(
        "takes tensors; for a GPU functions take memrefs, which "
        "attn-bind-destinations makes of tensors");
  // Of what is empty no memory is named.
  RewritePatternSet patterns(function.getContext());
  tensor::populateFoldTensorEmptyPatterns(patterns);
  if (failed(applyPatternsGreedily(function, std::move(patterns))))
    return failure();
  separateInitials(function);
  if (failed(FunctionTensors(function, kernels).compute()))
    return failure();
  eraseUnused(function);
  return success();
}
