//===- LeafEmission.h - Leaves of a mask as IR, and tables of them -*- C++
//-*-===//
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

/// Per tile of queries or keys, of a leaf: tensors (batch or 1, head or 1,
/// tile) of i64.
struct LeafTable {
  Leaf leaf;
  Value minimum, maximum;
  /// OR of one hashed bit per value; null where no equality asks for it.
  Value signature;
  bool needsSignature = false;
};

/// Sizes of the whole, as index values, and of tiles.
struct TableSizes {
  Value batches, heads, queries, keys;
  int64_t tileQueries, tileKeys;
};

/// Fills `tables` in one pass per group of equal dependence.
void emitTables(OpBuilder &builder, Location loc, const MaskModel &model,
                MutableArrayRef<LeafTable> tables, const TableSizes &sizes,
                ValueRange captures);

/// Visits the leaves that `disjunction` reads, terms and nodes.
void walkLeaves(const MaskModel &model, const Disjunction &disjunction,
                function_ref<void(unsigned)> visitTerm,
                function_ref<void(unsigned)> visitNode);

/// Whether the pair of atoms says that two tabled functions, of i and of j, are
/// equal; sets their terms.
bool isTableEquality(const MaskModel &model, const LinearForm &lhs,
                     const LinearForm &rhs,
                     std::pair<unsigned, unsigned> &terms);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_ANALYSIS_LEAFEMISSION_H
