//===- Pairs.cpp - Pairs of bf16 in a linalg op -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Pairs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::attn;

bool attn::hasWholePairs(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  return type && type.getRank() >= 2 && type.getShape().back() == 2 &&
         succeeded(type.getStridesAndOffset(strides, offset)) &&
         strides.back() == 1 && strides[strides.size() - 2] == 2;
}

bool attn::storesPairs(OpOperand &output, AffineMap map, unsigned rowDim,
                       unsigned laneDim) {
  AffineExpr row = getAffineDimExpr(rowDim, map.getContext());
  AffineExpr lane = getAffineDimExpr(laneDim, map.getContext());
  return map.getNumResults() == 3 && map.getResult(0) == row.floorDiv(2) &&
         map.getResult(1) == lane && map.getResult(2) == row % 2 &&
         hasWholePairs(dyn_cast<MemRefType>(output.get().getType()));
}

std::optional<unsigned> attn::choosePairedRows(linalg::GenericOp op,
                                               unsigned laneDim) {
  for (OpOperand &output : op.getDpsInitsMutable())
    for (unsigned dim = 0; dim < op.getNumLoops(); ++dim)
      if (dim != laneDim &&
          storesPairs(output, op.getMatchingIndexingMap(&output), dim, laneDim))
        return dim;
  return std::nullopt;
}

bool attn::addsProductOfBF16(linalg::GenericOp op) {
  Block *body = op.getBody();
  if (op.getNumDpsInputs() < 2 || op.getNumDpsInits() != 1 ||
      !body->getArguments().back().getType().isF32())
    return false;
  Value yielded = body->getTerminator()->getOperand(0),
        old = body->getArguments().back();
  ValueRange factors;
  if (auto fused = yielded.getDefiningOp<math::FmaOp>();
      fused && fused.getC() == old)
    factors = fused->getOperands().drop_back();
  else if (auto sum = yielded.getDefiningOp<arith::AddFOp>();
           sum && sum.getLhs() == old)
    if (auto product = sum.getRhs().getDefiningOp<arith::MulFOp>())
      factors = product->getOperands();
  return !factors.empty() &&
         llvm::all_of(llvm::enumerate(factors), [&](auto factor) {
           auto extended =
               factor.value().template getDefiningOp<arith::ExtFOp>();
           return extended &&
                  extended.getIn() == body->getArgument(factor.index()) &&
                  extended.getIn().getType().isBF16();
         });
}

std::optional<unsigned> attn::choosePairDim(linalg::GenericOp op,
                                            const BlockPlan &plan,
                                            const TargetSpec &target) {
  if (!plan.laneDim || !target.hasBF16Dot || !addsProductOfBF16(op) ||
      ShapedType::isDynamic(plan.sizes[*plan.laneDim]) ||
      plan.sizes[*plan.laneDim] % target.lanes(32) != 0)
    return std::nullopt;
  AffineMap uniform = op.getIndexingMapsArray()[0];
  AffineMap lanes = op.getIndexingMapsArray()[1];
  unsigned rank = lanes.getNumResults();
  MLIRContext *context = op.getContext();
  for (unsigned dim : plan.reductionDims) {
    AffineExpr expr = getAffineDimExpr(dim, context);
    if (plan.sizes[dim] == 2 && rank >= 2 && lanes.isProjectedPermutation() &&
        lanes.getResults().back() == expr &&
        lanes.getResult(rank - 2) == getAffineDimExpr(*plan.laneDim, context) &&
        uniform.getResults().back() == expr &&
        !uniform.isFunctionOfDim(*plan.laneDim) &&
        hasWholePairs(cast<MemRefType>(op.getInputs()[1].getType())) &&
        cast<MemRefType>(op.getInputs()[0].getType()).isLastDimUnitStride())
      return dim;
  }
  return std::nullopt;
}

bool attn::takesPairsOfSteps(linalg::GenericOp op, const BlockPlan &plan,
                             const TargetSpec &target) {
  if (!plan.rowDim || plan.reductionDims.size() != 1 || !target.hasBF16Dot ||
      op.getNumLoops() != 3 || !addsProductOfBF16(op) ||
      ShapedType::isDynamic(plan.sizes[*plan.rowDim]) ||
      ShapedType::isDynamic(plan.sizes[*plan.laneDim]) ||
      plan.sizes[*plan.laneDim] % (2 * target.lanes(32)) != 0)
    return false;
  MLIRContext *context = op.getContext();
  AffineExpr step = getAffineDimExpr(plan.reductionDims.front(), context),
             row = getAffineDimExpr(*plan.rowDim, context),
             lane = getAffineDimExpr(*plan.laneDim, context);
  auto maps = op.getIndexingMapsArray();
  return maps[0] == AffineMap::get(3, 0, {step, lane}, context) &&
         maps[1] ==
             AffineMap::get(3, 0, {step.floorDiv(2), row, step % 2}, context) &&
         BlockPlan::accessAlong(*op.getDpsInputOperand(0), maps[0],
                                *plan.laneDim) == LaneAccess::Contiguous &&
         BlockPlan::accessAlong(*op.getDpsInitOperand(0), maps.back(),
                                *plan.laneDim) == LaneAccess::Contiguous &&
         hasWholePairs(dyn_cast<MemRefType>(op.getInputs()[1].getType()));
}

bool attn::isExtendedBF16(linalg::GenericOp op, OpOperand &input) {
  BlockArgument argument = op.getMatchingBlockArgument(&input);
  return argument.getType().isBF16() && !argument.use_empty() &&
         isa<MemRefType>(input.get().getType()) &&
         llvm::all_of(argument.getUsers(), [](Operation *user) {
           auto extension = dyn_cast<arith::ExtFOp>(user);
           return extension && extension.getType().isF32();
         });
}

// The bits of a bf16 are the upper half of those of the same f32.
std::pair<Value, Value> attn::extendHalves(OpBuilder &builder, Location loc,
                                           Value pairs) {
  int64_t width = cast<VectorType>(pairs.getType()).getNumElements() / 2;
  auto words = VectorType::get(width, builder.getI32Type());
  auto floats = VectorType::get(width, builder.getF32Type());
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(words, builder.getI32IntegerAttr(value)));
  };
  Value word = vector::BitCastOp::create(builder, loc, words, pairs);
  Value even = arith::ShLIOp::create(builder, loc, word, constant(16));
  Value odd = arith::AndIOp::create(builder, loc, word, constant(-65536));
  return {vector::BitCastOp::create(builder, loc, floats, even),
          vector::BitCastOp::create(builder, loc, floats, odd)};
}

std::pair<Value, Value> attn::separateHalves(OpBuilder &builder, Location loc,
                                             Value first, Value second) {
  SmallVector<int64_t> even, odd;
  int64_t width = cast<VectorType>(first.getType()).getNumElements();
  for (int64_t lane = 0; lane < width; ++lane) {
    even.push_back(2 * lane);
    odd.push_back(2 * lane + 1);
  }
  return {vector::ShuffleOp::create(builder, loc, first, second, even),
          vector::ShuffleOp::create(builder, loc, first, second, odd)};
}

std::pair<Value, Value> attn::joinHalves(OpBuilder &builder, Location loc,
                                         Value even, Value odd) {
  SmallVector<int64_t> first, second;
  int64_t width = cast<VectorType>(even.getType()).getNumElements();
  for (int64_t lane = 0; lane < width; ++lane) {
    auto &order = lane < width / 2 ? first : second;
    order.append({lane, width + lane});
  }
  return {vector::ShuffleOp::create(builder, loc, even, odd, first),
          vector::ShuffleOp::create(builder, loc, even, odd, second)};
}

Value attn::copyInHalves(OpBuilder &builder, Location loc, Value memref,
                         int64_t width) {
  auto type = cast<MemRefType>(memref.getType());
  Value copy = memref::AllocaOp::create(
      builder, loc, MemRefType::get(type.getShape(), type.getElementType()),
      builder.getI64IntegerAttr(64));
  OpBuilder::InsertionGuard restore(builder);
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  SmallVector<Value> position;
  for (auto [dim, size] : llvm::enumerate(type.getShape())) {
    bool isLast = int64_t(dim) + 1 == type.getRank();
    auto loop = scf::ForOp::create(builder, loc, index(0), index(size),
                                   index(isLast ? 2 * width : 1));
    builder.setInsertionPointToStart(loop.getBody());
    position.push_back(loop.getInductionVar());
  }
  SmallVector<Value> next = position;
  next.back() =
      arith::AddIOp::create(builder, loc, position.back(), index(width));
  auto vector = VectorType::get(width, type.getElementType());
  Value first = vector::LoadOp::create(builder, loc, vector, memref, position);
  Value second = vector::LoadOp::create(builder, loc, vector, memref, next);
  auto [even, odd] = separateHalves(builder, loc, first, second);
  vector::StoreOp::create(builder, loc, even, copy, position);
  vector::StoreOp::create(builder, loc, odd, copy, next);
  return copy;
}
