//===- AttnRegionOps.cpp - Ops of regions over pairs, and require -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Yield
//===----------------------------------------------------------------------===//

LogicalResult YieldOp::verify() {
  Operation *parent = (*this)->getParentOp();
  if (!parent || isa_and_present<AttnDialect>(parent->getDialect()))
    return success();
  return emitOpError("ends a region of '")
         << parent->getName() << "'; it ends mask and score regions of attn ops";
}

//===----------------------------------------------------------------------===//
// Load
//===----------------------------------------------------------------------===//

LogicalResult LoadOp::verify() {
  int64_t rank = cast<ShapedType>(getSource().getType()).getRank();
  if (rank != static_cast<int64_t>(getIndices().size()))
    return emitOpError("has ") << getIndices().size()
                               << " indices for a source of rank " << rank
                               << "; it takes one per dimension";
  if (!getType().isIntOrIndexOrFloat())
    return emitOpError("reads ") << getType()
                                 << "; it takes integers, indices and floats";
  return success();
}

OpFoldResult LoadOp::fold(FoldAdaptor adaptor) {
  auto guard = dyn_cast_or_null<IntegerAttr>(adaptor.getGuard());
  if (!guard)
    return {};
  if (guard.getValue().isZero())
    return Builder(getContext()).getZeroAttr(getType());
  getGuardMutable().clear();
  return getResult();
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

/// Every `{K}` in the message stands for a value.
LogicalResult RequireOp::verify() {
  StringRef rest = getMessage();
  while (!rest.empty()) {
    rest = rest.split('{').second;
    unsigned index;
    if (!rest.split('}').first.getAsInteger(10, index) &&
        index >= getValues().size())
      return emitOpError("message names value {")
             << index << "}; there are " << getValues().size() << " values";
  }
  return success();
}

LogicalResult RequireOp::canonicalize(RequireOp op, PatternRewriter &rewriter) {
  if (!matchPattern(op.getCondition(), m_One()))
    return failure();
  rewriter.eraseOp(op);
  return success();
}
