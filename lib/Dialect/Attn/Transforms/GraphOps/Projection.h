//===- Projection.h - Linear maps on the features of a tensor -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_PROJECTION_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_PROJECTION_H

#include "../LinalgBuilder.h"

namespace mlir::attn {

/// Emits `input`, whose dimension `feature` has the size in, times `weight`
/// (out, in) plus `bias` (out; null for none). The result, in the accumulator
/// type, has the size out in dimension `feature`.
Value emitProjection(LinalgBuilder linalg, Value input, int64_t feature,
                     Value weight, Value bias);

/// The same for an input (B, L, in) whose output features are those of `heads`
/// heads of `headSize`: (B, heads, L, headSize). The rows of a head then lie
/// side by side, as attention reads them.
Value emitHeadProjection(LinalgBuilder linalg, Value input, Value weight,
                         Value bias, OpFoldResult heads, OpFoldResult headSize);

/// The other way round: from (B, heads, L, headSize) by a weight (out, heads *
/// headSize) to (B, L, out).
Value emitMergingProjection(LinalgBuilder linalg, Value input, Value weight,
                            Value bias, OpFoldResult heads,
                            OpFoldResult headSize);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_PROJECTION_H
