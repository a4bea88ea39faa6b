//===- LinalgKernel.h - Kernels for linalg on tensors -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORS_LINALGKERNEL_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORS_LINALGKERNEL_H

#include "../Arguments/AttendArguments.h"
#include "../Host/KernelModule.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::attn {

/// A kernel for one op of linalg: a thread for each element of its results,
/// which goes over what is reduced in the order of the op's dimensions.
class LinalgKernel {
public:
  explicit LinalgKernel(linalg::LinalgOp op) : op(op) {}

  /// Fails, with the reason, where there is no such kernel.
  LogicalResult check();

  /// Emits the kernel `name`, and its launch in host code at the builder.
  /// `describe` gives what kernels know a value of the host by; results go to
  /// `places`.
  void emit(OpBuilder &host, KernelModule &kernels, StringRef name,
            function_ref<DeviceValue(Value)> describe,
            ArrayRef<DeviceTensor> places);

private:
  void emitElement(OpBuilder &builder);
  Value sizeOf(unsigned dim);
  SmallVector<Value> emitReductions(ArrayRef<unsigned> dims, ValueRange sums);
  SmallVector<Value> emitBody(ValueRange sums);
  SmallVector<Value> indicesOf(OpOperand &operand);

  static constexpr int64_t threads = 256;

  linalg::LinalgOp op;
  KernelBuilder *k = nullptr;
  /// What is read: inputs, initial values (those of fills as numbers), values
  /// that the body uses.
  SmallVector<Value> read;
  AttendArguments given;
  SmallVector<Value> values; ///< Of what is read, in the kernel.
  SmallVector<Value> at;     ///< The place in each dimension, i64.
};

/// The fill that `value` is; null where it is none.
linalg::FillOp getFill(Value value);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORS_LINALGKERNEL_H
