//===- LinalgToVector.h - Register-blocked loops from linalg -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_LINALGTOVECTOR_LINALGTOVECTOR_H
#define ATTN_CONVERSION_LINALGTOVECTOR_LINALGTOVECTOR_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/AttributeNames.h"
#include "attn/Target/CPU/TargetSpec.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::attn {

/// Replaces the linalg ops on memrefs under `root` by loops over 1-D vectors of
/// the target's size. Where one stays, a remark says why.
void vectorizeLinalgOps(Operation *root, const TargetSpec &target);

/// The element of `load.getSource()` at `indices`, or zero where `guard` (null
/// for none) is false or an index is out of bounds. Memory is read only inside
/// of the bounds.
Value emitTotalLoad(OpBuilder &builder, Location loc, Value source,
                    ValueRange indices, Value guard);

} // namespace mlir::attn

#endif // ATTN_CONVERSION_LINALGTOVECTOR_LINALGTOVECTOR_H
