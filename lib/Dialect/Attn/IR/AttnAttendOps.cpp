//===- AttnAttendOps.cpp - The canonical op, its tile, and region ops -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/AttentionShape.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Load
//===----------------------------------------------------------------------===//

LogicalResult LoadOp::verify() {
  int64_t rank = cast<ShapedType>(getSource().getType()).getRank();
  if (rank != static_cast<int64_t>(getIndices().size()))
    return emitOpError("has ") << getIndices().size()
                               << " indices for a source of rank " << rank;
  return success();
}

void LoadOp::getEffects(
    SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  if (isa<MemRefType>(getSource().getType()))
    effects.emplace_back(MemoryEffects::Read::get(), &getSourceMutable());
}

//===----------------------------------------------------------------------===//
// Floormod
//===----------------------------------------------------------------------===//

OpFoldResult FloorModOp::fold(FoldAdaptor adaptor) {
  auto lhs = dyn_cast_or_null<IntegerAttr>(adaptor.getLhs());
  auto rhs = dyn_cast_or_null<IntegerAttr>(adaptor.getRhs());
  if (!rhs || rhs.getValue().isZero())
    return {};
  if (rhs.getValue().isOne())
    return IntegerAttr::get(rhs.getType(), 0);
  if (!lhs)
    return {};
  APInt rest = lhs.getValue().srem(rhs.getValue());
  if (!rest.isZero() && rest.isNegative() != rhs.getValue().isNegative())
    rest += rhs.getValue();
  return IntegerAttr::get(rhs.getType(), rest);
}

//===----------------------------------------------------------------------===//
// Require
//===----------------------------------------------------------------------===//

/// What always holds need not be checked.
LogicalResult RequireOp::canonicalize(RequireOp op, PatternRewriter &rewriter) {
  if (!matchPattern(op.getCondition(), m_One()))
    return failure();
  rewriter.eraseOp(op);
  return success();
}

//===----------------------------------------------------------------------===//
// What attend and attend_tile share
//===----------------------------------------------------------------------===//

/// Verifies score and mask regions against the accumulator type and captures.
template <typename OpTy>
static LogicalResult verifyPairRegions(OpTy op) {
  Type accumulator =
      getAccumulatorType(getElementTypeOrSelf(op.getQuery().getType()));
  if (!op.getScore().empty() &&
      failed(verifyPairRegion(op, op.getScore(), accumulator, accumulator,
                              op.getCaptures().getTypes())))
    return failure();
  if (!op.getMask().empty() &&
      failed(verifyPairRegion(op, op.getMask(), Type(),
                              IntegerType::get(op.getContext(), 1),
                              op.getCaptures().getTypes())))
    return failure();
  bool additive = op.getCompatibility() == Compatibility::Additive;
  if (additive != bool(op.getFeatureWeight()))
    return op.emitOpError("takes a feature weight exactly for additive "
                          "compatibility");
  return success();
}

/// Verifies that `maps` fit `operands` and a domain of `numDims`.
static LogicalResult verifyMaps(Operation *op, ArrayAttr maps,
                                ValueRange operands, unsigned numDims) {
  if (maps.size() != operands.size())
    return op->emitOpError("has ") << maps.size() << " indexing maps for "
                                   << operands.size() << " operands";
  for (auto [attribute, operand] : llvm::zip_equal(maps, operands)) {
    AffineMap map = cast<AffineMapAttr>(attribute).getValue();
    int64_t rank = cast<ShapedType>(operand.getType()).getRank();
    if (map.getNumDims() != numDims || !map.isProjectedPermutation() ||
        map.getNumResults() != rank)
      return op->emitOpError("indexing map ")
             << attribute << " must be a projected permutation from " << numDims
             << " dimensions to the " << rank << " of " << operand.getType();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Attend
//===----------------------------------------------------------------------===//

LogicalResult AttendOp::verify() {
  SmallVector<Value> operands{getQuery(), getKey(), getValue(),
                              getOutputInit()};
  if (getLseInit())
    operands.push_back(getLseInit());
  if (getWeightsInit())
    operands.push_back(getWeightsInit());
  if (!getOffsets().empty() && getOffsets().size() != 5)
    return emitOpError("has ") << getOffsets().size()
                               << " offsets; it takes none, or five: b, hkv, g, "
                                  "i, j";
  if (getOffsets().empty() == bool(getGroupSize()))
    return emitOpError("takes a group size exactly with offsets");
  if (failed(verifyMaps(*this, getIndexingMaps(), operands, NumDims)))
    return failure();
  return verifyPairRegions(*this);
}

MutableOperandRange AttendOp::getDpsInitsMutable() {
  unsigned first = getOutputInitMutable().getOperandNumber();
  return MutableOperandRange(getOperation(), first,
                             getNumOperands() - first);
}

//===----------------------------------------------------------------------===//
// Attend tile
//===----------------------------------------------------------------------===//

LogicalResult AttendTileOp::verify() {
  if (failed(verifyMaps(*this, getIndexingMaps(),
                        {getQuery(), getKey(), getValue(), getAccumulator()},
                        /*numDims=*/4)))
    return failure();
  return verifyPairRegions(*this);
}

MutableOperandRange AttendTileOp::getDpsInitsMutable() {
  unsigned first = getAccumulatorMutable().getOperandNumber();
  return MutableOperandRange(getOperation(), first, /*length=*/3);
}

//===----------------------------------------------------------------------===//
// Score tile
//===----------------------------------------------------------------------===//

LogicalResult ScoreTileOp::verify() {
  if (failed(verifyMaps(*this, getIndexingMaps(),
                        {getQuery(), getKey(), getScores()}, /*numDims=*/4)))
    return failure();
  return verifyPairRegions(*this);
}
