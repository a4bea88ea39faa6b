//===- TensorKernel.h - Tables computed on the device -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORKERNEL_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORKERNEL_H

#include "AttendArguments.h"
#include "KernelBuilder.h"

#include "mlir/IR/IRMapping.h"

namespace mlir::attn {

/// Emits what a block of `threads` threads does to compute a tensor into
/// memory: the fills, loops, tensor.extract and tensor.insert ops that it is
/// made of, each tensor taking the place of the one that it is made from. Loops
/// that only fill their own elements are shared by the threads; all else every
/// thread does.
class TensorKernel {
public:
  static constexpr int64_t threads = 256;

  /// The code of `tensor`, which lies in `result`'s function.
  explicit TensorKernel(Value tensor);

  /// Whether such code is all that the tensor is made of. Fails, with the op
  /// that is not, otherwise.
  LogicalResult check();
  /// Tensors in memory that the code reads.
  ArrayRef<Value> getSources() const { return sources.getArrayRef(); }
  /// Numbers of the host that it uses.
  ArrayRef<Value> getScalars() const { return scalars.getArrayRef(); }

  /// Emits the code at the builder. `scalars` are in `mapping`.
  void emit(OpBuilder &builder, Location loc, IRMapping &mapping,
            ArrayRef<DeviceTensor> sourceMemory, const DeviceTensor &result);

private:
  void collect(Value value);
  LogicalResult check(Block &block);
  void emitOp(KernelBuilder &k, Operation &op);
  void emitFill(KernelBuilder &k, Operation &op);
  void emitLoop(KernelBuilder &k, scf::ForOp loop);
  void emitBody(KernelBuilder &k, scf::ForOp loop);
  Value address(KernelBuilder &k, Value tensor, ValueRange indices);

  Value tensor;
  SetVector<Operation *> code; ///< In order.
  SetVector<Value> sources, scalars;
  IRMapping *values = nullptr;
  DenseMap<Value, DeviceTensor> memory;
  Value thread;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORKERNEL_H
