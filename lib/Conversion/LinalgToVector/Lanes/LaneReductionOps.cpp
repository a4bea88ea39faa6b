//===- LaneReductionOps.cpp - Ops that sum along lanes -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneReduction.h"

#include "../Access/BlockPlan.h"
#include "../Access/Pairs.h"

#include "attn/Dialect/Attn/IR/StreamedOperands.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::attn;

/// Whether the body gives its accumulator plus something that does not depend
/// on it.
static bool addsToAccumulator(linalg::GenericOp op) {
  BlockArgument accumulator = op.getBody()->getArguments().back();
  Operation *sum = op.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  if (!sum || !accumulator.hasOneUse() ||
      *accumulator.getUsers().begin() != sum)
    return false;
  return isa<arith::AddFOp>(sum) ||
         (isa<math::FmaOp>(sum) && sum->getOperand(2) == accumulator);
}

bool attn::hasFunctions(linalg::GenericOp op) {
  return llvm::any_of(op.getBody()->without_terminator(), [](Operation &inner) {
    return isa_and_nonnull<math::MathDialect>(inner.getDialect()) &&
           !isa<math::FmaOp>(inner);
  });
}

int64_t attn::getLoopSize(linalg::GenericOp op, unsigned dim) {
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    auto expr = getAffineDimExpr(dim, op.getContext());
    if (auto position = map.getResultPosition(expr))
      if (int64_t size = op.getShape(&operand)[*position];
          ShapedType::isStatic(size))
        return size;
  }
  return ShapedType::kDynamic;
}

bool attn::sumsPairs(linalg::GenericOp op, const TargetSpec &target) {
  SmallVector<unsigned> sums;
  op.getReductionDims(sums);
  int64_t size = getLoopSize(op, sums.front());
  return target.hasBF16Dot && addsProductOfBF16(op) && size > 0 &&
         size % (2 * target.lanes(32)) == 0;
}

bool attn::readsRowsInOrder(linalg::GenericOp op, const TargetSpec &target) {
  auto streamed = getStreamed(op);
  if (!target.followsReads || streamed.empty() || hasFunctions(op))
    return false;
  OpOperand &output = *op.getDpsInitOperand(0);
  AffineMap map = op.getMatchingIndexingMap(&output);
  int64_t outputs =
      getLoopSize(op, map.getDimPosition(map.getNumResults() - 1));
  bool widens = getElementTypeOrSelf(streamed.front()->get()) !=
                getElementTypeOrSelf(output.get());
  int64_t most = !widens ? 4 : sumsPairs(op, target) ? 2 : 1;
  return outputs == 1 || (outputs <= most && llvm::isPowerOf2_64(outputs));
}

bool attn::isElementwise(linalg::GenericOp op) {
  return llvm::all_of(op.getBody()->without_terminator(), [](Operation &inner) {
    return inner.getNumResults() == 1 &&
           OpTrait::hasElementwiseMappableTraits(&inner) &&
           VectorType::isValidElementType(inner.getResult(0).getType());
  });
}

/// Whether every input that varies along `dim` is contiguous along it, and some
/// input is.
static bool isContiguousAlong(linalg::GenericOp op, unsigned dim) {
  bool some = false;
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (!isa<MemRefType>(input->get().getType()))
      return false;
    AffineMap map = op.getMatchingIndexingMap(input);
    LaneAccess access = BlockPlan::accessAlong(*input, map, dim);
    if (access == LaneAccess::Strided || !map.isProjectedPermutation())
      return false;
    some |= access == LaneAccess::Contiguous;
  }
  return some;
}

/// Whether lanes along `dim` would make scalar accesses, or there is one lane.
static bool isStridedAlong(linalg::GenericOp op, unsigned dim) {
  if (op.getStaticLoopRanges()[dim] == 1)
    return true;
  return llvm::any_of(op->getOpOperands(), [&](OpOperand &operand) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    return BlockPlan::accessAlong(operand, map, dim) == LaneAccess::Strided;
  });
}

bool attn::isLaneReduction(linalg::GenericOp op) {
  SmallVector<unsigned> sums, parallel;
  op.getReductionDims(sums);
  op.getParallelDims(parallel);
  if (sums.size() != 1 || parallel.empty() || parallel.size() > 2 ||
      op.getNumDpsInits() != 1)
    return false;
  OpOperand &output = *op.getDpsInitOperand(0);
  AffineMap map = op.getMatchingIndexingMap(&output);
  auto type = dyn_cast<MemRefType>(output.get().getType());
  if (!type || !isa<FloatType>(type.getElementType()) ||
      !map.isProjectedPermutation() || map.getNumResults() != parallel.size() ||
      BlockPlan::accessAlong(output, map,
                             map.getDimPosition(map.getNumResults() - 1)) ==
          LaneAccess::Strided)
    return false;
  return addsToAccumulator(op) && isElementwise(op) &&
         isContiguousAlong(op, sums[0]) &&
         llvm::all_of(parallel,
                      [&](unsigned dim) { return isStridedAlong(op, dim); });
}

/// `value` in every lane, unless it is a vector.
static Value toLanes(OpBuilder &builder, Location loc, Value value,
                     int64_t width) {
  if (isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(
      builder, loc, VectorType::get(width, value.getType()), value);
}

Value attn::emitBodyOnLanes(OpBuilder &builder, linalg::GenericOp op,
                            ArrayRef<Value> arguments, int64_t width) {
  IRMapping mapping;
  Block *body = op.getBody();
  mapping.map(body->getArguments(), arguments);
  for (Operation &inner : body->without_terminator()) {
    if (isa<arith::ExtFOp>(inner)) {
      Value given = mapping.lookupOrDefault(inner.getOperand(0));
      if (getElementTypeOrSelf(given) == inner.getResult(0).getType()) {
        mapping.map(inner.getResult(0), given);
        continue;
      }
    }
    SmallVector<Value> operands;
    for (Value operand : inner.getOperands())
      operands.push_back(toLanes(builder, op.getLoc(),
                                 mapping.lookupOrDefault(operand), width));
    Type result = VectorType::get(width, inner.getResult(0).getType());
    Operation *lanes =
        builder.create(inner.getLoc(), inner.getName().getIdentifier(),
                       operands, result, inner.getAttrs());
    mapping.map(inner.getResult(0), lanes->getResult(0));
  }
  return mapping.lookup(body->getTerminator()->getOperand(0));
}
