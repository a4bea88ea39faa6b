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

/// The static size of dimension `dim` of the iteration space, which indexes
/// `operand`, or dynamic.
static int64_t staticSize(Value operand, AffineMap map, unsigned dim) {
  auto type = cast<ShapedType>(operand.getType());
  for (auto [position, result] : llvm::enumerate(map.getResults()))
    if (cast<AffineDimExpr>(result).getPosition() == dim)
      return type.getDimSize(position);
  return ShapedType::kDynamic;
}

/// Keys per tile: the scores and values of a tile share the first-level cache
/// with what streams past them. A multiple of all heights of register blocks.
static int64_t chooseKeys(const TargetSpec &target, int64_t queries,
                          int64_t features, int64_t elementBytes) {
  constexpr int64_t step = 24, most = 96;
  if (ShapedType::isDynamic(features))
    return most;
  int64_t bytesPerKey = (queries + features) * elementBytes;
  int64_t keys = int64_t(target.l1Bytes) * 5 / 4 / bytesPerKey;
  return std::clamp(keys / step * step, step, most);
}

/// Whether the target multiplies pairs of the op's elements in one instruction.
static bool usesPairs(const TargetSpec &target, AttendOp op) {
  auto isBF16 = [](Value operand) {
    return getElementTypeOrSelf(operand.getType()).isBF16();
  };
  auto isInnermost = [&](AffineMap map, unsigned dim) {
    return cast<AffineDimExpr>(map.getResults().back()).getPosition() == dim;
  };
  int64_t features = staticSize(op.getQuery(), op.getQueryMap(), AttendOp::D);
  return target.hasBF16Dot && isInnermost(op.getKeyMap(), AttendOp::D) &&
         isInnermost(op.getValueMap(), AttendOp::E) &&
         op.getCompatibility() == Compatibility::Dot &&
         op.getNormalizer() == Normalizer::Softmax && isBF16(op.getQuery()) &&
         isBF16(op.getKey()) && isBF16(op.getValue()) && features > 0 &&
         features % 2 == 0;
}

TilePlan TilePlan::get(const TargetSpec &target, AttendOp op) {
  Type accumulator =
      getAccumulatorType(getElementTypeOrSelf(op.getQuery().getType()));
  int64_t bits = accumulator.getIntOrFloatBitWidth();
  int64_t lanes = target.lanes(bits);
  int64_t vectors = target.vectorRegisters >= 32 ? 4 : 6;
  TilePlan plan{lanes * vectors, /*keys=*/0};
  int64_t queries = staticSize(op.getQuery(), op.getQueryMap(), AttendOp::I);
  if (!ShapedType::isDynamic(queries))
    plan.queries =
        std::clamp<int64_t>(llvm::alignTo(queries, lanes), lanes, plan.queries);
  int64_t features = staticSize(op.getValue(), op.getValueMap(), AttendOp::E);
  plan.keys = chooseKeys(target, plan.queries, features, bits / 8);
  plan.pairs = usesPairs(target, op);
  return plan;
}
