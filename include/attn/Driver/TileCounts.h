//===- TileCounts.h - What a mask leaves of the tiles -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DRIVER_TILECOUNTS_H
#define ATTN_DRIVER_TILECOUNTS_H

#include "attn/Driver/Call.h"

namespace mlir::attn {

/// Tiles of one attention op over all batches and heads, by class.
struct TileCounts {
  int64_t empty = 0, partial = 0, full = 0;

  /// The share of pairs that are kept, where partial tiles keep half.
  double keptShare() const;
};

/// Counts the tiles of `tileQueries` by `tileKeys` of the attention op number
/// `index` of `function` in a call on `inputs`, by compiling and running the
/// classifier that compiled functions use.
llvm::Expected<TileCounts> countTiles(Compilation &compilation,
                                      const FunctionSignature &function,
                                      unsigned index, int64_t tileQueries,
                                      int64_t tileKeys,
                                      std::vector<HostTensor> &inputs);

} // namespace mlir::attn

#endif // ATTN_DRIVER_TILECOUNTS_H
