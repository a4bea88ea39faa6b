//===- Pairs.cpp - Pairs of bf16 in a linalg op -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Pairs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

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
  auto yielded = body->getTerminator()->getOperand(0);
  auto sum = yielded.getDefiningOp<arith::AddFOp>();
  if (!sum || sum.getLhs() != body->getArguments().back())
    return false;
  auto product = sum.getRhs().getDefiningOp<arith::MulFOp>();
  return product &&
         llvm::all_of(
             llvm::enumerate(product->getOperands()), [&](auto factor) {
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
