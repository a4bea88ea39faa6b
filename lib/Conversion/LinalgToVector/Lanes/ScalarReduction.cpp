//===- ScalarReduction.cpp - Vectors reduced to one value -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarReduction.h"

#include "../Access/BlockPlan.h"
#include "LaneReduction.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::attn;

/// The op that adds to the output, or null.
static Operation *getCombiner(linalg::GenericOp op) {
  SmallVector<Operation *> combiners;
  if (!matchReduction(op.getRegionOutputArgs(), 0, combiners) ||
      combiners.size() != 1)
    return nullptr;
  Operation *combiner = combiners.front();
  return linalg::getCombinerOpKind(combiner) &&
                 arith::getNeutralElement(combiner)
             ? combiner
             : nullptr;
}

/// Lanes of the widest element.
static int64_t getWidth(linalg::GenericOp op, const TargetSpec &target) {
  unsigned bits = 0;
  for (Value input : op.getInputs())
    if (Type element = getElementTypeOrSelf(input.getType());
        element.isIntOrFloat())
      bits = std::max(bits, element.getIntOrFloatBitWidth());
  return bits >= 8 ? target.lanes(bits) : 0;
}

bool attn::isScalarReduction(linalg::GenericOp op, const TargetSpec &target) {
  constexpr int64_t mostVectors = 32;
  if (op.getNumLoops() != 1 || op.getNumReductionLoops() != 1 ||
      op.getNumDpsInits() != 1 || !isElementwise(op) || !getCombiner(op))
    return false;
  int64_t size = op.getStaticLoopRanges().front(), width = getWidth(op, target);
  if (ShapedType::isDynamic(size) || width < 2 || size < width ||
      size > mostVectors * width)
    return false;
  return llvm::all_of(op.getDpsInputOperands(), [&](OpOperand *input) {
    AffineMap map = op.getMatchingIndexingMap(input);
    return isa<MemRefType>(input->get().getType()) && map.isIdentity() &&
           BlockPlan::accessAlong(*input, map, 0) == LaneAccess::Contiguous;
  });
}

/// The terms from `first` on combined, in `count` vectors of so many lanes.
static Value combineVectors(OpBuilder &builder, linalg::GenericOp op,
                            int64_t first, int64_t count, int64_t lanes) {
  Location loc = op.getLoc();
  Operation *combiner = getCombiner(op);
  auto type = VectorType::get(lanes, combiner->getResult(0).getType());
  Value combined = arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(type,
                             Attribute(*arith::getNeutralElement(combiner))));
  for (int64_t index = 0; index < count; ++index) {
    Value position =
        arith::ConstantIndexOp::create(builder, loc, first + index * lanes);
    SmallVector<Value> arguments;
    for (Value input : op.getInputs())
      arguments.push_back(vector::LoadOp::create(
          builder, loc,
          VectorType::get(lanes, getElementTypeOrSelf(input.getType())), input,
          position));
    arguments.push_back(combined);
    combined = emitBodyOnLanes(builder, op, arguments, lanes);
  }
  return combined;
}

void attn::emitScalarReduction(OpBuilder &builder, linalg::GenericOp op,
                               const TargetSpec &target, Value initial) {
  Location loc = op.getLoc();
  Value output = op.getDpsInits().front();
  Value result = initial
                     ? initial
                     : memref::LoadOp::create(builder, loc, output).getResult();
  // Whole vectors, then halves, quarters and so on of what is left.
  int64_t size = op.getStaticLoopRanges().front(), first = 0;
  for (int64_t lanes = getWidth(op, target); first < size; lanes /= 2) {
    int64_t count = (size - first) / lanes;
    if (count == 0)
      continue;
    // Lanes are combined in whatever order is fastest.
    result = vector::ReductionOp::create(
        builder, loc, *linalg::getCombinerOpKind(getCombiner(op)),
        combineVectors(builder, op, first, count, lanes), result,
        arith::FastMathFlags::reassoc);
    first += count * lanes;
  }
  memref::StoreOp::create(builder, loc, result, output);
}
