//===- DeviceCode.cpp - What kernels can compute ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceCode.h"

#include "attn/Dialect/Attn/IR/Attn.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// All that the reference evaluates has code, but functions on f64 only where
/// an instruction computes them.
static bool hasDeviceCode(Operation *op) {
  if (isa<math::ClampFOp, math::IPowIOp, math::IsNormalOp, math::SincosOp>(op))
    return false;
  bool isFunction =
      isa<math::MathDialect>(op->getDialect()) || isa<arith::RemFOp>(op);
  bool isF64 = llvm::any_of(op->getOperandTypes(),
                            [](Type type) { return type.isF64(); });
  return !isFunction || !isF64 ||
         isa<math::AbsFOp, math::CeilOp, math::CopySignOp, math::ExpOp,
             math::FloorOp, math::FmaOp, math::IsFiniteOp, math::IsInfOp,
             math::IsNaNOp, math::RoundOp, math::RoundEvenOp, math::RsqrtOp,
             math::SqrtOp, math::TruncOp>(op);
}

LogicalResult attn::checkDeviceCode(Region &region) {
  for (Operation &nested : region.getOps())
    if (!hasDeviceCode(&nested))
      return nested.emitOpError(
          "has no code for GPUs; functions of f32 and "
          "arithmetic, exp, roundings and roots of f64 have");
  return success();
}

bool attn::isOnNumbers(Operation &op) {
  auto isTensor = [](Type type) { return isa<TensorType>(type); };
  return op.getNumRegions() == 0 &&
         llvm::none_of(op.getOperandTypes(), isTensor) &&
         llvm::none_of(op.getResultTypes(), isTensor);
}

bool attn::readsElements(Value number) {
  Operation *op = number.getDefiningOp();
  if (!op)
    return false;
  auto isRead = [](Operation *nested) {
    return isa<tensor::ExtractOp>(nested) ? WalkResult::interrupt()
                                          : WalkResult::advance();
  };
  return op->walk(isRead).wasInterrupted() ||
         (isOnNumbers(*op) && llvm::any_of(op->getOperands(), readsElements));
}
