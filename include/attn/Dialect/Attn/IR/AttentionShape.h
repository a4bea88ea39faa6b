//===- AttentionShape.h - Layouts and sizes of attention operands -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTENTIONSHAPE_H
#define ATTN_DIALECT_ATTN_IR_ATTENTIONSHAPE_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// A layout string read: which dimension of a tensor is which. `m` stands for
/// queries in a query or output and for keys in a key or value.
struct AttentionLayout {
  SmallVector<int64_t> batch; ///< Dimensions that are batch, outermost first.
  std::optional<int64_t> head;
  int64_t length = 0;  ///< Queries or keys.
  int64_t feature = 0; ///< Head size.
  int64_t rank = 0;

  /// Reads `layout`, or takes the default of `rank`: md, bmd, bhmd, and further
  /// leading batch dimensions. On failure `error` says what is wrong.
  static FailureOr<AttentionLayout>
  get(std::optional<StringRef> layout, int64_t rank, std::string &error);

  /// The layout of an attention op; the op has been verified.
  static AttentionLayout get(AttentionOpInterface op);
};

/// Verifies what all attention ops share: ranks, layout, element types, equal
/// batch, head groups, lengths, value and result shapes. `featureSizesAgree`
/// says whether query and key have one head size.
LogicalResult verifyAttention(AttentionOpInterface op, bool featureSizesAgree);

/// The type in which scores are computed: f64 for f64, else f32.
Type getAccumulatorType(Type elementType);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_IR_ATTENTIONSHAPE_H
