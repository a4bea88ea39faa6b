//===- EmptyFeatures.h - Attention on features of size 0 -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_EMPTYFEATURES_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_EMPTYFEATURES_H

#include "Scoring.h"

namespace mlir::attn {

/// Tiles of static size 0 cannot be sliced. Values without features get one of
/// zeros; the op's output is replaced by an empty tensor.
void padValueFeatures(OpBuilder &builder, AttentionOpInterface op);

/// Queries and keys without features get one of zeros, which leaves every
/// compatibility 0.
void padScoredFeatures(OpBuilder &builder, AttentionOpInterface op,
                       Scoring &scoring);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_EMPTYFEATURES_H
