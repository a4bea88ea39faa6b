//===- DeviceCode.h - What kernels can compute ------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORS_DEVICECODE_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORS_DEVICECODE_H

#include "mlir/IR/Operation.h"

namespace mlir::attn {

/// Fails, with the reason, where one of the ops of `region` has no code for
/// GPUs.
LogicalResult checkDeviceCode(Region &region);

/// Whether all that the op takes and gives are numbers.
bool isOnNumbers(Operation &op);

/// Whether a number depends on an element of a tensor, which only the device
/// can read.
bool readsElements(Value number);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_TENSORS_DEVICECODE_H
