//===- BlockSize.h - How large register blocks are --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_BLOCKSIZE_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_BLOCKSIZE_H

#include "mlir/Support/LLVM.h"

#include <cstdint>
#include <optional>

namespace mlir::attn {

/// A stretch of the lane dimension: blocks of `vectors` vectors of `width`.
struct LaneSegment {
  int64_t vectors;
  int64_t width;

  int64_t step() const { return vectors * width; }
};

/// A block of rows and vectors.
struct BlockSize {
  int64_t rows;
  int64_t vectors;

  /// Multiply-adds per vector or scalar that is loaded.
  double intensity() const {
    return double(rows * vectors) / double(rows + vectors);
  }
};

/// The largest reuse of loaded values for which accumulators, one row of loaded
/// vectors and temporaries fit into the registers.
BlockSize chooseBlock(int64_t registers, int64_t rowCount,
                      std::optional<int64_t> vectorsPerRow);

/// Where what varies along the lanes is extended, which takes as long as two
/// multiply-adds: as few blocks of rows as can be, as each extends anew; then
/// as many vectors, of which no block is left over.
BlockSize chooseExtendingBlock(int64_t registers, int64_t rowCount,
                               int64_t vectorsPerRow);

/// Likewise where vectors of two steps are interleaved, two by two.
BlockSize choosePairingBlock(int64_t registers, int64_t rowCount,
                             int64_t vectorsPerRow);

/// Without reuse along rows: enough vectors to hide latencies.
int64_t chooseVectors(int64_t most, std::optional<int64_t> total);

/// Blocks of `vectors`, then single vectors, then what is left of a vector: in
/// halves where its size is known, else in pieces of `least`, then element by
/// element.
SmallVector<LaneSegment> cutLanes(int64_t size, int64_t width, int64_t vectors,
                                  int64_t least);

/// Blocks of `rows`, then what is left: in halves, or row by row.
SmallVector<int64_t> cutRows(int64_t size, int64_t rows, bool halve);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_BLOCKSIZE_H
