//===- BlockSize.cpp - How large register blocks are -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockSize.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// How well blocks of `size` fill a row of `total` vectors.
static double utilization(int64_t size, std::optional<int64_t> total) {
  if (!total)
    return 1.0;
  int64_t blocks = llvm::divideCeil(*total, size);
  return double(*total) / double(blocks * size);
}

BlockSize attn::chooseBlock(int64_t registers, int64_t rowCount,
                            std::optional<int64_t> vectorsPerRow) {
  // A single row waits for each of its sums: as many of them as make up for it.
  const int64_t maxVectors = rowCount == 1 ? 8 : 6;
  // One or two vectors are not enough to hide latencies in eight rows.
  bool narrow = vectorsPerRow && *vectorsPerRow <= 2;
  int64_t maxRows = !narrow ? 8 : *vectorsPerRow == 1 ? 16 : 12;
  if (ShapedType::isStatic(rowCount))
    maxRows = std::clamp<int64_t>(rowCount, 1, maxRows);
  BlockSize best = {1, 1};
  double bestScore = 0;
  for (int64_t vectors = 1; vectors <= maxVectors; ++vectors) {
    if (vectorsPerRow && vectors > *vectorsPerRow)
      break;
    int64_t rows = std::min((registers - vectors) / vectors, maxRows);
    if (rows > 8)
      rows -= rows % 4;
    if (rows < 1)
      break;
    BlockSize size = {rows, vectors};
    double score = size.intensity() * utilization(vectors, vectorsPerRow);
    if (score > bestScore) {
      best = size;
      bestScore = score;
    }
  }
  return best;
}

/// Of widths that are multiples of `step`, up to `maxVectors`, the largest of
/// those that need the fewest blocks of rows.
static BlockSize chooseTallBlock(int64_t registers, int64_t rowCount,
                                 int64_t vectorsPerRow, int64_t step,
                                 int64_t maxVectors) {
  constexpr int64_t maxRows = 8;
  BlockSize best = {1, step};
  int64_t fewest = rowCount;
  for (int64_t vectors = step; vectors <= maxVectors; vectors += step) {
    int64_t rows = std::min((registers - vectors) / vectors, maxRows);
    if (vectorsPerRow % vectors != 0 || rows < 1)
      continue;
    int64_t blocks = llvm::divideCeil(rowCount, rows);
    if (blocks <= fewest)
      best = {std::min(rows, rowCount), vectors};
    fewest = std::min(fewest, blocks);
  }
  return best;
}

BlockSize attn::chooseExtendingBlock(int64_t registers, int64_t rowCount,
                                     int64_t vectorsPerRow) {
  return chooseTallBlock(registers, rowCount, vectorsPerRow, /*step=*/1,
                         /*maxVectors=*/6);
}

BlockSize attn::choosePairingBlock(int64_t registers, int64_t rowCount,
                                   int64_t vectorsPerRow) {
  return chooseTallBlock(registers, rowCount, vectorsPerRow, /*step=*/2,
                         /*maxVectors=*/10);
}

int64_t attn::chooseVectors(int64_t most, std::optional<int64_t> total) {
  int64_t best = 1;
  for (int64_t vectors = 1; vectors <= most; ++vectors)
    if (!total || (vectors <= *total && *total % vectors == 0))
      best = vectors;
  return best;
}

SmallVector<LaneSegment> attn::cutLanes(int64_t size, int64_t width,
                                        int64_t vectors, int64_t least) {
  SmallVector<LaneSegment> segments;
  auto add = [&](int64_t vectors, int64_t width) {
    if (ShapedType::isStatic(size) && size < vectors * width)
      return;
    segments.push_back({vectors, width});
    if (ShapedType::isStatic(size))
      size %= vectors * width;
  };
  add(vectors, width);
  if (ShapedType::isStatic(size)) {
    if (int64_t rest = size / width)
      add(rest, width);
    for (int64_t part = width / 2; part >= 1; part /= 2)
      if (size >= part)
        add(1, part);
    return segments;
  }
  if (vectors > 1)
    add(1, width);
  if (least > 1 && least < width)
    add(1, least);
  if (width > 1)
    add(1, 1);
  return segments;
}

/// Blocks of `rows`, then what is left of a size that is known: in one block,
/// which is not a single row, as that would wait for each of its few sums. Two
/// blocks are halves where they can be.
static SmallVector<int64_t> cutKnownRows(int64_t size, int64_t rows) {
  rows = std::min(rows, std::max<int64_t>(size, 1));
  if (llvm::divideCeil(size, rows) == 2 && size % 2 == 0)
    rows = size / 2;
  while (rows > 2 && size % rows == 1)
    --rows;
  SmallVector<int64_t> segments{rows};
  if (int64_t rest = size % rows)
    segments.push_back(rest);
  return segments;
}

SmallVector<int64_t> attn::cutRows(int64_t size, int64_t rows, bool halve) {
  if (halve && ShapedType::isStatic(size))
    return cutKnownRows(size, rows);
  SmallVector<int64_t> segments;
  for (int64_t step = rows; step >= 1;
       step = halve ? step / 2 : std::min<int64_t>(step - 1, 1)) {
    if (ShapedType::isStatic(size) && size < step)
      continue;
    segments.push_back(step);
    if (ShapedType::isStatic(size))
      size %= step;
  }
  return segments;
}
