//===- DocumentIds.h - Document ids from offsets -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_DOCUMENTIDS_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_DOCUMENTIDS_H

#include "mlir/IR/Builders.h"

namespace mlir::attn {

/// Emits, in time O(length + documents), a tensor<?xi64> that says for each
/// position the t with offsets[t] <= position < offsets[t + 1], -outside before
/// the first document, the number of documents - 1 + outside behind the last.
/// It ascends, as the offsets are required to: which is proved to the analysis.
Value emitDocumentIds(OpBuilder &builder, Location loc, Value offsets,
                      Value length, int64_t outside);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_DOCUMENTIDS_H
