//===- CanonicalLayout.h - Operands in the form that attn.attend takes --===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_CANONICALLAYOUT_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_CANONICALLAYOUT_H

#include "RegionBuilder.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"
#include "attn/Dialect/Attn/IR/AttributeNames.h"

namespace mlir::attn {

/// Brings the tensors of one attention op into canonical form and back: batch
/// dimensions collapsed into one, query heads split into (hkv, g) where H and
/// Hkv may differ. Dimensions keep their order, so no data moves.
class CanonicalLayout {
public:
  static FailureOr<CanonicalLayout> get(OpBuilder &builder,
                                        AttentionOpInterface op);

  /// A tensor in canonical form with its indexing map.
  struct Operand {
    Value value;
    AffineMap map;
  };
  Operand query(OpBuilder &builder, Value value) const;
  Operand key(OpBuilder &builder, Value value) const;
  Operand value(OpBuilder &builder, Value value) const;
  /// A vector with one element per query head, as (hkv, g).
  Value perHead(OpBuilder &builder, Value value) const;

  /// An uninitialised tensor of the canonical form of an output, LSE or weights
  /// result of type `elementType`.
  Operand outputInit(OpBuilder &builder, Type elementType) const;
  Operand lseInit(OpBuilder &builder, Type elementType) const;
  Operand weightsInit(OpBuilder &builder, Type elementType) const;
  Operand topInit(OpBuilder &builder, Type elementType, int64_t count) const;
  /// One number for each query, or each key: an output of one feature.
  Operand rowInit(OpBuilder &builder, Type elementType, bool perKey) const;

  /// Canonical LSE as regions read it: by those of (b, h, i) that exist.
  Value perRow(OpBuilder &builder, Value lse) const;
  SmallVector<Value> rowIndices(const PairIndices &indices) const;

  /// The way back from canonical form to the type of the op's result.
  Value restoreOutput(OpBuilder &builder, Value value, Type type) const;
  Value restoreLse(OpBuilder &builder, Value value, Type type) const;
  Value restoreWeights(OpBuilder &builder, Value value, Type type) const;
  Value restoreTop(OpBuilder &builder, Value value, Type type) const;
  Value restoreRows(OpBuilder &builder, Value value, Type type) const;

  /// Sizes as index values; B counts all batch dimensions.
  SizeValues sizes;

private:
  /// What a dimension of a user's tensor is: one of AttendOp::Dim, Head for a
  /// query head that is split, or Rank among the top weights.
  enum { Head = AttendOp::NumDims, Rank };
  using Kinds = SmallVector<unsigned>;

  Kinds kindsOf(unsigned length, unsigned feature, unsigned head) const;
  Kinds rowKinds() const;
  Operand canonicalize(OpBuilder &builder, Value value,
                       ArrayRef<unsigned> kinds) const;
  Operand init(OpBuilder &builder, Type elementType,
               ArrayRef<unsigned> kinds) const;
  Value restore(OpBuilder &builder, Value value, Type type,
                ArrayRef<unsigned> kinds) const;
  /// Kinds after batch dimensions are merged and heads are split.
  Kinds canonicalKinds(ArrayRef<unsigned> kinds) const;

  Location loc;
  AttentionLayout layout;
  bool splitHeads = false;
  SmallVector<OpFoldResult> batchSizes;
  OpFoldResult dimSizes[AttendOp::NumDims];

  explicit CanonicalLayout(Location loc) : loc(loc) {}
};

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_CANONICALLAYOUT_H
