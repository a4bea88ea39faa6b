//===- AttnMaskOps.cpp - Verifiers, folds and predicates of masks -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
using EmitOperand = function_ref<Value(unsigned, Value)>;

/// Builds index arithmetic at one place.
struct IndexBuilder {
  OpBuilder &b;
  Location loc;
  const PairIndices &at;
  Value guard;

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value lhs, Value rhs) {
    return arith::AddIOp::create(b, loc, lhs, rhs);
  }
  Value sub(Value lhs, Value rhs) {
    return arith::SubIOp::create(b, loc, lhs, rhs);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, loc, predicate, lhs, rhs);
  }
  Value both(Value lhs, Value rhs) {
    return arith::AndIOp::create(b, loc, lhs, rhs);
  }
  Value toIndex(Value value) {
    if (value.getType().isIndex())
      return value;
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), value);
  }
  Value load(Value tensor, ValueRange indices) {
    return LoadOp::create(b, loc, tensor, indices, guard);
  }
  /// A scalar, or the element of the pair's batch.
  Value perBatch(Value capture) {
    if (!isa<ShapedType>(capture.getType()))
      return toIndex(capture);
    return toIndex(load(capture, at.b));
  }
  /// The element for position `at`, of (length) or (batch, length).
  Value perPosition(Value capture, Value position) {
    if (cast<ShapedType>(capture.getType()).getRank() == 1)
      return load(capture, position);
    return load(capture, {at.b, position});
  }
};

void append(SmallVector<Value> &captures, Value value) {
  if (value)
    captures.push_back(value);
}
} // namespace

//===----------------------------------------------------------------------===//
// Constant
//===----------------------------------------------------------------------===//

OpFoldResult MaskConstantOp::fold(FoldAdaptor) { return getValueAttr(); }

SmallVector<Value> MaskConstantOp::getCaptures() { return {}; }

Value MaskConstantOp::emitPredicate(OpBuilder &builder, Location loc,
                                    const PairIndices &, ValueRange, Value,
                                    EmitOperand) {
  return arith::ConstantOp::create(builder, loc, getValueAttr());
}

//===----------------------------------------------------------------------===//
// Causal
//===----------------------------------------------------------------------===//

LogicalResult MaskCausalOp::verify() {
  if (getOffset() && getBottomRight())
    return emitOpError("takes either 'offset' or 'bottom_right', not both");
  return success();
}

SmallVector<Value> MaskCausalOp::getCaptures() {
  SmallVector<Value> captures;
  append(captures, getOffset());
  return captures;
}

Value MaskCausalOp::emitPredicate(OpBuilder &builder, Location loc,
                                  const PairIndices &indices,
                                  ValueRange captures, Value guard,
                                  EmitOperand) {
  IndexBuilder e{builder, loc, indices, guard};
  Value last = indices.i;
  if (!captures.empty())
    last = e.add(last, e.perBatch(captures[0]));
  return e.compare(arith::CmpIPredicate::sle, indices.j, last);
}

//===----------------------------------------------------------------------===//
// Window
//===----------------------------------------------------------------------===//

LogicalResult MaskWindowOp::verify() {
  if (getPast() && getDynamicPast())
    return emitOpError("takes 'past' as a constant or as a value, not both");
  if (getFuture() && getDynamicFuture())
    return emitOpError("takes 'future' as a constant or as a value, not both");
  return success();
}

SmallVector<Value> MaskWindowOp::getCaptures() {
  SmallVector<Value> captures;
  append(captures, getDynamicPast());
  append(captures, getDynamicFuture());
  append(captures, getOffset());
  return captures;
}

Value MaskWindowOp::emitPredicate(OpBuilder &builder, Location loc,
                                  const PairIndices &indices,
                                  ValueRange captures, Value guard,
                                  EmitOperand) {
  IndexBuilder e{builder, loc, indices, guard};
  auto takeSide = [&](std::optional<uint64_t> constant, bool dynamic) -> Value {
    if (constant)
      return e.constant(*constant);
    if (!dynamic)
      return {};
    Value value = captures.front();
    captures = captures.drop_front();
    return value;
  };
  Value past = takeSide(getPast(), bool(getDynamicPast()));
  Value future = takeSide(getFuture(), bool(getDynamicFuture()));
  Value centre = indices.i;
  if (!captures.empty())
    centre = e.add(centre, e.perBatch(captures[0]));
  Value keep;
  if (past)
    keep = e.compare(arith::CmpIPredicate::sge, indices.j, e.sub(centre, past));
  if (future) {
    Value before = e.compare(arith::CmpIPredicate::sle, indices.j,
                             e.add(centre, future));
    keep = keep ? e.both(keep, before) : before;
  }
  return keep ? keep : arith::ConstantIntOp::create(builder, loc, 1, 1);
}

//===----------------------------------------------------------------------===//
// Prefix and padding
//===----------------------------------------------------------------------===//

SmallVector<Value> MaskPrefixOp::getCaptures() { return {getLength()}; }

Value MaskPrefixOp::emitPredicate(OpBuilder &builder, Location loc,
                                  const PairIndices &indices,
                                  ValueRange captures, Value guard,
                                  EmitOperand) {
  IndexBuilder e{builder, loc, indices, guard};
  return e.compare(arith::CmpIPredicate::slt, indices.j,
                   e.perBatch(captures[0]));
}

SmallVector<Value> MaskPaddingOp::getCaptures() { return {getLengths()}; }

Value MaskPaddingOp::emitPredicate(OpBuilder &builder, Location loc,
                                   const PairIndices &indices,
                                   ValueRange captures, Value guard,
                                   EmitOperand) {
  IndexBuilder e{builder, loc, indices, guard};
  SmallVector<Value> position{indices.b};
  if (cast<ShapedType>(captures[0].getType()).getRank() == 2)
    position.push_back(indices.i);
  return e.compare(arith::CmpIPredicate::slt, indices.j,
                   e.toIndex(e.load(captures[0], position)));
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

SmallVector<Value> MaskDocumentOp::getCaptures() {
  SmallVector<Value> captures{getIds()};
  append(captures, getKeyIds());
  return captures;
}

Value MaskDocumentOp::emitPredicate(OpBuilder &builder, Location loc,
                                    const PairIndices &indices,
                                    ValueRange captures, Value guard,
                                    EmitOperand) {
  IndexBuilder e{builder, loc, indices, guard};
  return e.compare(arith::CmpIPredicate::eq,
                   e.perPosition(captures.front(), indices.i),
                   e.perPosition(captures.back(), indices.j));
}

SmallVector<Value> MaskDocumentOffsetsOp::getCaptures() {
  SmallVector<Value> captures{getOffsets()};
  append(captures, getKeyOffsets());
  return captures;
}

Value MaskDocumentOffsetsOp::emitPredicate(OpBuilder &, Location,
                                           const PairIndices &, ValueRange,
                                           Value, EmitOperand) {
  llvm_unreachable("document_offsets is rewritten to document before emission");
}

//===----------------------------------------------------------------------===//
// Dilated, block-sparse, dense
//===----------------------------------------------------------------------===//

SmallVector<Value> MaskDilatedOp::getCaptures() { return {}; }

Value MaskDilatedOp::emitPredicate(OpBuilder &builder, Location loc,
                                   const PairIndices &indices, ValueRange,
                                   Value guard, EmitOperand) {
  IndexBuilder e{builder, loc, indices, guard};
  Value rest = FloorModOp::create(builder, loc, e.sub(indices.i, indices.j),
                                  e.constant(getStride()));
  return e.compare(arith::CmpIPredicate::eq, rest, e.constant(0));
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

SmallVector<Value> MaskBlockSparseOp::getCaptures() { return {getLayout()}; }

Value MaskBlockSparseOp::emitPredicate(OpBuilder &builder, Location loc,
                                       const PairIndices &indices,
                                       ValueRange captures, Value guard,
                                       EmitOperand) {
  IndexBuilder e{builder, loc, indices, guard};
  SmallVector<Value> position;
  if (cast<ShapedType>(captures[0].getType()).getRank() == 3)
    position.push_back(indices.h);
  position.push_back(arith::FloorDivSIOp::create(builder, loc, indices.i,
                                                 e.constant(getBlock()[0])));
  position.push_back(arith::FloorDivSIOp::create(builder, loc, indices.j,
                                                 e.constant(getBlock()[1])));
  return e.load(captures[0], position);
}

SmallVector<Value> MaskDenseOp::getCaptures() { return {getKeep()}; }

Value MaskDenseOp::emitPredicate(OpBuilder &builder, Location loc,
                                 const PairIndices &indices,
                                 ValueRange captures, Value guard,
                                 EmitOperand) {
  return emitBroadcastLoad(builder, loc, captures[0], indices, guard);
}

//===----------------------------------------------------------------------===//
// Predicate
//===----------------------------------------------------------------------===//

LogicalResult MaskPredicateOp::verify() {
  return verifyPairRegion(*this, getPredicate(), /*scoreType=*/nullptr,
                          IntegerType::get(getContext(), 1),
                          getCaptured().getTypes());
}

SmallVector<Value> MaskPredicateOp::getCaptures() { return getCaptured(); }

Value MaskPredicateOp::emitPredicate(OpBuilder &builder, Location loc,
                                     const PairIndices &indices,
                                     ValueRange captures, Value guard,
                                     EmitOperand) {
  SmallVector<Value> arguments{indices.b, indices.h, indices.i, indices.j};
  arguments.append(captures.begin(), captures.end());
  return inlinePairRegion(builder, *getBody(), arguments, guard);
}

//===----------------------------------------------------------------------===//
// And, or, not
//===----------------------------------------------------------------------===//

namespace {
/// The value of `mask` where it is a constant.
std::optional<bool> getConstant(Attribute mask) {
  if (auto value = dyn_cast_or_null<BoolAttr>(mask))
    return value.getValue();
  return std::nullopt;
}

/// Folds a combination whose neutral element is `neutral`: the other constant
/// decides it, one operand is itself.
template <typename OpTy>
OpFoldResult foldCombination(OpTy op, ArrayRef<Attribute> operands,
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
LogicalResult canonicalizeCombination(OpTy op, PatternRewriter &rewriter,
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
  if (llvm::equal(operands, op.getOperands()))
    return failure();
  rewriter.replaceOpWithNewOp<OpTy>(op, op.getType(), operands);
  return success();
}

template <typename OpTy>
LogicalResult verifyCombination(OpTy op) {
  if (op.getOperands().empty())
    return op.emitOpError("takes at least one mask");
  return success();
}
} // namespace

LogicalResult MaskAndOp::verify() { return verifyCombination(*this); }

OpFoldResult MaskAndOp::fold(FoldAdaptor adaptor) {
  return foldCombination(*this, adaptor.getOperands(), /*neutral=*/true);
}

LogicalResult MaskAndOp::canonicalize(MaskAndOp op, PatternRewriter &rewriter) {
  return canonicalizeCombination(op, rewriter, /*neutral=*/true);
}

SmallVector<Value> MaskAndOp::getCaptures() { return {}; }

Value MaskAndOp::emitPredicate(OpBuilder &builder, Location loc,
                               const PairIndices &, ValueRange, Value guard,
                               EmitOperand emitOperand) {
  Value keep;
  for (unsigned index = 0; index < getOperands().size(); ++index) {
    Value next = emitOperand(index, conjunction(builder, loc, guard, keep));
    keep = conjunction(builder, loc, keep, next);
  }
  return keep;
}

LogicalResult MaskOrOp::verify() { return verifyCombination(*this); }

OpFoldResult MaskOrOp::fold(FoldAdaptor adaptor) {
  return foldCombination(*this, adaptor.getOperands(), /*neutral=*/false);
}

LogicalResult MaskOrOp::canonicalize(MaskOrOp op, PatternRewriter &rewriter) {
  return canonicalizeCombination(op, rewriter, /*neutral=*/false);
}

SmallVector<Value> MaskOrOp::getCaptures() { return {}; }

Value MaskOrOp::emitPredicate(OpBuilder &builder, Location loc,
                              const PairIndices &, ValueRange, Value guard,
                              EmitOperand emitOperand) {
  Value keep = emitOperand(0, guard);
  for (unsigned index = 1; index < getOperands().size(); ++index) {
    Value open = negation(builder, loc, keep);
    Value next = emitOperand(index, conjunction(builder, loc, guard, open));
    keep = arith::OrIOp::create(builder, loc, keep, next);
  }
  return keep;
}

OpFoldResult MaskNotOp::fold(FoldAdaptor adaptor) {
  if (std::optional<bool> value = getConstant(adaptor.getOperand()))
    return BoolAttr::get(getContext(), !*value);
  if (auto inner = getOperand().getDefiningOp<MaskNotOp>())
    return inner.getOperand();
  return {};
}

SmallVector<Value> MaskNotOp::getCaptures() { return {}; }

Value MaskNotOp::emitPredicate(OpBuilder &builder, Location loc,
                               const PairIndices &, ValueRange, Value guard,
                               EmitOperand emitOperand) {
  return negation(builder, loc, emitOperand(0, guard));
}
