//===- NarrowComparisons.h - Comparisons of indices in 32 bits --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOLINALG_NARROWCOMPARISONS_H
#define ATTN_LIB_CONVERSION_ATTNTOLINALG_NARROWCOMPARISONS_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// The positions of pairs in the body of a linalg op on a tile.
struct TilePositions {
  PairIndices at; ///< Of the pair.
  Value query;    ///< Of the tile's first query; at.i is query + lane.
  Value lane;     ///< Of the query in the tile, below `lanes`.
  int64_t lanes;
};

/// Rewrites the signed comparisons of `block` whose sides differ by a multiple
/// of the lane and by what is one for all lanes: the latter is limited to 32
/// bits, and vectors of 32 bits are compared in place of vectors of indices. A
/// side that could wrap, given that positions are below positionLimit, stays as
/// it is.
void narrowComparisons(OpBuilder &builder, Block &block,
                       const TilePositions &positions);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOLINALG_NARROWCOMPARISONS_H
