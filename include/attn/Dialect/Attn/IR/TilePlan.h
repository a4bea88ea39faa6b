//===- TilePlan.h - Plans as attn.attend carries them -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_TILEPLAN_H
#define ATTN_DIALECT_ATTN_IR_TILEPLAN_H

#include "attn/Dialect/Attn/IR/Attn.h"

#include <limits>
#include <optional>

namespace mlir::attn {

/// The largest number that a discardable attribute may state.
inline constexpr int64_t maxCount = std::numeric_limits<int32_t>::max();

/// The number that an attribute of type index or i64 states, else nullopt.
std::optional<int64_t> getCount(Attribute attribute);

/// What lies along vector lanes in the contractions.
enum class LaneAxis { Queries, Features };

/// "queries" or "features".
StringRef stringifyLaneAxis(LaneAxis axis);

/// How an `attn.attend` is computed. The discardable attribute `attn.plan`
/// holds it, a dictionary of these names.
struct TilePlan {
  int64_t queries;   ///< Queries of a tile, per head.
  int64_t keys;      ///< Keys of a tile.
  int64_t group = 1; ///< Heads that share keys in a tile.
  /// Keys of each part that is computed apart, before parts are merged; 0 for
  /// one part.
  int64_t split = 0;
  LaneAxis lanes = LaneAxis::Queries;
  /// Whether scores come from dot products of pairs, so that packed queries
  /// keep their type.
  bool pairs = false;
  /// Whether both products are on tile registers. Unless `unpacked`, `resident`
  /// keys and values at a time are packed in whole tiles.
  bool tiles = false;
  /// Whether tile registers take whole tiles of keys as they lie, and values in
  /// pairs of keys; `turned` then.
  bool unpacked = false;
  /// How many rows ahead keys and values are fetched that one tile alone reads,
  /// so that they come from memory; 0 for not at all.
  int64_t ahead = 0;
  /// Where there are more than 2 * resident keys, so many tiles of queries
  /// visit them together, `resident` at a time, which stay in the second-level
  /// cache; 1 for each tile on its own. `resident` is a multiple of `keys`.
  int64_t band = 1, resident = 0;
  /// So many rows are computed at a time, and none beyond the last piece that
  /// has a query: of all tiles where `tiles`, else of those with fewer queries
  /// than they could have; 0 for all rows at once in any case.
  int64_t piece = 0;
  /// So many heads are computed side by side: their steps alternate, so that
  /// those of one run while those of another wait for each other.
  int64_t interleave = 1;
  static constexpr int64_t mostInterleaved = 16;
  /// Whether features of values lie along lanes in the second product though
  /// queries do in the first: outputs are stored as they are summed.
  bool turned = false;
  /// Whether one tile has all keys, of which there may be fewer.
  bool once = false;
  /// Whether queries fill every tile, which is known when the function is
  /// called.
  bool filled = false;
  /// Whether whole tiles of keys, which have code of their own then, fetch the
  /// next one in equal shares by the steps of their products.
  bool spread = false;
  /// Whether keys and values whose rows lie in order have a version of their
  /// own.
  bool compact = false;

  /// Whether accumulators are (rows, features), not (features, rows).
  bool sumsRowsFirst() const { return turned || lanes == LaneAxis::Features; }

  /// Rows of a tile: `group` heads of each query.
  int64_t rows() const { return queries * group; }

  /// How many features of queries and keys are packed where there are
  /// `features`.
  OpFoldResult packedFeatures(OpFoldResult features) const;

  /// How many features values and accumulators have as tiles, where there are
  /// `features`.
  OpFoldResult packedValueFeatures(OpFoldResult features) const;

  /// The plan that `op` carries as attribute.
  static std::optional<TilePlan> get(AttendOp op);

  /// Makes `op` carry this plan.
  void attachTo(AttendOp op) const;

  /// Verifies an attribute of `op`.
  static LogicalResult verify(Operation *op, DictionaryAttr dictionary);

  /// Rows of a tile register, and the columns of 16 bits of one.
  static constexpr int64_t registerRows = 16, registerColumns = 32;
};

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_IR_TILEPLAN_H
