//===- TileCounts.h - What a mask leaves of the tiles -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DRIVER_TILECOUNTS_H
#define ATTN_DRIVER_TILECOUNTS_H

#include "attn/Dialect/Attn/Analysis/TileMap.h"
#include "attn/Driver/Call.h"

namespace mlir::attn {

/// Tiles of one attention op over all batches and heads, by class.
struct TileCounts {
  int64_t empty = 0, partial = 0, full = 0;
  /// The class of each: (plane, query tile, key tile), a plane for each batch
  /// and head.
  int64_t planes = 0, queryTiles = 0, keyTiles = 0;
  std::vector<TileKind> kinds;

  /// The share of pairs that are kept, where partial tiles keep half.
  double keptShare() const;
  /// The share of keys, in tiles, that any query reaches of any of the `group`
  /// heads that share them.
  double reachedShare(int64_t group) const;
  /// The pairs of the tiles of `tileQueries` by `tileKeys` that are not empty.
  double countVisitedPairs(int64_t queries, int64_t keys, int64_t tileQueries,
                           int64_t tileKeys) const;

  /// The bytes of a PNG file, a square per tile, planes side by side (the first
  /// 16): empty white, partial orange, full blue.
  std::string draw() const;
};

/// Counts the tiles of `tileQueries` by `tileKeys` of the attention op number
/// `index` of `function` in a call on `inputs`, by compiling and running the
/// classifier that compiled functions use.
llvm::Expected<TileCounts> countTiles(Compilation &compilation,
                                      const FunctionSignature &function,
                                      unsigned index, int64_t tileQueries,
                                      int64_t tileKeys,
                                      std::vector<HostTensor> &inputs);

/// Makes each public function of a module as written return, in place of its
/// results, the classes of the tiles of its attention op number `index`: a
/// tensor of i8 (batch, head, query tile, key tile), each a TileKind. The error
/// names the function that has no such op.
llvm::Error returnTileMaps(ModuleOp module, unsigned index, int64_t tileQueries,
                           int64_t tileKeys);

} // namespace mlir::attn

#endif // ATTN_DRIVER_TILECOUNTS_H
