//===- TilePlan.h - How an attend op is computed -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_TRANSFORMS_TILEPLAN_H
#define ATTN_DIALECT_ATTN_TRANSFORMS_TILEPLAN_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Target/CPU/TargetSpec.h"

#include <optional>
#include <string>

namespace mlir::attn {

/// What lies along vector lanes in the contractions.
enum class LaneAxis { Queries, Features };

/// On an `attn.attend_tile`: its key and value are the first of as many keys as
/// the attribute says, of which the others are zero; or are to be copied there,
/// where they are not slices of that and the accumulator is (rows, features).
inline constexpr llvm::StringLiteral paddedKeysAttr = "attn.padded_keys";

/// On an `attn.attend_tile` whose rows are more than there are queries: how
/// many these are. Rows of the accumulator beyond them are not computed.
inline constexpr llvm::StringLiteral existingRowsAttr = "attn.existing_rows";

/// On an `attn.attend_tile`: `TilePlan::ahead`, where it is not 0.
inline constexpr llvm::StringLiteral rowsAheadAttr = "attn.ahead";

/// On an `attn.attend_tile` with `rowsAheadAttr`: the steps of its products
/// fetch keys and values in equal shares, in the order in which they lie.
inline constexpr llvm::StringLiteral spreadAttr = "attn.spread";

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

  /// The plan that `op` carries as attribute, or that for most queries.
  static TilePlan get(const TargetSpec &target, AttendOp op);

  /// Makes `op` carry this plan.
  void attachTo(AttendOp op) const;
};

/// A plan for so many queries (dynamic: for any number, or any that fills tiles
/// where the plan is for filled ones), and why. One for up to so many keys
/// (dynamic: for any number) is for up to so many queries, too.
struct PlanVariant {
  TilePlan plan;
  int64_t queries;
  std::string reason;
  int64_t keys = ShapedType::kDynamic;

  /// Whether it is for calls of so many queries and keys; nothing where that
  /// takes a number that is not known (dynamic).
  std::optional<bool> serves(int64_t queryCount, int64_t keyCount) const;
};

/// The plans for `op`. One where the number of queries is static; else that for
/// any number, after those for a single query, for few queries and keys, and
/// for few keys and filled tiles of queries where these have plans of their
/// own. The first that serves a call is for it.
SmallVector<PlanVariant> getPlanVariants(const TargetSpec &target, AttendOp op);

/// Makes `op` one whose number of queries is known to be `count`. Gives the
/// results in the types that they had before, which their users have now.
SmallVector<Value> fixQueries(OpBuilder &builder, AttendOp op, int64_t count);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_TRANSFORMS_TILEPLAN_H
