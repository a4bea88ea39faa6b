//===- SpecializeRows.cpp - Versions for rows that lie in order -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../PassTarget.h"

#include "attn/Dialect/Attn/Transforms/PlanPasses.h"
#include "attn/Dialect/Attn/Transforms/TilePlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::attn {
#define GEN_PASS_DEF_SPECIALIZEROWSPASS
#include "attn/Dialect/Attn/Transforms/PlanPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
/// An operand of an attend op, as it is or sliced from a memref whose rows of
/// keys may lie anywhere.
class Rows {
public:
  /// Nothing where the distance of rows is known already, or would not be.
  static std::optional<Rows> find(OpOperand &operand, AffineMap map);

  /// Whether the rows follow each other as in a compact tensor.
  Value emitAreCompact(OpBuilder &builder);
  /// Makes `user`, a copy of the op, take them so.
  void assumeCompact(OpBuilder &builder, Operation *user);

private:
  unsigned number;
  /// Of the memref: where keys are, how far apart their rows would be, and the
  /// type that says so.
  unsigned dim;
  int64_t stride;
  MemRefType compactType;
  tensor::ExtractSliceOp slice;
  bufferization::ToTensorOp source;
};
} // namespace

std::optional<Rows> Rows::find(OpOperand &operand, AffineMap map) {
  Rows rows;
  rows.number = operand.getOperandNumber();
  rows.slice = operand.get().getDefiningOp<tensor::ExtractSliceOp>();
  Value whole = rows.slice ? rows.slice.getSource() : operand.get();
  rows.source = whole.getDefiningOp<bufferization::ToTensorOp>();
  auto position = map.getResultPosition(
      getAffineDimExpr(AttendOp::J, operand.getOwner()->getContext()));
  if (!rows.source || !position)
    return std::nullopt;
  auto type = dyn_cast<MemRefType>(rows.source.getBuffer().getType());
  SmallVector<int64_t> strides;
  int64_t offset;
  if (!type || type.getRank() != map.getNumResults() ||
      failed(type.getStridesAndOffset(strides, offset)))
    return std::nullopt;
  rows.dim = *position;
  ArrayRef<int64_t> inner = type.getShape().drop_front(rows.dim + 1);
  if (!ShapedType::isDynamic(strides[rows.dim]) ||
      ShapedType::isDynamicShape(inner))
    return std::nullopt;
  strides[rows.dim] = rows.stride = ShapedType::getNumElements(inner);
  rows.compactType = MemRefType::get(
      type.getShape(), type.getElementType(),
      StridedLayoutAttr::get(type.getContext(), offset, strides),
      type.getMemorySpace());
  return rows;
}

Value Rows::emitAreCompact(OpBuilder &builder) {
  Location loc = source.getLoc();
  auto metadata = memref::ExtractStridedMetadataOp::create(builder, loc,
                                                           source.getBuffer());
  return arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::eq, metadata.getStrides()[dim],
      arith::ConstantIndexOp::create(builder, loc, stride));
}

void Rows::assumeCompact(OpBuilder &builder, Operation *user) {
  Value compact = memref::CastOp::create(builder, source.getLoc(), compactType,
                                         source.getBuffer());
  IRMapping mapping;
  mapping.map(source.getBuffer(), compact);
  Value tensor = builder.clone(*source, mapping)->getResult(0);
  if (slice) {
    mapping.map(source.getResult(), tensor);
    tensor = builder.clone(*slice, mapping)->getResult(0);
  }
  user->setOperand(number, tensor);
}

/// `op` under a choice: a copy that knows how far apart its rows of keys and
/// values are where they lie in order, and one for all others.
static void specialize(AttendOp op, TilePlan plan) {
  SmallVector<Rows> operands;
  for (auto [operand, map] : {std::pair(&op.getKeyMutable(), op.getKeyMap()),
                              {&op.getValueMutable(), op.getValueMap()}})
    if (std::optional<Rows> rows = Rows::find(*operand, map))
      operands.push_back(*rows);
  if (operands.empty())
    return;
  IRRewriter rewriter(op);
  Location loc = op.getLoc();
  Value compact;
  for (Rows &rows : operands) {
    Value next = rows.emitAreCompact(rewriter);
    compact =
        compact ? arith::AndIOp::create(rewriter, loc, compact, next) : next;
  }
  auto choice = scf::IfOp::create(
      rewriter, loc, compact,
      [&](OpBuilder &b, Location) {
        Operation *copy = b.clone(*op);
        OpBuilder before(copy);
        for (Rows &rows : operands)
          rows.assumeCompact(before, copy);
        scf::YieldOp::create(b, loc, copy->getResults());
      },
      [&](OpBuilder &b, Location) {
        auto copy = cast<AttendOp>(b.clone(*op));
        // Rows that may lie anywhere leave no registers for other addresses.
        plan.spread = false;
        plan.attachTo(copy);
        scf::YieldOp::create(b, loc, copy->getResults());
      });
  rewriter.replaceOp(op, choice);
}

namespace {
struct SpecializeRows
    : public attn::impl::SpecializeRowsPassBase<SpecializeRows> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<TargetSpec> spec = getPassTarget(getOperation(), target);
    if (failed(spec))
      return signalPassFailure();
    for (AttendOp op : getAttendOps(getOperation()))
      if (TilePlan plan = getPlan(*spec, op); plan.compact)
        specialize(op, plan);
  }
};
} // namespace
