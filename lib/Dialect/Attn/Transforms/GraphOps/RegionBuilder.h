//===- RegionBuilder.h - From mask and score values to regions -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_REGIONBUILDER_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_REGIONBUILDER_H

#include "attn/Dialect/Attn/IR/Attn.h"

#include "llvm/ADT/SetVector.h"

namespace mlir::attn {

/// The sizes of an attention op as index values; H is 1 for one without heads.
struct SizeValues {
  Value B, H, M, N;
  bool hasHeads = true;
};

/// A mask and score modifiers on their way to the regions of one attend op.
class RegionBuilder {
public:
  /// `mask` may be null. Rewrites masks that depend on sizes (bottom-right
  /// causal, document offsets) or hold facts (sorted ids) at the builder, and
  /// masks and modifiers that hold tensors (B, M, N) for attention without
  /// heads.
  static FailureOr<RegionBuilder> get(OpBuilder &builder, Location loc,
                                      Value mask, ValueRange scores,
                                      const SizeValues &sizes);

  /// Adds a value that `emitPrologue` of `buildScore` will read.
  void capture(Value value) { captures.insert(value); }
  /// All captured values, without repetition.
  ArrayRef<Value> getCaptures() const { return captures.getArrayRef(); }

  /// Fills `region` with the mask's predicate; leaves it empty without a mask.
  void buildMask(OpBuilder &builder, Region &region) const;

  using Prologue = function_ref<Value(OpBuilder &, Value score,
                                      const PairIndices &, const IRMapping &)>;
  /// Fills `region` with `prologue` (null for none) and then the modifiers in
  /// order; leaves it empty where there are neither. The mapping takes a
  /// captured value to the region's argument.
  void buildScore(OpBuilder &builder, Region &region, Type accumulator,
                  Prologue prologue) const;

private:
  static Value rewriteScore(OpBuilder &builder, Location loc, Value score);
  Value rewriteForSizes(OpBuilder &builder, Location loc, Value mask,
                        const SizeValues &sizes);
  Value emitPredicate(OpBuilder &builder, Value mask,
                      const PairIndices &indices,
                      const IRMapping &mapping) const;
  LogicalResult collect(Location loc);
  LogicalResult collectMask(Location loc, Value mask);
  Block *startRegion(OpBuilder &builder, Region &region, Type score,
                     IRMapping &mapping) const;

  Value mask;
  SmallVector<Value> scores;
  SetVector<Value> captures;
};

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_REGIONBUILDER_H
