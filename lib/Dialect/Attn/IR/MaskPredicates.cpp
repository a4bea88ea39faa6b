//===- MaskPredicates.cpp - The predicate that each mask emits -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
using EmitOperand = function_ref<Value(unsigned)>;

/// Builds index arithmetic at one place.
struct IndexBuilder {
  OpBuilder &b;
  Location loc;
  const PairIndices &at;

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
    return LoadOp::create(b, loc, tensor, indices, /*guard=*/Value());
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

SmallVector<Value> MaskConstantOp::getCaptures() { return {}; }

Value MaskConstantOp::emitPredicate(OpBuilder &builder, Location loc,
                                    const PairIndices &, ValueRange,
                                    EmitOperand) {
  return arith::ConstantOp::create(builder, loc, getValueAttr());
}

//===----------------------------------------------------------------------===//
// Causal
//===----------------------------------------------------------------------===//

SmallVector<Value> MaskCausalOp::getCaptures() {
  SmallVector<Value> captures;
  append(captures, getOffset());
  return captures;
}

Value MaskCausalOp::emitPredicate(OpBuilder &builder, Location loc,
                                  const PairIndices &indices,
                                  ValueRange captures, EmitOperand) {
  IndexBuilder e{builder, loc, indices};
  if (captures.empty())
    return e.compare(arith::CmpIPredicate::sle, indices.j, indices.i);
  // Unlike i + offset, the distance never wraps.
  return e.compare(arith::CmpIPredicate::sle, e.sub(indices.j, indices.i),
                   e.perBatch(captures[0]));
}

//===----------------------------------------------------------------------===//
// Window
//===----------------------------------------------------------------------===//

SmallVector<Value> MaskWindowOp::getCaptures() {
  SmallVector<Value> captures;
  append(captures, getDynamicPast());
  append(captures, getDynamicFuture());
  append(captures, getOffset());
  return captures;
}

Value MaskWindowOp::emitPredicate(OpBuilder &builder, Location loc,
                                  const PairIndices &indices,
                                  ValueRange captures, EmitOperand) {
  IndexBuilder e{builder, loc, indices};
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
  if (!captures.empty()) {
    Value offset = e.perBatch(captures[0]);
    past = past ? e.sub(past, offset) : past;
    future = future ? e.add(future, offset) : future;
  }
  // Unlike i plus a bound, a distance never wraps.
  Value keep;
  if (past)
    keep =
        e.compare(arith::CmpIPredicate::sle, e.sub(indices.i, indices.j), past);
  if (future) {
    Value before = e.compare(arith::CmpIPredicate::sle,
                             e.sub(indices.j, indices.i), future);
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
                                  ValueRange captures, EmitOperand) {
  IndexBuilder e{builder, loc, indices};
  return e.compare(arith::CmpIPredicate::slt, indices.j,
                   e.perBatch(captures[0]));
}

SmallVector<Value> MaskPaddingOp::getCaptures() { return {getLengths()}; }

Value MaskPaddingOp::emitPredicate(OpBuilder &builder, Location loc,
                                   const PairIndices &indices,
                                   ValueRange captures, EmitOperand) {
  IndexBuilder e{builder, loc, indices};
  SmallVector<Value> position{indices.b};
  if (cast<ShapedType>(captures[0].getType()).getRank() == 2)
    position.push_back(indices.i);
  return e.compare(arith::CmpIPredicate::slt, indices.j,
                   e.toIndex(e.load(captures[0], position)));
}

//===----------------------------------------------------------------------===//
// Documents
//===----------------------------------------------------------------------===//

SmallVector<Value> MaskDocumentOp::getCaptures() {
  SmallVector<Value> captures{getIds()};
  append(captures, getKeyIds());
  return captures;
}

Value MaskDocumentOp::emitPredicate(OpBuilder &builder, Location loc,
                                    const PairIndices &indices,
                                    ValueRange captures, EmitOperand) {
  IndexBuilder e{builder, loc, indices};
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
                                           EmitOperand) {
  llvm_unreachable("document_offsets is rewritten to document before emission");
}

//===----------------------------------------------------------------------===//
// Dilated, block-sparse, dense
//===----------------------------------------------------------------------===//

SmallVector<Value> MaskDilatedOp::getCaptures() { return {}; }

Value MaskDilatedOp::emitPredicate(OpBuilder &builder, Location loc,
                                   const PairIndices &indices, ValueRange,
                                   EmitOperand) {
  IndexBuilder e{builder, loc, indices};
  Value rest = FloorModOp::create(builder, loc, e.sub(indices.i, indices.j),
                                  e.constant(getStride()));
  return e.compare(arith::CmpIPredicate::eq, rest, e.constant(0));
}

SmallVector<Value> MaskBlockSparseOp::getCaptures() { return {getLayout()}; }

Value MaskBlockSparseOp::emitPredicate(OpBuilder &builder, Location loc,
                                       const PairIndices &indices,
                                       ValueRange captures, EmitOperand) {
  IndexBuilder e{builder, loc, indices};
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
                                 ValueRange captures, EmitOperand) {
  return emitBroadcastLoad(builder, loc, captures[0], indices);
}

//===----------------------------------------------------------------------===//
// Predicate
//===----------------------------------------------------------------------===//

SmallVector<Value> MaskPredicateOp::getCaptures() { return getCaptured(); }

Value MaskPredicateOp::emitPredicate(OpBuilder &builder, Location loc,
                                     const PairIndices &indices,
                                     ValueRange captures, EmitOperand) {
  SmallVector<Value> arguments{indices.b, indices.h, indices.i, indices.j};
  arguments.append(captures.begin(), captures.end());
  return clonePairRegion(builder, *getBody(), arguments, /*guard=*/{});
}

//===----------------------------------------------------------------------===//
// And, or, not
//===----------------------------------------------------------------------===//

SmallVector<Value> MaskAndOp::getCaptures() { return {}; }

/// All operands are evaluated: loads are total, and tables of i alone or of j
/// alone stay such.
template <typename OpTy>
static Value emitCombination(MaskOpInterface mask, OpBuilder &builder,
                             Location loc, EmitOperand emitOperand) {
  Value keep = emitOperand(0);
  for (unsigned index = 1, e = mask->getNumOperands(); index < e; ++index)
    keep = OpTy::create(builder, loc, keep, emitOperand(index));
  return keep;
}

Value MaskAndOp::emitPredicate(OpBuilder &builder, Location loc,
                               const PairIndices &, ValueRange,
                               EmitOperand emitOperand) {
  return emitCombination<arith::AndIOp>(*this, builder, loc, emitOperand);
}

SmallVector<Value> MaskOrOp::getCaptures() { return {}; }

Value MaskOrOp::emitPredicate(OpBuilder &builder, Location loc,
                              const PairIndices &, ValueRange,
                              EmitOperand emitOperand) {
  return emitCombination<arith::OrIOp>(*this, builder, loc, emitOperand);
}

SmallVector<Value> MaskNotOp::getCaptures() { return {}; }

Value MaskNotOp::emitPredicate(OpBuilder &builder, Location loc,
                               const PairIndices &, ValueRange,
                               EmitOperand emitOperand) {
  return negation(builder, loc, emitOperand(0));
}
