//===- AttnMaskOps.cpp - Verifiers and folds of masks -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Constant, causal
//===----------------------------------------------------------------------===//

OpFoldResult MaskConstantOp::fold(FoldAdaptor) { return getValueAttr(); }

LogicalResult MaskCausalOp::verify() {
  if (getOffset() && getBottomRight())
    return emitOpError("takes either 'offset' or 'bottom_right', not both");
  return success();
}

/// An offset of 0 is none.
LogicalResult MaskCausalOp::canonicalize(MaskCausalOp op,
                                         PatternRewriter &rewriter) {
  if (!op.getOffset() || !matchPattern(op.getOffset(), m_Zero()))
    return failure();
  rewriter.modifyOpInPlace(op, [&] { op.getOffsetMutable().clear(); });
  return success();
}

//===----------------------------------------------------------------------===//
// Window
//===----------------------------------------------------------------------===//

/// Sides are bounded so that i + offset + side does not overflow.
static constexpr int64_t maxSide = int64_t(1) << 62;

static LogicalResult verifySide(MaskWindowOp op, StringRef name,
                                std::optional<int64_t> constant, Value value) {
  if (constant && value)
    return op.emitOpError()
           << "takes '" << name << "' as a constant or as a value, not both";
  APInt known;
  if (value && matchPattern(value, m_ConstantInt(&known)))
    constant = known.getSExtValue();
  if (constant && (*constant < 0 || *constant > maxSide))
    return op.emitOpError() << name << " " << *constant
                            << " is not between 0 and 2^62; leave '" << name
                            << "' out for no bound";
  return success();
}

LogicalResult MaskWindowOp::verify() {
  if (failed(verifySide(*this, "past", getPast(), getDynamicPast())))
    return failure();
  return verifySide(*this, "future", getFuture(), getDynamicFuture());
}

/// A window without bounds keeps everything.
OpFoldResult MaskWindowOp::fold(FoldAdaptor) {
  if (getPast() || getDynamicPast() || getFuture() || getDynamicFuture())
    return {};
  return BoolAttr::get(getContext(), true);
}

//===----------------------------------------------------------------------===//
// Documents
//===----------------------------------------------------------------------===//

LogicalResult MaskDocumentOp::verify() {
  if (getKeyIds() && getElementTypeOrSelf(getKeyIds().getType()) !=
                         getElementTypeOrSelf(getIds().getType()))
    return emitOpError("ids of queries are ")
           << getElementTypeOrSelf(getIds().getType()) << ", ids of keys are "
           << getElementTypeOrSelf(getKeyIds().getType())
           << "; they must have one type";
  return success();
}

LogicalResult MaskDocumentOffsetsOp::verify() {
  int64_t count = getOffsets().getType().getDimSize(0);
  if (count == 0)
    return emitOpError("has 0 offsets; it takes one more than documents, at "
                       "least 1");
  if (!getKeyOffsets())
    return success();
  int64_t keyCount = getKeyOffsets().getType().getDimSize(0);
  if (!ShapedType::isDynamic(count) && !ShapedType::isDynamic(keyCount) &&
      count != keyCount)
    return emitOpError("has ")
           << count << " offsets of queries and " << keyCount
           << " of keys; they must be equal, one more than documents";
  return success();
}

//===----------------------------------------------------------------------===//
// Dilated, block-sparse
//===----------------------------------------------------------------------===//

/// A stride of 1 keeps everything.
OpFoldResult MaskDilatedOp::fold(FoldAdaptor) {
  if (getStride() != 1)
    return {};
  return BoolAttr::get(getContext(), true);
}

LogicalResult MaskBlockSparseOp::verify() {
  if (getBlock().size() != 2)
    return emitOpError("block has ")
           << getBlock().size() << " sizes; it takes two, of queries and keys";
  for (int64_t size : getBlock())
    if (size < 1)
      return emitOpError("block size ") << size << " is not at least 1";
  return success();
}

//===----------------------------------------------------------------------===//
// Predicate
//===----------------------------------------------------------------------===//

LogicalResult MaskPredicateOp::verifyRegions() {
  return verifyPairRegion(*this, getPredicate(), /*scoreType=*/nullptr,
                          IntegerType::get(getContext(), 1),
                          getCaptured().getTypes());
}

//===----------------------------------------------------------------------===//
// And, or, not
//===----------------------------------------------------------------------===//

/// The value of `mask` where it is a constant.
static std::optional<bool> getConstant(Attribute mask) {
  if (auto value = dyn_cast_or_null<BoolAttr>(mask))
    return value.getValue();
  return std::nullopt;
}

/// Folds a combination whose neutral element is `neutral`: the other constant
/// decides it, one operand is itself.
template <typename OpTy>
static OpFoldResult foldCombination(OpTy op, ArrayRef<Attribute> operands,
                                    bool neutral) {
  bool allNeutral = true;
  for (Attribute operand : operands) {
    std::optional<bool> value = getConstant(operand);
    if (value && *value != neutral)
      return BoolAttr::get(op.getContext(), !neutral);
    allNeutral &= value.has_value();
  }
  if (allNeutral)
    return BoolAttr::get(op.getContext(), neutral);
  if (operands.size() == 1)
    return op.getOperands().front();
  return {};
}

/// Flattens nested combinations of one kind, drops neutral and repeated
/// operands, keeps the order.
template <typename OpTy>
static LogicalResult canonicalizeCombination(OpTy op, PatternRewriter &rewriter,
                                             bool neutral) {
  SmallVector<Value> operands;
  for (Value operand : op.getOperands()) {
    if (auto constant = operand.getDefiningOp<MaskConstantOp>())
      if (constant.getValue() == neutral)
        continue;
    auto nested = operand.getDefiningOp<OpTy>();
    ValueRange parts = nested ? ValueRange(nested.getOperands()) : operand;
    for (Value part : parts)
      if (!llvm::is_contained(operands, part))
        operands.push_back(part);
  }
  if (operands.empty() || llvm::equal(operands, op.getOperands()))
    return failure();
  rewriter.replaceOpWithNewOp<OpTy>(op, op.getType(), operands);
  return success();
}

template <typename OpTy>
static LogicalResult verifyCombination(OpTy op) {
  if (op.getOperands().empty())
    return op.emitOpError("has no operands; it takes at least one mask");
  return success();
}

LogicalResult MaskAndOp::verify() { return verifyCombination(*this); }

OpFoldResult MaskAndOp::fold(FoldAdaptor adaptor) {
  return foldCombination(*this, adaptor.getOperands(), /*neutral=*/true);
}

LogicalResult MaskAndOp::canonicalize(MaskAndOp op, PatternRewriter &rewriter) {
  return canonicalizeCombination(op, rewriter, /*neutral=*/true);
}

LogicalResult MaskOrOp::verify() { return verifyCombination(*this); }

OpFoldResult MaskOrOp::fold(FoldAdaptor adaptor) {
  return foldCombination(*this, adaptor.getOperands(), /*neutral=*/false);
}

LogicalResult MaskOrOp::canonicalize(MaskOrOp op, PatternRewriter &rewriter) {
  return canonicalizeCombination(op, rewriter, /*neutral=*/false);
}

OpFoldResult MaskNotOp::fold(FoldAdaptor adaptor) {
  if (std::optional<bool> value = getConstant(adaptor.getOperand()))
    return BoolAttr::get(getContext(), !*value);
  if (auto inner = getOperand().getDefiningOp<MaskNotOp>())
    return inner.getOperand();
  return {};
}
