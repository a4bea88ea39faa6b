//===- LaneFold.h - Short rows combined in registers ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_LANEFOLD_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_LANEFOLD_H

#include "attn/Target/CPU/TargetSpec.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::attn {

/// Whether `op` adds the rows of a matrix, or takes their maximum, where rows
/// are a vector or less and the matrix is a few vectors.
bool isLaneFold(linalg::GenericOp op, const TargetSpec &target);

/// Replaces the meaning of such an op, but not the op: whole vectors are
/// combined in pairs, then halves of the last. `initial` is what the output
/// starts from; null for what it holds.
void emitLaneFold(OpBuilder &builder, linalg::GenericOp op,
                  const TargetSpec &target, Value initial);

/// Whether `op` repeats a row of less than a vector for all of a matrix.
bool isLaneRepeat(linalg::GenericOp op, const TargetSpec &target);

/// Replaces the meaning of such an op, but not the op, by stores of whole
/// vectors, so that loads of whole vectors find them.
void emitLaneRepeat(OpBuilder &builder, linalg::GenericOp op,
                    const TargetSpec &target);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_LANEFOLD_H
