//===- RowWitness.h - Proof that a mask keeps a key in each row -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_ANALYSIS_ROWWITNESS_H
#define ATTN_DIALECT_ATTN_ANALYSIS_ROWWITNESS_H

#include "attn/Dialect/Attn/Analysis/CaptureFacts.h"

namespace mlir::attn {

/// A key that a mask keeps in every row, for every input.
enum class RowWitness {
  None,     ///< no proof
  FirstKey, ///< j = 0, where there is a key
  OwnKey    ///< j = i, where there are at least as many keys as queries
};

/// Looks for a witness of `mask`, a region over (b, h, i, j, captures...).
/// `queries` and `keys` are the sizes where known, or ShapedType::kDynamic;
/// `facts` those of the captures, or none.
RowWitness findRowWitness(Region &mask, int64_t queries = ShapedType::kDynamic,
                          int64_t keys = ShapedType::kDynamic,
                          ArrayRef<CaptureFacts> facts = {});

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_ANALYSIS_ROWWITNESS_H
