//===- Slice.h - What values are computed from -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOLLVM_SLICE_H
#define ATTN_LIB_CONVERSION_ATTNTOLLVM_SLICE_H

#include "mlir/IR/Operation.h"

namespace mlir::attn {

/// The operations of `block` from which `roots` are computed, in their order.
/// On an operation that has a side effect, fails and puts it in `culprit`.
FailureOr<SmallVector<Operation *>> getPureSlice(ValueRange roots, Block *block,
                                                 Operation *&culprit);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOLLVM_SLICE_H
