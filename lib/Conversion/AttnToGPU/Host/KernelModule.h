//===- KernelModule.h - The kernels of a module and their launches ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_HOST_KERNELMODULE_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_HOST_KERNELMODULE_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::attn {

/// How often a kernel runs, and with what.
struct LaunchSizes {
  Value blocks; ///< Index.
  int64_t threads, sharedBytes;
};

/// The form of attn/Target/NVPTX/Launch.h: kernels in a gpu.module, made with
/// the first of them.
class KernelModule {
public:
  explicit KernelModule(ModuleOp module) : module(module) {}

  /// A kernel without code whose parameters have the types of `operands`; the
  /// builder is left at its start.
  gpu::GPUFuncOp create(OpBuilder &builder, Location loc, StringRef name,
                        ValueRange operands, int64_t threads);
  /// Ends the code of a kernel, after which nothing in it is on tensors.
  void finish(OpBuilder &builder, gpu::GPUFuncOp kernel);
  /// Launches a kernel in host code at the builder.
  void launch(OpBuilder &builder, gpu::GPUFuncOp kernel,
              const LaunchSizes &sizes, ValueRange operands);

  /// The same with a thread for each element of a tensor of `sizes` (i64).
  void launchEach(OpBuilder &builder, gpu::GPUFuncOp kernel, ValueRange sizes,
                  int64_t threads, ValueRange operands);

  /// Kernels made from now on are for the images of these chips alone; null for
  /// all.
  void setChips(ArrayAttr names) { chips = names; }

private:
  gpu::GPUModuleOp get();

  ModuleOp module;
  gpu::GPUModuleOp kernels;
  ArrayAttr chips;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_HOST_KERNELMODULE_H
