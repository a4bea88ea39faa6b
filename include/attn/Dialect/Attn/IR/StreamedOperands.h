//===- StreamedOperands.h - Operands that come from memory ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_STREAMEDOPERANDS_H
#define ATTN_DIALECT_ATTN_IR_STREAMEDOPERANDS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::attn {

/// Says that the inputs `operands` of `op` are read once, row after row, from
/// memory: the lowering to vectors fetches them `rowsAhead` rows before they
/// are read, also rows behind the operand's end. Products of few rows fetch a
/// matrix of which each block reads a part of each row one operand ahead.
void markStreamed(Operation *op, ArrayRef<int64_t> operands, int64_t rowsAhead);

/// The streamed inputs.
SmallVector<OpOperand *> getStreamed(linalg::GenericOp op);

/// Of the streamed inputs those whose map names no loop: matrices of static
/// shape that the body does not read, fetched `rowsAhead` rows ahead in equal
/// shares by the steps of the op. What takes time without reading memory so
/// keeps memory busy.
SmallVector<OpOperand *> getSpread(linalg::GenericOp op);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_IR_STREAMEDOPERANDS_H
