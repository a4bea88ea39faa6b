//===- DeviceTables.h - Tensors that the device computes --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_DEVICETABLES_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_DEVICETABLES_H

#include "KernelModule.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::attn {

/// Has the device compute what `function` computes on tensors before attention:
/// tables that attend ops capture, into scratch, and results without attention.
/// Host code cannot read the memory of a device, so that requirements on what
/// tensors hold are dropped. Fails, with the op, where a tensor is made of what
/// TensorKernel does not take.
LogicalResult computeTablesOnDevice(func::FuncOp function,
                                    KernelModule &kernels);

/// Memory on the device for a tensor, a memref, until the end of the builder's
/// block.
Value allocateTensor(OpBuilder &builder, Location loc, RankedTensorType type,
                     ArrayRef<OpFoldResult> sizes);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_DEVICETABLES_H
