//===- AttendElements.h - One element type for attention --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_ATTENDELEMENTS_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_ATTENDELEMENTS_H

#include "attn/Dialect/Attn/IR/Attn.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::attn {

/// The element type on which kernels compute `op`: that of queries, keys,
/// values and output, or f32 where these differ, as those of a cosine or of
/// projected queries do.
Type getKernelElement(AttendOp op);

/// Converts what has another element type: ops that do so are added to `before`
/// and `after`, where they stand.
void unifyElements(AttendOp op, SmallVectorImpl<linalg::LinalgOp> &before,
                   SmallVectorImpl<linalg::LinalgOp> &after);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_ATTENDELEMENTS_H
