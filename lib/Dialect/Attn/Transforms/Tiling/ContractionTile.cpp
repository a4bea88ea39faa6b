//===- ContractionTile.cpp - One tile of a matrix product -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../LinalgBuilder.h"
#include "Contraction.h"

#include "attn/Dialect/Attn/IR/StreamedOperands.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// The loops over the reduction of one tile.
class TileEmitter {
public:
  TileEmitter(OpBuilder &builder, Contraction tile, const ContractionPlan &plan)
      : b(builder), linalg(builder, tile.op.getLoc()), loc(tile.op.getLoc()),
        tile(tile), plan(plan), accumulator(tile.accumulator) {}

  Value emit();

private:
  OpFoldResult sizeOf(OpOperand *operand, unsigned dim);
  Value slice(Value tensor, ArrayRef<OpFoldResult> sizes);
  /// Rows or lanes by k in [start, start + count) at the present outer
  /// reductions, in the operand's order; `reductionFirst` says which.
  Value sliceOperand(OpOperand *operand, Value start, OpFoldResult count,
                     bool &reductionFirst);
  Value copy(Value source, Value target, bool transposed);
  Value pack(Value panel, Value start, OpFoldResult count);
  Value multiply(Value sums, Value panel, Value start, OpFoldResult count);
  /// The product of both inputs as they lie.
  Value multiplyUnpacked(Value sums);
  Value multiplyAdd(Value rows, LinalgBuilder::Dims rowDims, Value lanes,
                    LinalgBuilder::Dims laneDims, Value sums);
  Value expand(Value sums);
  /// The loops from `level` on: outer reductions, then steps along k. They
  /// carry the sums and, where there is one, the panel.
  SmallVector<Value> reduce(unsigned level, ValueRange carried);
  SmallVector<Value> emitStep(OpFoldResult start, OpFoldResult count,
                              ValueRange carried);
  /// All steps along k, the last one behind their loop: what is done to the
  /// sums can then be fused into it.
  SmallVector<Value> emitSteps(ValueRange carried);
  SmallVector<Value>
  emitLoop(OpFoldResult end, int64_t step, ValueRange carried,
           function_ref<SmallVector<Value>(Value, ValueRange)> body);

  OpBuilder &b;
  LinalgBuilder linalg;
  Location loc;
  Contraction tile;
  const ContractionPlan &plan;
  Type accumulator;
  OpFoldResult rows, columns;
  /// Of the outer reductions, as far as their loops are entered.
  SmallVector<Value> outerIndices;
};
} // namespace

OpFoldResult TileEmitter::sizeOf(OpOperand *operand, unsigned dim) {
  AffineMap map = tile.op.getMatchingIndexingMap(operand);
  return linalg.sizeOf(operand->get(),
                       *map.getResultPosition(b.getAffineDimExpr(dim)));
}

/// The first `sizes` elements.
Value TileEmitter::slice(Value tensor, ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(b, loc, tensor, offsets, sizes,
                                        strides);
}

Value TileEmitter::sliceOperand(OpOperand *operand, Value start,
                                OpFoldResult count, bool &reductionFirst) {
  AffineMap map = tile.op.getMatchingIndexingMap(operand);
  Value tensor = operand->get();
  SmallVector<OpFoldResult> sizes = linalg.sizesOf(tensor);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  unsigned position =
      *map.getResultPosition(b.getAffineDimExpr(tile.reductionDim));
  offsets[position] = start;
  sizes[position] = count;
  for (auto [dim, index] :
       llvm::zip_equal(tile.outerReductions, outerIndices)) {
    unsigned outer = *map.getResultPosition(b.getAffineDimExpr(dim));
    offsets[outer] = index;
    sizes[outer] = b.getIndexAttr(1);
  }
  SmallVector<int64_t> shape;
  for (auto [result, size] : llvm::zip_equal(map.getResults(), sizes)) {
    unsigned dim = cast<AffineDimExpr>(result).getPosition();
    if (dim != tile.reductionDim && dim != tile.rowDim && dim != tile.laneDim)
      continue;
    reductionFirst = shape.empty() == (dim == tile.reductionDim);
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  }
  auto type = RankedTensorType::get(shape, getElementTypeOrSelf(tensor));
  return tensor::ExtractSliceOp::create(b, loc, type, tensor, offsets, sizes,
                                        strides);
}

/// `target` with the elements of `source`, converted. A copy that changes
/// neither type nor order is no linalg op: canonicalization would read the
/// source itself.
Value TileEmitter::copy(Value source, Value target, bool transposed) {
  if (!transposed && getElementTypeOrSelf(source.getType()) == accumulator)
    return bufferization::MaterializeInDestinationOp::create(b, loc, source,
                                                             target)
        ->getResult(0);
  LinalgBuilder::Dims dims = LinalgBuilder::identity(2);
  if (transposed)
    std::swap(dims[0], dims[1]);
  return linalg.parallel(source, target, dims,
                         [&](OpBuilder &b, Location, ValueRange args) {
                           return SmallVector<Value>{
                               linalg.convertScalar(b, args[0], accumulator)};
                         })[0];
}

/// `panel` with `count` rows of the lanes' input in the accumulator type.
Value TileEmitter::pack(Value panel, Value start, OpFoldResult count) {
  bool reductionFirst;
  Value source = sliceOperand(tile.op.getDpsInputOperand(tile.laneInput), start,
                              count, reductionFirst);
  Value inside = slice(panel, {count, columns});
  Value packed = copy(source, inside, /*transposed=*/!reductionFirst);
  SmallVector<OpFoldResult> offsets(2, b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(2, b.getIndexAttr(1));
  return tensor::InsertSliceOp::create(b, loc, packed, panel, offsets,
                                       {count, columns}, strides);
}

/// `sums` and products, the dimensions being those of `LoopDim`.
enum LoopDim : int64_t { Row, Lane, Reduction };

Value TileEmitter::multiplyAdd(Value rows, LinalgBuilder::Dims rowDims,
                               Value lanes, LinalgBuilder::Dims laneDims,
                               Value sums) {
  return linalg.generic({rows, lanes}, sums, {rowDims, laneDims, {Row, Lane}},
                        {utils::IteratorType::parallel,
                         utils::IteratorType::parallel,
                         utils::IteratorType::reduction},
                        [&](OpBuilder &b, Location, ValueRange args) {
                          return SmallVector<Value>{linalg.addProduct(b, args)};
                        })[0];
}

Value TileEmitter::multiply(Value sums, Value panel, Value start,
                            OpFoldResult count) {
  // Rows come from farther than the second level where their tile is large.
  // While a register block walks along its rows, it fetches those of the next.
  constexpr int64_t rowsAhead = 6;
  bool reductionFirst;
  Value source = sliceOperand(tile.op.getDpsInputOperand(tile.rowInput), start,
                              count, reductionFirst);
  Value factors = slice(panel, {count, b.getIndexAttr(plan.lanes)});
  LinalgBuilder::Dims sourceDims{Row, Reduction};
  if (reductionFirst)
    std::swap(sourceDims[0], sourceDims[1]);
  Value result =
      multiplyAdd(source, sourceDims, factors, {Reduction, Lane}, sums);
  if (!reductionFirst)
    markStreamed(result.getDefiningOp(), /*operands=*/{0}, rowsAhead);
  return result;
}

Value TileEmitter::multiplyUnpacked(Value sums) {
  OpOperand *rowInput = tile.op.getDpsInputOperand(tile.rowInput);
  OpOperand *laneInput = tile.op.getDpsInputOperand(tile.laneInput);
  OpFoldResult total = sizeOf(rowInput, tile.reductionDim);
  Value start = arith::ConstantIndexOp::create(b, loc, 0);
  bool reductionFirst;
  Value source = sliceOperand(rowInput, start, total, reductionFirst);
  Value factors = sliceOperand(laneInput, start, total, reductionFirst);
  LinalgBuilder::Dims laneDims{Lane, Reduction};
  if (reductionFirst)
    std::swap(laneDims[0], laneDims[1]);
  return multiplyAdd(source, {Row, Reduction}, factors, laneDims, sums);
}

/// The sums with the dimensions of size 1 that the op's output has.
Value TileEmitter::expand(Value sums) {
  auto type = cast<RankedTensorType>(tile.op->getResult(0).getType());
  AffineMap map = tile.op.getMatchingIndexingMap(tile.op.getDpsInitOperand(0));
  SmallVector<ReassociationIndices> groups(2);
  for (auto [position, result] : llvm::enumerate(map.getResults())) {
    // The last one has the lanes.
    bool isLast = position + 1 == map.getNumResults();
    groups[isLast].push_back(position);
  }
  return tensor::ExpandShapeOp::create(
      b, loc, type.clone(accumulator), sums, groups,
      linalg.sizesOf(tile.op.getDpsInits()[0]));
}

SmallVector<Value> TileEmitter::emitLoop(
    OpFoldResult end, int64_t step, ValueRange carried,
    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop =
      scf::ForOp::create(b, loc, arith::ConstantIndexOp::create(b, loc, 0),
                         getValueOrCreateConstantIndexOp(b, loc, end),
                         arith::ConstantIndexOp::create(b, loc, step), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  scf::YieldOp::create(b, loc,
                       body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return SmallVector<Value>(loop.getResults());
}

SmallVector<Value> TileEmitter::emitStep(OpFoldResult start, OpFoldResult count,
                                         ValueRange carried) {
  Value first = getValueOrCreateConstantIndexOp(b, loc, start);
  Value packed = pack(carried[1], first, count);
  return {multiply(carried[0], packed, first, count), packed};
}

SmallVector<Value> TileEmitter::emitSteps(ValueRange carried) {
  OpFoldResult total = sizeOf(tile.op.getDpsInputOperand(0), tile.reductionDim);
  AffineExpr all = b.getAffineSymbolExpr(0), zero = b.getAffineConstantExpr(0);
  AffineMap whole = AffineMap::get(
      0, 1, {zero, (all - 1).floorDiv(plan.reductions) * plan.reductions},
      b.getContext());
  OpFoldResult last = affine::makeComposedFoldedAffineMax(b, loc, whole, total);
  SmallVector<Value> sums = emitLoop(
      last, plan.reductions, carried, [&](Value start, ValueRange args) {
        return emitStep(start, b.getIndexAttr(plan.reductions), args);
      });
  AffineExpr first = b.getAffineSymbolExpr(1);
  OpFoldResult rest = affine::makeComposedFoldedAffineApply(
      b, loc, AffineMap::get(0, 2, all - first), {total, last});
  return emitStep(last, rest, sums);
}

SmallVector<Value> TileEmitter::reduce(unsigned level, ValueRange carried) {
  OpOperand *input = tile.op.getDpsInputOperand(0);
  bool isInnermost = level == tile.outerReductions.size();
  if (isInnermost && !plan.packs)
    return {multiplyUnpacked(carried[0])};
  if (isInnermost)
    return emitSteps(carried);
  return emitLoop(sizeOf(input, tile.outerReductions[level]), 1, carried,
                  [&](Value index, ValueRange args) {
                    outerIndices.push_back(index);
                    return reduce(level + 1, args);
                  });
}

Value TileEmitter::emit() {
  rows = sizeOf(tile.op.getDpsInitOperand(0), tile.rowDim);
  columns = sizeOf(tile.op.getDpsInitOperand(0), tile.laneDim);
  OpFoldResult lanes = b.getIndexAttr(plan.lanes);
  Value none = linalg.constant(accumulator, 0.0);
  Value buffer = linalg.empty({b.getIndexAttr(plan.rows), lanes}, accumulator);
  OpFoldResult filled = plan.packs ? lanes : columns;
  Value sums =
      linalg::FillOp::create(b, loc, none, slice(buffer, {rows, filled}))
          .getResult(0);
  if (!plan.packs)
    return expand(reduce(/*level=*/0, sums)[0]);
  Value panel =
      linalg.empty({b.getIndexAttr(plan.reductions), lanes}, accumulator);
  if (getConstantIntValue(columns) != plan.lanes)
    panel = linalg::FillOp::create(b, loc, none, panel).getResult(0);
  return expand(slice(reduce(/*level=*/0, {sums, panel})[0], {rows, columns}));
}

Value attn::emitContractionTile(OpBuilder &builder, Contraction tile,
                                const ContractionPlan &plan) {
  return TileEmitter(builder, tile, plan).emit();
}
