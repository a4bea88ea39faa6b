//===- LaneTree.h - The lanes of many vectors summed at once -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANETREE_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANETREE_H

#include "mlir/IR/Builders.h"

namespace mlir::attn {

/// A vector whose lane k is the sum of the lanes of `vectors[k]`; there are as
/// many vectors as lanes, a power of two.
Value sumLanes(OpBuilder &builder, Location loc, SmallVector<Value> vectors);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANETREE_H
