//===- PlanVariant.cpp - Which plan is for which op and call ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Transforms/TilePlan.h"

using namespace mlir;
using namespace mlir::attn;

std::optional<bool> PlanVariant::serves(int64_t queryCount,
                                        int64_t keyCount) const {
  bool few = !ShapedType::isDynamic(keys);
  if (ShapedType::isDynamic(queries) && !few)
    return true;
  auto takes = [&](int64_t count) {
    if (plan.filled)
      return count % plan.queries == 0;
    return few ? count <= queries : count == queries;
  };
  if (!ShapedType::isDynamic(queryCount)) {
    if (!takes(queryCount))
      return false;
    if (!few)
      return true;
  }
  if (few && !ShapedType::isDynamic(keyCount) && keyCount > keys)
    return false;
  if (ShapedType::isDynamic(queryCount) || ShapedType::isDynamic(keyCount))
    return std::nullopt;
  return true;
}

TilePlan attn::getPlan(const TargetSpec &target, AttendOp op) {
  if (std::optional<TilePlan> plan = TilePlan::get(op))
    return *plan;
  return getPlanVariants(target, op).back().plan;
}
