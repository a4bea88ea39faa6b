//===- ExpandGraphOps.h - What graph ops mean in linalg and core attention ===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_EXPANDGRAPHOPS_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_EXPANDGRAPHOPS_H

#include "../LinalgBuilder.h"

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Emit, at the builder, what the op means, with requirements on its sizes, and
/// return a value for each of its results. They fail with an error.
FailureOr<SmallVector<Value>> expand(OpBuilder &builder, MultiHeadOp op);
FailureOr<SmallVector<Value>> expand(OpBuilder &builder, SinusoidOp op);
FailureOr<SmallVector<Value>> expand(OpBuilder &builder, RotaryOp op);
FailureOr<SmallVector<Value>> expand(OpBuilder &builder, MaskedSoftmaxOp op);
FailureOr<SmallVector<Value>> expand(OpBuilder &builder, MergeOp op);

/// The angle, in f64, by which each pair of features advances per position:
/// base^(-2t/features) for pair t.
Value emitFrequencies(LinalgBuilder linalg, OpFoldResult pairs,
                      OpFoldResult features, double base);

/// An index as a float.
Value emitIndexToFloat(OpBuilder &builder, Location loc, Value index,
                       Type type);

/// `value` as a tensor of `type`, whose sizes requirements have compared.
Value castTo(OpBuilder &builder, Location loc, Value value, Type type);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_EXPANDGRAPHOPS_H
