//===- ViewRoot.h - What memrefs are views of -------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_VIEWROOT_H
#define ATTN_DIALECT_ATTN_IR_VIEWROOT_H

#include "mlir/Interfaces/ViewLikeInterface.h"

namespace mlir::attn {

/// What `memref` is a view of, however many views lie between; itself where it
/// is none.
inline Value getViewRoot(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>())
    memref = view.getViewSource();
  return memref;
}

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_IR_VIEWROOT_H
