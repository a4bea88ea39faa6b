//===- TilePlan.h - Tile sizes of an attend op -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_TRANSFORMS_TILEPLAN_H
#define ATTN_DIALECT_ATTN_TRANSFORMS_TILEPLAN_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Target/CPU/TargetSpec.h"

namespace mlir::attn {

/// Tile sizes, in queries and keys.
struct TilePlan {
  int64_t queries;
  int64_t keys;
  /// Whether scores come from dot products of pairs, so that packed queries
  /// keep their type.
  bool pairs = false;

  /// Queries lie along vector lanes: a tile is a whole number of register
  /// blocks, and no larger than a static M needs. Keys are so many that the
  /// score tile stays in the first-level cache.
  static TilePlan get(const TargetSpec &target, AttendOp op);
};

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_TRANSFORMS_TILEPLAN_H
