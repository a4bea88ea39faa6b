//===- Captures.h - Captured values inside of a kernel ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_ARGUMENTS_CAPTURES_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_ARGUMENTS_CAPTURES_H

#include "../Instructions/KernelBuilder.h"
#include "AttendArguments.h"

namespace mlir::attn {

/// Values of the host's types: numbers, and stand-ins for tensors that only
/// attn.load, tensor.extract and dim ops may use.
SmallVector<Value> emitCaptures(KernelBuilder &k,
                                ArrayRef<DeviceValue> captures);

/// Turns every use of the stand-ins in `kernel` into loads from device memory
/// and sizes.
void lowerCaptures(Operation *kernel);

/// The address of the element at `indices` (index) of a tensor in memory.
Value addressElement(KernelBuilder &k, Type element, const DeviceTensor &tensor,
                     ValueRange indices);

/// Reads an element as it lies in memory, i1 as a byte, index as 64 bits.
Value readElement(KernelBuilder &k, Type element, Value pointer);

/// Writes an element as readElement reads it.
void storeElement(KernelBuilder &k, Value value, const DeviceTensor &tensor,
                  ValueRange indices);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_ARGUMENTS_CAPTURES_H
