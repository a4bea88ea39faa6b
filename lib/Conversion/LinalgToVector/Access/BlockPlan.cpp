//===- BlockPlan.cpp - How a linalg op is cut into register blocks ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockPlan.h"
#include "LaneTree.h"
#include "Pairs.h"

#include "attn/Conversion/LinalgToVector/LinalgToVector.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/StreamedOperands.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Legality
//===----------------------------------------------------------------------===//

static LogicalResult checkOperand(linalg::GenericOp op, OpOperand &operand,
                                  std::string &reason) {
  if (op.isScalar(&operand))
    return success();
  auto type = dyn_cast<MemRefType>(operand.get().getType());
  SmallVector<int64_t> strides;
  int64_t offset;
  if (type && succeeded(type.getStridesAndOffset(strides, offset)))
    return success();
  reason = "operand " + std::to_string(operand.getOperandNumber()) +
           " is not a strided memref";
  return failure();
}

LogicalResult BlockPlan::checkOperands(linalg::GenericOp op,
                                       std::string &reason) {
  for (OpOperand &operand : op->getOpOperands())
    if (failed(checkOperand(op, operand, reason)))
      return failure();
  return success();
}

/// Every parallel dimension must distinguish the elements of every output.
static LogicalResult checkOutput(linalg::GenericOp op, OpOperand &output,
                                 std::string &reason) {
  AffineMap map = op.getMatchingIndexingMap(&output);
  for (auto [dim, type] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (type == utils::IteratorType::parallel && !map.isFunctionOfDim(dim)) {
      reason = "an output does not depend on parallel dimension " +
               std::to_string(dim);
      return failure();
    }
  }
  return success();
}

static LogicalResult checkOp(linalg::GenericOp op, std::string &reason) {
  if (!op.getShapesToLoopsMap()) {
    reason = "loop bounds do not follow from the operands' shapes";
    return failure();
  }
  if (failed(BlockPlan::checkOperands(op, reason)))
    return failure();
  for (OpOperand &output : op.getDpsInitsMutable())
    if (failed(checkOutput(op, output, reason)))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Dimensions
//===----------------------------------------------------------------------===//

/// Sizes of the loops, static where any operand knows them.
static SmallVector<int64_t> getLoopSizes(linalg::GenericOp op) {
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  for (OpOperand &operand : op->getOpOperands()) {
    ArrayRef<int64_t> shape = op.getShape(&operand);
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [expr, size] : llvm::zip_equal(map.getResults(), shape))
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        if (ShapedType::isStatic(size))
          sizes[dim.getPosition()] = size;
  }
  return sizes;
}

/// Whether `expr` is `dim` plus something that does not depend on it.
static bool advancesWith(AffineExpr expr, unsigned dim) {
  if (auto dimExpr = dyn_cast<AffineDimExpr>(expr))
    return dimExpr.getPosition() == dim;
  auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!sum || sum.getKind() != AffineExprKind::Add)
    return false;
  if (sum.getRHS().isFunctionOfDim(dim))
    return !sum.getLHS().isFunctionOfDim(dim) &&
           advancesWith(sum.getRHS(), dim);
  return advancesWith(sum.getLHS(), dim);
}

LaneAccess BlockPlan::accessAlong(OpOperand &operand, AffineMap map,
                                  unsigned dim) {
  if (!map.isFunctionOfDim(dim))
    return LaneAccess::Uniform;
  auto type = cast<MemRefType>(operand.get().getType());
  SmallVector<int64_t> strides;
  int64_t offset;
  bool strided = failed(type.getStridesAndOffset(strides, offset)) ||
                 strides.back() != 1 || type.getElementType().isInteger(1);
  if (strided || !advancesWith(map.getResults().back(), dim))
    return LaneAccess::Strided;
  for (AffineExpr expr : map.getResults().drop_back())
    if (expr.isFunctionOfDim(dim))
      return LaneAccess::Strided;
  return LaneAccess::Contiguous;
}

/// Scalar accesses that lanes along `dim` would make; outputs count more, as
/// they are read and written.
static unsigned stridedAccesses(linalg::GenericOp op, unsigned dim) {
  unsigned count = 0;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (BlockPlan::accessAlong(operand, map, dim) == LaneAccess::Strided)
      count += op.isDpsInit(&operand) ? 3 : 2;
  }
  return count;
}

/// Whether lanes along `dim` would take every element apart, of which there may
/// be few: code for full vectors and for a rest, and no load of either.
static bool gathersOnly(linalg::GenericOp op, int64_t size, unsigned dim) {
  return ShapedType::isDynamic(size) &&
         llvm::none_of(op->getOpOperands(), [&](OpOperand &operand) {
           return BlockPlan::accessAlong(operand,
                                         op.getMatchingIndexingMap(&operand),
                                         dim) == LaneAccess::Contiguous;
         });
}

/// The parallel dimension with the fewest strided accesses; the innermost of
/// the first output where several are equal. None has a static size of 1.
static std::optional<unsigned> chooseLaneDim(linalg::GenericOp op,
                                             ArrayRef<int64_t> sizes,
                                             ArrayRef<unsigned> parallelDims) {
  std::optional<unsigned> best;
  unsigned bestCount = 0;
  for (unsigned dim : llvm::reverse(parallelDims)) {
    unsigned count = stridedAccesses(op, dim);
    if (sizes[dim] == 1 || gathersOnly(op, sizes[dim], dim) ||
        (best && count >= bestCount))
      continue;
    best = dim;
    bestCount = count;
  }
  return best;
}

/// A dimension along which some vector is reused: an input varies along the
/// lanes but not along it.
static std::optional<unsigned> chooseRowDim(linalg::GenericOp op,
                                            ArrayRef<unsigned> parallelDims,
                                            unsigned laneDim) {
  for (unsigned dim : llvm::reverse(parallelDims)) {
    if (dim == laneDim)
      continue;
    for (OpOperand *input : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(input);
      if (map.isFunctionOfDim(laneDim) && !map.isFunctionOfDim(dim))
        return dim;
    }
  }
  return std::nullopt;
}

/// A dimension along which an input is contiguous that is strided along the
/// lanes: blocks of both can be transposed in registers.
static std::optional<unsigned>
chooseTransposedDim(linalg::GenericOp op, ArrayRef<unsigned> parallelDims,
                    unsigned laneDim) {
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (BlockPlan::accessAlong(*input, map, laneDim) != LaneAccess::Strided)
      continue;
    for (unsigned dim : parallelDims)
      if (dim != laneDim &&
          BlockPlan::accessAlong(*input, map, dim) == LaneAccess::Contiguous)
        return dim;
  }
  return std::nullopt;
}

/// Rows that are transposed at a time: those that one load of an input takes
/// in. More would be more code and not faster.
static int64_t chooseTransposedRows(linalg::GenericOp op, unsigned rowDim,
                                    unsigned laneDim, int64_t width) {
  int64_t rows = 1;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (BlockPlan::accessAlong(*input, map, laneDim) == LaneAccess::Strided &&
        BlockPlan::accessAlong(*input, map, rowDim) == LaneAccess::Contiguous)
      rows = std::max(rows,
                      getChunkLanes(width, getElementTypeOrSelf(input->get())));
  }
  return rows;
}

/// Parallel dimensions in the order in which the first output stores them.
static SmallVector<unsigned> getParallelDims(linalg::GenericOp op) {
  SmallVector<unsigned> dims;
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  auto types = op.getIteratorTypesArray();
  for (AffineExpr expr : map.getResults())
    for (unsigned dim = 0; dim < types.size(); ++dim)
      if (types[dim] == utils::IteratorType::parallel &&
          expr.isFunctionOfDim(dim) && !llvm::is_contained(dims, dim))
        dims.push_back(dim);
  return dims;
}

//===----------------------------------------------------------------------===//
// Block sizes
//===----------------------------------------------------------------------===//

/// Bits of the widest number in the body; indices follow the others. Zero if
/// something cannot be a vector element.
static unsigned widestElement(linalg::GenericOp op) {
  unsigned bits = 0;
  bool legal = true;
  auto visit = [&](Value value) {
    Type type = value.getType();
    legal &= VectorType::isValidElementType(type) || isa<ShapedType>(type);
    if (type.isIntOrFloat() && !type.isInteger(1))
      bits = std::max(bits, type.getIntOrFloatBitWidth());
  };
  llvm::for_each(op.getBody()->getArguments(), visit);
  for (Operation &inner : op.getBody()->without_terminator())
    llvm::for_each(inner.getResults(), visit);
  return legal ? std::max(bits, 8u) : 0;
}

/// Whether `inner` becomes a polynomial.
static bool expands(Operation &inner) {
  return isa_and_nonnull<math::MathDialect>(inner.getDialect()) &&
         !isa<math::FmaOp, math::AbsFOp, math::SqrtOp>(inner);
}

/// Registers that the body needs beside accumulators and loaded vectors.
static unsigned temporaries(linalg::GenericOp op) {
  unsigned count = 1;
  for (Operation &inner : op.getBody()->without_terminator())
    count += expands(inner) ? 6 : 0;
  return std::min(count, 7u);
}

int64_t attn::estimateInstructions(linalg::GenericOp op) {
  constexpr int64_t functionCost = 20;
  int64_t count = 1;
  for (Operation &inner : op.getBody()->without_terminator())
    count += expands(inner) || isa<LoadOp>(inner) ? functionCost : 1;
  return count;
}

/// As many of `rows` as keep a step of what is summed short: the terms of a few
/// hide their latencies as well, and leave registers for constants.
static int64_t limitRows(linalg::GenericOp op, BlockSize block) {
  constexpr int64_t longStep = 200;
  int64_t cost = estimateInstructions(op) * block.vectors;
  while (block.rows > 1 && block.rows * cost > longStep)
    block.rows = llvm::divideCeil(block.rows, 2);
  return block.rows;
}

/// Whether lanes take some input apart, scalar by scalar.
static bool gathersInput(linalg::GenericOp op, unsigned laneDim) {
  return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
    AffineMap map = op.getMatchingIndexingMap(input);
    return BlockPlan::accessAlong(*input, map, laneDim) == LaneAccess::Strided;
  });
}

/// Whether an input that varies along the lanes, but not along the rows, is
/// extended by the body.
static bool extendsLanes(linalg::GenericOp op, unsigned rowDim,
                         unsigned laneDim) {
  return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
    AffineMap map = op.getMatchingIndexingMap(input);
    return map.isFunctionOfDim(laneDim) && !map.isFunctionOfDim(rowDim) &&
           llvm::any_of(
               op.getMatchingBlockArgument(input).getUsers(),
               [](Operation *user) { return isa<arith::ExtFOp>(user); });
  });
}

/// Whether hardware follows the rows of an input, which blocks of two out of a
/// few rows of sums read as a whole.
static bool readsWholeRows(linalg::GenericOp op, const BlockPlan &plan,
                           std::optional<int64_t> vectors) {
  constexpr int64_t fewRows = 4, mostVectors = 8;
  return plan.followsReads && plan.rowDim && plan.reductionDims.size() == 1 &&
         !getStreamed(op).empty() && !plan.isRowReduced(op) &&
         plan.sizes[*plan.rowDim] >= 2 && plan.sizes[*plan.rowDim] <= fewRows &&
         vectors && *vectors <= mostVectors;
}

static void chooseSegments(BlockPlan &plan, linalg::GenericOp op,
                           const TargetSpec &target, unsigned elementBits) {
  int64_t lanes = plan.sizes[*plan.laneDim];
  int64_t width = target.lanes(elementBits);
  std::optional<int64_t> total;
  if (ShapedType::isStatic(lanes))
    total = std::max<int64_t>(lanes / width, 1);
  int64_t registers = int64_t(target.vectorRegisters) -
                      std::max(temporaries(op), target.scalarRegisters);
  BlockSize block = {1, 1};
  if (plan.rowDim && choosePairedRows(op, *plan.laneDim))
    block = {2, chooseVectors(4, total)};
  else if (plan.pairsSteps)
    block = choosePairingBlock(registers, plan.sizes[*plan.rowDim], *total);
  else if (plan.rowDim && plan.reductionDims.empty())
    block.rows = chooseTransposedRows(op, *plan.rowDim, *plan.laneDim, width);
  else if (plan.rowDim && !plan.pairDim && total &&
           plan.sizes[*plan.rowDim] > 1 &&
           extendsLanes(op, *plan.rowDim, *plan.laneDim))
    block = chooseExtendingBlock(registers, plan.sizes[*plan.rowDim], *total);
  else if (readsWholeRows(op, plan, total)) {
    block = {2, *total};
    plan.stepsPerPass = 16;
  } else if (plan.rowDim)
    block = chooseBlock(registers, plan.sizes[*plan.rowDim], total);
  else if (plan.reductionDims.empty())
    block.vectors = chooseVectors(4, total);
  else if (!gathersInput(op, *plan.laneDim))
    block.vectors = chooseVectors(registers / 2, total);
  if (plan.rowDim && !plan.reductionDims.empty())
    block.rows = limitRows(op, block);
  plan.laneSegments =
      cutLanes(lanes, width, block.vectors, plan.transposes ? block.rows : 1);
  if (plan.rowDim)
    plan.rowSegments = cutRows(plan.sizes[*plan.rowDim], block.rows,
                               /*halve=*/!plan.reductionDims.empty());
}

void BlockPlan::shortenRows(int64_t cost) {
  constexpr int64_t longBlock = 200, fewRows = 8;
  if (cost * getBlockSize() <= longBlock)
    return;
  if (rowSegments.front() > fewRows)
    rowSegments = cutRows(sizes[*rowDim], fewRows, /*halve=*/true);
  else if (rowSegments.size() > 2 && laneSegments.front().vectors > 1)
    rowSegments = {rowSegments.front(), 1};
}

FailureOr<BlockPlan> BlockPlan::get(linalg::GenericOp op,
                                    const TargetSpec &target,
                                    std::string &reason) {
  if (failed(checkOp(op, reason)))
    return failure();
  BlockPlan plan;
  plan.sizes = getLoopSizes(op);
  op.getReductionDims(plan.reductionDims);
  SmallVector<unsigned> parallelDims = getParallelDims(op);
  unsigned elementBits = widestElement(op);
  if (elementBits)
    plan.laneDim = chooseLaneDim(op, plan.sizes, parallelDims);
  if (plan.laneDim)
    plan.rowDim = plan.reductionDims.empty()
                      ? chooseTransposedDim(op, parallelDims, *plan.laneDim)
                      : chooseRowDim(op, parallelDims, *plan.laneDim);
  plan.pairDim = choosePairDim(op, plan, target);
  plan.convertsPairs = target.hasBF16Convert;
  plan.followsReads = target.followsReads;
  plan.transposes = plan.rowDim && plan.reductionDims.empty();
  if (plan.laneDim)
    if (std::optional<unsigned> paired = choosePairedRows(op, *plan.laneDim)) {
      plan.rowDim = paired;
      plan.transposes = false;
    }
  llvm::erase_if(plan.reductionDims, [&](unsigned dim) {
    return plan.isRow(dim) || plan.pairDim == dim;
  });
  plan.pairsSteps = takesPairsOfSteps(op, plan, target);
  for (unsigned dim : parallelDims)
    if (!plan.isLane(dim) && !plan.isRow(dim))
      plan.outerDims.push_back(dim);
  if (plan.laneDim)
    chooseSegments(plan, op, target, elementBits);
  return plan;
}
