//===- SizeChecks.h - Requirements on sizes that types leave open -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_SIZECHECKS_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_SIZECHECKS_H

#include "attn/Dialect/Attn/IR/AttentionShape.h"

namespace mlir::attn {

/// Emits attn.require for sizes of one op that types leave open. What is static
/// on both sides the verifier has checked.
class SizeChecks {
public:
  SizeChecks(OpBuilder &builder, Operation *op) : b(builder), op(op) {}

  /// A size with the name that messages give to its tensor.
  struct Named {
    std::string name;
    OpFoldResult size;
  };
  Named of(const Twine &name, Value tensor, int64_t dim);

  /// "lhs has WHAT 3, rhs has 4; they must be equal".
  void same(StringRef what, Named lhs, Named rhs);
  /// "lhs has 3 heads, rhs has 2; LHS heads must be a multiple of RHS heads".
  void groups(Named lhs, Named rhs);
  /// "name has WHAT 7; it must be a multiple of 2: WHY".
  void multiple(StringRef what, Named size, int64_t divisor, StringRef why);
  /// The sizes of a result that its type fixes, from those that `sources` have.
  void result(StringRef name, Value result, ArrayRef<DimSource> sources);

  /// Requires `condition`; `message` follows the name of the op.
  void require(Value condition, const Twine &message, ValueRange values);

private:
  Value asValue(OpFoldResult size);
  Value isMultiple(Value value, Value divisor);

  OpBuilder &b;
  Operation *op;
};

/// The checks that all attention ops share. `featureSizesAgree` says whether
/// query and key have one head size.
void checkAttentionSizes(OpBuilder &builder, AttentionOpInterface op,
                         bool featureSizesAgree);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_SIZECHECKS_H
