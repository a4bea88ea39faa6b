//===- DeviceTensors.h - Tensors that the device computes -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_DEVICETENSORS_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_DEVICETENSORS_H

#include "KernelModule.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::attn {

/// Has the device compute all that `function` computes on tensors beside
/// attention: each linalg op, and each chain of loops that inserts elements,
/// becomes a kernel, into memory of a result or into scratch; reshapes and
/// slices name memory. Attend ops then take and give memory alone, elements of
/// one type, and have no users. Host code cannot read the memory of a device,
/// so that requirements on what tensors hold are dropped. Fails, with the op,
/// where there is no such kernel.
LogicalResult computeTensorsOnDevice(func::FuncOp function,
                                     KernelModule &kernels);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_DEVICETENSORS_H
