//===- TileMap.h - The classes of all tiles of a mask -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_ANALYSIS_TILEMAP_H
#define ATTN_DIALECT_ATTN_ANALYSIS_TILEMAP_H

#include "attn/Dialect/Attn/Analysis/TileClassification.h"

namespace mlir::attn {

/// A class in a tile map.
enum class TileKind : int8_t { Empty = 0, Partial = 1, Full = 2 };

/// Emits the class of every tile: a tensor (batch, head, query tile, key tile)
/// of i8, each a TileKind. For inspection; compiled functions never build it.
Value emitTileMap(OpBuilder &builder, Location loc, TileClassifier &classifier,
                  const MaskDomain &domain, ValueRange captures);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_ANALYSIS_TILEMAP_H
