//===- TensorKernel.h - Tables computed on the device -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORS_TENSORKERNEL_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORS_TENSORKERNEL_H

#include "../Arguments/AttendArguments.h"
#include "../Host/KernelModule.h"
#include "../Instructions/KernelBuilder.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::attn {

/// Emits what a block of `threads` threads does to compute a tensor into
/// memory: the fills, loops, tensor.extract, tensor.insert and
/// tensor.from_elements ops that it is made of, each tensor taking the place of
/// the one that it is made from. Loops that only fill their own elements,
/// and those that reduce to integers, are shared by the threads; all else every
/// thread does.
class TensorKernel {
public:
  /// The code of `tensor`, which lies in `result`'s function.
  explicit TensorKernel(Value tensor);

  /// Whether such code is all that the tensor is made of. Fails, with the op
  /// that is not, otherwise.
  LogicalResult check();
  /// Emits the kernel `name`, and its launch in host code at the builder.
  /// `describe` gives what kernels know a value of the host by; the tensor goes
  /// to `place`.
  void emit(OpBuilder &host, KernelModule &kernels, StringRef name,
            function_ref<DeviceValue(Value)> describe,
            const DeviceTensor &place);

private:
  void collect(Value value);
  LogicalResult check(Block &block);
  void emitOp(KernelBuilder &k, Operation &op);
  void emitFill(KernelBuilder &k, Operation &op);
  void emitLoop(KernelBuilder &k, scf::ForOp loop);
  void emitBody(KernelBuilder &k, scf::ForOp loop);
  void emitElements(KernelBuilder &k, tensor::FromElementsOp op);
  SmallVector<Value> lookup(ValueRange indices);

  static constexpr int64_t threads = 256;

  Value tensor;
  SetVector<Operation *> code; ///< In order.
  SetVector<Value> sources;    ///< Tensors in memory that the code reads.
  SetVector<Value> scalars;    ///< Numbers of the host that it uses.
  IRMapping *values = nullptr;
  DenseMap<Value, DeviceTensor> memory;
  Value thread;
  int64_t sharedBytes = 0;
};

/// Says that `op`, on tensors, cannot run on a GPU, and what can.
LogicalResult refuseTensorOp(Operation *op);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORS_TENSORKERNEL_H
