//===- TilePlan.cpp - Tile sizes of an attend op -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Transforms/TilePlan.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// The static size of a dimension of the iteration space, or dynamic.
static int64_t staticSize(AttendOp op, unsigned dim) {
  auto type = cast<ShapedType>(op.getQuery().getType());
  for (auto [position, result] : llvm::enumerate(op.getQueryMap().getResults()))
    if (cast<AffineDimExpr>(result).getPosition() == dim)
      return type.getDimSize(position);
  return ShapedType::kDynamic;
}

TilePlan TilePlan::get(const TargetSpec &target, AttendOp op) {
  Type accumulator =
      getAccumulatorType(getElementTypeOrSelf(op.getQuery().getType()));
  int64_t lanes = target.lanes(accumulator.getIntOrFloatBitWidth());
  int64_t vectors = target.vectorRegisters >= 32 ? 4 : 6;
  TilePlan plan{lanes * vectors, /*keys=*/96};
  int64_t queries = staticSize(op, AttendOp::I);
  if (!ShapedType::isDynamic(queries))
    plan.queries = std::clamp<int64_t>(llvm::alignTo(queries, lanes), lanes,
                                       plan.queries);
  return plan;
}
