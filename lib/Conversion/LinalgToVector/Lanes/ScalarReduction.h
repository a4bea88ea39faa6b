//===- ScalarReduction.h - One value of a vector's length -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_SCALARREDUCTION_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_SCALARREDUCTION_H

#include "attn/Target/CPU/TargetSpec.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::attn {

/// Whether `op` reduces a few vectors of contiguous elements, all that its one
/// loop visits, to a single value, by an operation that vectors reduce by.
bool isScalarReduction(linalg::GenericOp op, const TargetSpec &target);

/// Replaces the meaning of such an op, but not the op, by one reduction of
/// vectors that were combined lane by lane before, and of what is less than a
/// vector. `initial` is what the output starts from; null for what it holds.
void emitScalarReduction(OpBuilder &builder, linalg::GenericOp op,
                         const TargetSpec &target, Value initial);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_SCALARREDUCTION_H
