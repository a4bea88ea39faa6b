//===- AttentionShape.h - Layouts and sizes of attention operands -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTENTIONSHAPE_H
#define ATTN_DIALECT_ATTN_IR_ATTENTIONSHAPE_H

#include "attn/Dialect/Attn/IR/PairSizes.h"

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

/// One dimension of an operand: where the size of a result comes from.
struct DimSource {
  Value value;
  int64_t dim;

  int64_t size() const {
    return cast<ShapedType>(value.getType()).getDimSize(dim);
  }
};

/// The operand dimensions that give each dimension of the results; those of
/// results that the op does not have are given all the same.
struct ResultDims {
  SmallVector<DimSource> output, lse, weights, received;

  static ResultDims get(AttentionOpInterface op, const AttentionLayout &layout);
};

/// The sizes that masks and score modifiers of an attention op see; several
/// batch dimensions count as one, outermost first.
PairSizes getPairSizes(AttentionOpInterface op, const AttentionLayout &layout);

/// Verifies what all attention ops share: ranks, layout, element types, equal
/// batch, head groups, lengths, value and result shapes, mask and score
/// modifiers. `featureSizesAgree` says whether query and key have one head size.
LogicalResult verifyAttention(AttentionOpInterface op, bool featureSizesAgree);

/// Verifies that `scale` (nullopt for the default) is finite.
LogicalResult verifyScale(Operation *op, const std::optional<APFloat> &scale);

/// Verifies that `operand` (null for none) has the element type of `query`.
LogicalResult verifyElementType(Operation *op, StringRef name, Value operand,
                                Value query);

/// The type in which scores are computed: f64 for f64, else f32.
Type getAccumulatorType(Type elementType);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_IR_ATTENTIONSHAPE_H
