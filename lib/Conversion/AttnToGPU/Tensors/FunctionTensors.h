//===- FunctionTensors.h - Tensors that the device computes -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORS_FUNCTIONTENSORS_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORS_FUNCTIONTENSORS_H

#include "../Arguments/DeviceMemory.h"
#include "../Host/KernelModule.h"

#include "attn/Dialect/Attn/IR/Attn.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::attn {

/// Computes the tensors of one function, op by op in order: each linalg op, and
/// each chain of loops that inserts elements, becomes a kernel, into memory of
/// a result or into scratch; reshapes and slices name memory. Attend ops then
/// take and give memory alone, elements of one type, and have no users.
class FunctionTensors {
public:
  FunctionTensors(func::FuncOp function, KernelModule &kernels)
      : function(function), kernels(kernels) {}

  /// Fails, with the op, where there is no such kernel.
  LogicalResult compute();

private:
  // FunctionTensors.cpp
  LogicalResult compute(Operation *op);
  LogicalResult store(bufferization::MaterializeInDestinationOp op);
  LogicalResult nameView(Operation *op);

  // ComputedTensors.cpp
  LogicalResult compute(linalg::LinalgOp op);
  LogicalResult compute(tensor::InsertSliceOp op);
  LogicalResult compute(arith::ConstantOp op);
  LogicalResult computeChain(OpResult tensor);
  Value place(OpBuilder &b, OpResult result);
  Value allocate(OpBuilder &b, Value tensor);
  void replace(OpBuilder &b, Value tensor, Value memory);
  FailureOr<Value> copy(OpBuilder &b, Value tensor, Value memory = {});
  LogicalResult launch(OpBuilder &b, linalg::LinalgOp op,
                       ArrayRef<Value> memories);
  DeviceTensor describe(OpBuilder &b, Value memory);
  DeviceValue describeValue(OpBuilder &b, Value value);
  FailureOr<Value> storeNumber(OpBuilder &b, Value number);
  std::string getName(StringRef kind);

  // AttendTensors.cpp
  LogicalResult prepare(AttendOp op);
  LogicalResult prepareCaptures(AttendOp op);
  LogicalResult prepareRows(OpOperand &operand);

  func::FuncOp function;
  KernelModule &kernels;
  unsigned count = 0;
  DenseMap<Value, DeviceTensor> described; ///< By memref.
  DenseMap<Value, Value> stored; ///< Numbers of the device as tensors.
};

/// Has the device compute all that `function` computes on tensors beside
/// attention. Host code cannot read the memory of a device, so that
/// requirements on what tensors hold are dropped. Fails, with the op, where the
/// device has no such kernel.
LogicalResult computeTensorsOnDevice(func::FuncOp function,
                                     KernelModule &kernels);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORS_FUNCTIONTENSORS_H
