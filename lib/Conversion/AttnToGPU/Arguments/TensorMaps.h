//===- TensorMaps.h - How TMA reads keys and values -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_ARGUMENTS_TENSORMAPS_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_ARGUMENTS_TENSORMAPS_H

#include "../Instructions/SharedTile.h"
#include "AttendArguments.h"

namespace mlir::attn {

/// Whether TMA can read keys or values with these strides (i1, host code):
/// heads and batches may share them, but rows must follow each other, and no
/// stride be negative or 2^40 bytes or more.
Value isMappable(OpBuilder &builder, Location loc, const AttendOperand &operand,
                 int64_t elementBytes);

/// The tensor map (!llvm.ptr, host code) of the keys or values `tensor` of
/// `op`, described by `operand`: batches, heads, panels of 64 columns, rows,
/// columns. A box is a tile of `layout`. Of what heads or batches share there
/// is one.
Value createMap(OpBuilder &builder, AttendOp op, Value tensor,
                const AttendOperand &operand, ArrayRef<Value> sizes,
                const SharedLayout &layout);

/// Requests a copy of the tile whose rows begin at `row`, in device code:
/// `operand` is bound to the kernel, the barrier counts the bytes.
void copyBox(KernelBuilder &k, const AttendOperand &operand,
             const SharedTile &tile, Value barrier, Value row, Value keyHead,
             Value batch);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_ARGUMENTS_TENSORMAPS_H
