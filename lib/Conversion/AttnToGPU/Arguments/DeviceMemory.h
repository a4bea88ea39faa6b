//===- DeviceMemory.h - Tensors in the memory of a device -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_ARGUMENTS_DEVICEMEMORY_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_ARGUMENTS_DEVICEMEMORY_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mlir::attn {

/// A tensor in device memory.
struct DeviceTensor {
  Value pointer;              ///< Of the first element.
  SmallVector<Value> sizes;   ///< i64.
  SmallVector<Value> strides; ///< i64, in elements.
};

/// What a kernel knows a value of the host by: a number, or a tensor in memory.
struct DeviceValue {
  Type type; ///< The host's.
  Value number;
  DeviceTensor tensor;
};

/// Describes a memref on the device in host code at the builder.
DeviceTensor describeMemory(OpBuilder &builder, Location loc, Value memory);

/// The memref that holds `tensor`; null where it is computed.
Value getMemory(Value tensor);

/// The same elements as a tensor of another op, in host code at the builder: of
/// a memref that a reshape, a cast or a slice of its tensor is. Null where `op`
/// is no such, or its elements do not lie as such a memref has them.
Value emitView(OpBuilder &builder, Operation *op, Value memory);

/// Memory on the device for a tensor, a memref, until freeScratch. Its rows
/// start at multiples of 16 bytes where their size is one.
Value allocateTensor(OpBuilder &builder, Location loc, RankedTensorType type,
                     ArrayRef<OpFoldResult> sizes);

/// Frees what gpu.alloc gave `function` at the end of the block where it did.
void freeScratch(func::FuncOp function);

/// Whether a memref is a view of what allocateTensor gave.
bool isScratch(Value memory);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_ARGUMENTS_DEVICEMEMORY_H
