//===- TilePlan.h - How an attend op is computed -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_TRANSFORMS_TILEPLAN_H
#define ATTN_DIALECT_ATTN_TRANSFORMS_TILEPLAN_H

#include "attn/Dialect/Attn/IR/TilePlan.h"
#include "attn/Target/CPU/TargetSpec.h"

#include <optional>
#include <string>

namespace mlir::attn {

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

/// The plan that `op` carries as attribute, or that for most queries.
TilePlan getPlan(const TargetSpec &target, AttendOp op);

/// Makes `op` one whose number of queries is known to be `count`. Gives the
/// results in the types that they had before, which their users have now.
SmallVector<Value> fixQueries(OpBuilder &builder, AttendOp op, int64_t count);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_TRANSFORMS_TILEPLAN_H
