//===- LeafEmission.h - Leaves of a mask as IR, and tables of them ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_ANALYSIS_LEAFEMISSION_H
#define ATTN_LIB_DIALECT_ATTN_ANALYSIS_LEAFEMISSION_H

#include "Disjunction.h"

namespace mlir::attn {

/// Clones what computes `leaf`, with `arguments` for the region's arguments. No
/// division in it traps.
Value emitLeaf(OpBuilder &builder, Location loc, const MaskModel &model,
               const Leaf &leaf, ValueRange arguments);

/// How many keys a rectangle spans: one tile, a block of tiles (the last one
/// may be smaller), or all.
enum KeyExtent { TileOfKeys, BlockOfKeys, AllKeys, NumKeyExtents };

/// Of a leaf, per extent of keys, or per tile of queries at the first: tensors
/// (batch or 1, head or 1, number of rectangles) of i64.
struct LeafTable {
  /// One extent.
  struct Level {
    Value minimum, maximum;
    /// OR of one hashed bit per value; null where no equality asks for it.
    Value signature;
  };
  Leaf leaf;
  Level levels[NumKeyExtents];
  /// Whether neither the minima nor the maxima of the tiles of keys ever fall,
  /// as for sorted values: a tensor (batch or 1, head or 1, 1) of 0 or 1; or an
  /// i1 for all of them, where a fact says so of a capture that is long enough.
  Value ascends;
  /// The number of tiles of keys, and how often a range of so many is halved
  /// until it is empty (index).
  Value tiles, searchSteps;
  /// Whether the values within a tile never fall, 0 or 1; null where nobody
  /// asks.
  Value ordered;
  bool needsSignature = false, needsOrder = false;

  bool isOverKeys() const { return leaf.dependence & Dependence::Key; }
};

/// Sizes of the whole, as index values, and of tiles.
struct TableSizes {
  Value batches, heads, queries, keys;
  int64_t tileQueries, tileKeys;
};

/// Fills `tables` in one pass per group of equal dependence; coarser extents of
/// keys are made from finer ones.
void emitTables(OpBuilder &builder, Location loc, const MaskModel &model,
                MutableArrayRef<LeafTable> tables, const TableSizes &sizes,
                ValueRange captures);

/// Fills the coarser levels of a table over keys whose tiles are filled.
void emitCoarserLevels(OpBuilder &builder, Location loc, LeafTable &table,
                       const TableSizes &sizes);

/// Visits the leaves that `disjunction` reads, terms and nodes.
void walkLeaves(const MaskModel &model, const Disjunction &disjunction,
                function_ref<void(unsigned)> visitTerm,
                function_ref<void(unsigned)> visitNode);
void walkLeaves(const MaskModel &model, const Conjunction &conjunction,
                function_ref<void(unsigned)> visitTerm,
                function_ref<void(unsigned)> visitNode);

/// Whether the pair of atoms says that two tabled functions, of i and of j, are
/// equal; sets their terms.
bool isTableEquality(const MaskModel &model, const LinearForm &lhs,
                     const LinearForm &rhs,
                     std::pair<unsigned, unsigned> &terms);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_ANALYSIS_LEAFEMISSION_H
