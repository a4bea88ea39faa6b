//===- Captures.h - Captured values inside of a kernel ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_CAPTURES_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_CAPTURES_H

#include "AttendArguments.h"
#include "KernelBuilder.h"

namespace mlir::attn {

/// Values of the host's types: numbers, and stand-ins for tensors that only
/// attn.load, tensor.extract and dim ops may use.
SmallVector<Value> emitCaptures(KernelBuilder &k,
                                ArrayRef<DeviceValue> captures);

/// Turns every use of the stand-ins in `kernel` into loads from device memory
/// and sizes.
void lowerCaptures(Operation *kernel);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_CAPTURES_H
