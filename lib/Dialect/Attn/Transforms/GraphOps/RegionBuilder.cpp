//===- RegionBuilder.cpp - From mask and score values to regions --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RegionBuilder.h"
#include "DocumentIds.h"

#include "attn/Dialect/Attn/IR/AttnFacts.h"
#include "attn/Dialect/Attn/IR/PairSizes.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::attn;

FailureOr<RegionBuilder> RegionBuilder::get(OpBuilder &builder, Location loc,
                                            Value mask, ValueRange scores,
                                            const SizeValues &sizes) {
  RegionBuilder result;
  result.mask = mask;
  result.scores.assign(scores.begin(), scores.end());
  // Masks are checked before they are rewritten: rewriting follows definitions.
  if (failed(result.collect(loc)))
    return failure();
  emitSizeRequirements(builder, loc, mask, scores,
                       {sizes.B, sizes.H, sizes.M, sizes.N}, sizes.hasHeads);
  if (mask)
    result.mask = result.rewriteForSizes(builder, loc, mask, sizes);
  if (!sizes.hasHeads)
    for (Value &score : result.scores)
      score = rewriteScore(builder, loc, score);
  result.captures.clear();
  if (failed(result.collect(loc)))
    return failure();
  return result;
}

//===----------------------------------------------------------------------===//
// Captures
//===----------------------------------------------------------------------===//

LogicalResult RegionBuilder::collectMask(Location loc, Value value) {
  auto op = value.getDefiningOp<MaskOpInterface>();
  if (!op)
    return emitError(loc, "mask is a compile-time value and must be built by "
                          "attn.mask ops in this function");
  captures.insert_range(op.getCaptures());
  for (Value operand : op->getOperands())
    if (isa<MaskType>(operand.getType()) && failed(collectMask(loc, operand)))
      return failure();
  return success();
}

LogicalResult RegionBuilder::collect(Location loc) {
  if (mask && failed(collectMask(loc, mask)))
    return failure();
  for (Value score : scores) {
    auto op = score.getDefiningOp<ScoreModOpInterface>();
    if (!op)
      return emitError(loc,
                       "score modifier is a compile-time value and must be "
                       "built by attn.score ops in this function");
    captures.insert_range(op.getCaptures());
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Masks that depend on sizes
//===----------------------------------------------------------------------===//

/// A tensor (B, M, N) as (B, 1, M, N); null where it has another rank.
static Value insertHead(OpBuilder &builder, Location loc, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getRank() != 3)
    return {};
  SmallVector<int64_t> shape(type.getShape());
  shape.insert(shape.begin() + 1, 1);
  return tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), tensor,
      SmallVector<ReassociationIndices>{{0, 1}, {2}, {3}});
}

Value RegionBuilder::rewriteScore(OpBuilder &builder, Location loc,
                                  Value score) {
  auto op = score.getDefiningOp<ScoreBiasOp>();
  Value bias = op ? insertHead(builder, loc, op.getBias()) : Value();
  return bias ? ScoreBiasOp::create(builder, loc, score.getType(), bias)
                    .getResult()
              : score;
}

Value RegionBuilder::rewriteForSizes(OpBuilder &builder, Location loc,
                                     Value value, const SizeValues &sizes) {
  Operation *op = value.getDefiningOp();
  if (auto causal = dyn_cast<MaskCausalOp>(op)) {
    if (!causal.getBottomRight())
      return value;
    // The name that explanations use.
    auto named = NameLoc::get(builder.getStringAttr("N - M"), loc);
    Value offset = arith::SubIOp::create(builder, named, sizes.N, sizes.M);
    return MaskCausalOp::create(builder, loc, value.getType(), offset,
                                /*bottom_right=*/false);
  }
  if (auto document = dyn_cast<MaskDocumentOffsetsOp>(op)) {
    Value keyOffsets = document.getKeyOffsets();
    if (!keyOffsets)
      keyOffsets = document.getOffsets();
    Value ids = emitDocumentIds(builder, loc, document.getOffsets(), sizes.M,
                                /*outside=*/1);
    Value keyIds =
        emitDocumentIds(builder, loc, keyOffsets, sizes.N, /*outside=*/2);
    return MaskDocumentOp::create(builder, loc, value.getType(), ids, keyIds,
                                  /*sorted=*/false);
  }
  if (auto document = dyn_cast<MaskDocumentOp>(op);
      document && document.getSorted()) {
    auto sorted = [&](Value ids) -> Value {
      return AssumeOp::create(builder, loc, ids.getType(), ids,
                              /*proved=*/false, /*ascending=*/true,
                              IntegerAttr(), IntegerAttr());
    };
    Value keyIds = document.getKeyIds();
    return MaskDocumentOp::create(builder, loc, value.getType(),
                                  sorted(document.getIds()),
                                  keyIds ? sorted(keyIds) : Value(),
                                  /*sorted=*/false);
  }
  if (auto dense = dyn_cast<MaskDenseOp>(op)) {
    Value keep =
        sizes.hasHeads ? Value() : insertHead(builder, loc, dense.getKeep());
    return keep ? MaskDenseOp::create(builder, loc, value.getType(), keep)
                : value;
  }
  IRMapping mapping;
  for (Value operand : op->getOperands())
    if (isa<MaskType>(operand.getType()))
      mapping.map(operand, rewriteForSizes(builder, loc, operand, sizes));
  bool changed = llvm::any_of(op->getOperands(), [&](Value operand) {
    return mapping.lookupOrDefault(operand) != operand;
  });
  return changed ? builder.clone(*op, mapping)->getResult(0) : value;
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

Block *RegionBuilder::startRegion(OpBuilder &builder, Region &region,
                                  Type score, IRMapping &mapping) const {
  SmallVector<Type> types;
  if (score)
    types.push_back(score);
  types.append(4, builder.getIndexType());
  for (Value capture : captures)
    types.push_back(capture.getType());
  SmallVector<Location> locations(types.size(), region.getLoc());
  Block *block = builder.createBlock(&region, region.end(), types, locations);
  mapping.map(captures.getArrayRef(),
              block->getArguments().take_back(captures.size()));
  return block;
}

static PairIndices pairIndices(Block *block, unsigned first) {
  return {block->getArgument(first), block->getArgument(first + 1),
          block->getArgument(first + 2), block->getArgument(first + 3)};
}

static SmallVector<Value> lookup(const IRMapping &mapping, ValueRange values) {
  return llvm::map_to_vector(
      values, [&](Value value) { return mapping.lookup(value); });
}

Value RegionBuilder::emitPredicate(OpBuilder &builder, Value value,
                                   const PairIndices &indices,
                                   const IRMapping &mapping) const {
  auto op = value.getDefiningOp<MaskOpInterface>();
  auto emitOperand = [&](unsigned index) {
    return emitPredicate(builder, op->getOperand(index), indices, mapping);
  };
  return op.emitPredicate(builder, op.getLoc(), indices,
                          lookup(mapping, op.getCaptures()), emitOperand);
}

void RegionBuilder::buildMask(OpBuilder &builder, Region &region) const {
  if (!mask)
    return;
  OpBuilder::InsertionGuard restore(builder);
  IRMapping mapping;
  Block *block = startRegion(builder, region, Type(), mapping);
  Value keep = emitPredicate(builder, mask, pairIndices(block, 0), mapping);
  YieldOp::create(builder, region.getLoc(), keep);
}

void RegionBuilder::buildScore(OpBuilder &builder, Region &region,
                               Type accumulator, Prologue prologue) const {
  if (!prologue && scores.empty())
    return;
  OpBuilder::InsertionGuard restore(builder);
  IRMapping mapping;
  Block *block = startRegion(builder, region, accumulator, mapping);
  PairIndices indices = pairIndices(block, 1);
  Value score = block->getArgument(0);
  if (prologue)
    score = prologue(builder, score, indices, mapping);
  for (Value modifier : scores) {
    auto op = modifier.getDefiningOp<ScoreModOpInterface>();
    score = op.emitScore(builder, op.getLoc(), score, indices,
                         lookup(mapping, op.getCaptures()));
  }
  YieldOp::create(builder, region.getLoc(), score);
}
