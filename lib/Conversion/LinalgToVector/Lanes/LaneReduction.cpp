//===- LaneReduction.cpp - Sums along vector lanes -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneReduction.h"

#include "../Access/LaneTree.h"
#include "../Access/Pairs.h"
#include "LaneReducer.h"

#include "attn/Conversion/LinalgToVector/LinalgToVector.h"
#include "attn/Dialect/Attn/IR/StreamedOperands.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

using namespace mlir;
using namespace mlir::attn;

LaneReducer::LaneReducer(OpBuilder &builder, linalg::GenericOp op,
                         const TargetSpec &target, Value initial)
    : builder(builder), op(op), loc(op.getLoc()), initial(initial) {
  OpOperand &output = *op.getDpsInitOperand(0);
  Type element = getElementTypeOrSelf(output.get().getType());
  width = target.lanes(element.getIntOrFloatBitWidth());
  type = VectorType::get(width, element);
  SmallVector<unsigned> sums;
  op.getReductionDims(sums);
  sumDim = sums.front();
  AffineMap map = op.getMatchingIndexingMap(&output);
  innerDim = map.getDimPosition(map.getNumResults() - 1);
  if (map.getNumResults() == 2)
    outerDim = map.getDimPosition(0);
  auto ranges =
      cast<linalg::LinalgOp>(op.getOperation()).createLoopRanges(builder, loc);
  for (auto [dim, range] : llvm::enumerate(ranges)) {
    int64_t size = staticSize(dim);
    sizes.push_back(
        ShapedType::isDynamic(size)
            ? getValueOrCreateConstantIndexOp(builder, loc, range.size)
            : index(size));
  }
  int64_t inner = staticSize(innerDim);
  // A single row of outputs fills the vector of sums by itself.
  bool isSingleRow = !outerDim || staticSize(*outerDim) == 1;
  // Eight columns are one piece for what reads the outputs in vectors.
  columns = isSingleRow ? width : std::min<int64_t>(width, inner == 8 ? 8 : 4);
  while (!ShapedType::isDynamic(inner) && columns > std::max<int64_t>(inner, 1))
    columns /= 2;
  dots = sumsPairs(op, target);
  halves = !dots && takesHalves();
  inOrder = readsRowsInOrder(op, target);
}

/// Whether inputs are bf16 that are extended, and f32 of which a copy in
/// another order serves all rows.
bool LaneReducer::takesHalves() {
  int64_t size = staticSize(sumDim);
  if (!type.getElementType().isF32() || hasFunctions(op) ||
      ShapedType::isDynamic(size) || size % (2 * width) != 0)
    return false;
  auto inputs = op.getDpsInputOperands();
  return llvm::any_of(
             inputs,
             [&](OpOperand *input) { return isExtendedBF16(op, *input); }) &&
         llvm::all_of(inputs, [&](OpOperand *input) {
           AffineMap map = op.getMatchingIndexingMap(input);
           auto memref = cast<MemRefType>(input->get().getType());
           bool copied = memref.getElementType().isF32() &&
                         memref.hasStaticShape() && memref.getRank() <= 2 &&
                         !(outerDim && map.isFunctionOfDim(*outerDim));
           return map.isFunctionOfDim(sumDim) &&
                  (copied || isExtendedBF16(op, *input));
         });
}

/// A loop over [from, to) in whole steps.
void LaneReducer::forEach(Value from, Value to, int64_t step,
                          function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(builder, loc, from, to, index(step));
  OpBuilder::InsertionGuard restore(builder);
  builder.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void LaneReducer::emit() {
  if (halves)
    for (OpOperand *input : op.getDpsInputOperands())
      if (!isExtendedBF16(op, *input))
        separated[input] = copyInHalves(builder, loc, input->get(), width);
  if (isFlat())
    return emitFlat();
  if (!outerDim)
    return emitRow(Value(), 1);
  // An elementary function wants registers of its own: more rows of it spill.
  constexpr int64_t heavyRows = 4;
  int64_t rows = width / columns;
  if (hasFunctions(op))
    rows = std::min(rows, heavyRows);
  Value size = sizes[*outerDim];
  Value rest = arith::RemUIOp::create(builder, loc, size, index(rows));
  Value whole = arith::SubIOp::create(builder, loc, size, rest);
  forEach(index(0), whole, rows, [&](Value outer) { emitRow(outer, rows); });
  if (rows > 1)
    forEach(whole, size, 1, [&](Value outer) { emitRow(outer, 1); });
}

/// Whether known numbers of rows and columns, which follow each other, are one
/// row of outputs. Runs have no loop over columns: of more they are much code.
bool LaneReducer::isFlat() {
  constexpr int64_t mostBlocks = 32;
  int64_t inner = staticSize(innerDim),
          outer = outerDim ? staticSize(*outerDim) : 1;
  if (ShapedType::isDynamic(inner) || ShapedType::isDynamic(outer) ||
      inner <= 0 || inOrder || hasFunctions(op))
    return false;
  int64_t rows = rowsOfRun(), run = inner % columns ? rows : 0;
  return llvm::divideCeil((run + outer % rows) * inner, width) <= mostBlocks &&
         LaneOutputs::isFlat(op.getDpsInits().front(), inner);
}

/// Rows whose outputs are whole blocks.
int64_t LaneReducer::rowsOfRun() {
  int64_t inner = staticSize(innerDim);
  return inner % columns == 0 ? width / columns
                              : width / std::gcd(inner, width);
}

/// Blocks that columns fill share the loads of both sides; what is left, or all
/// if none do, is cut into vectors of outputs wherever rows end.
void LaneReducer::emitFlat() {
  int64_t inner = staticSize(innerDim),
          outer = outerDim ? staticSize(*outerDim) : 1;
  int64_t rows = rowsOfRun(), whole = outer / rows * rows;
  if (whole)
    forEach(index(0), index(whole), rows, [&](Value first) {
      if (inner % columns == 0)
        emitRow(outerDim ? first : Value(), rows);
      else
        emitRun(first, rows);
    });
  emitRun(index(whole), outer - whole);
}

/// All columns of a few rows, a vector of outputs after the other.
void LaneReducer::emitRun(Value outer, int64_t outers) {
  int64_t inner = staticSize(innerDim);
  for (int64_t first = 0; first < outers * inner; first += width) {
    int64_t row = first / inner,
            end =
                std::min<int64_t>(first + width, outers * inner) - row * inner;
    emitBlock({outerDim ? offset(outer, row) : Value(), index(0),
               int64_t(llvm::divideCeil(end, inner)), inner,
               first - row * inner, end});
  }
}

/// All columns of a few rows: in blocks of `columns`, then of halves.
void LaneReducer::emitRow(Value outer, int64_t outers) {
  int64_t size = staticSize(innerDim);
  Value start = index(0);
  for (int64_t inners = columns; inners >= 1; inners /= 2) {
    if (!ShapedType::isDynamic(size) && size < inners)
      continue;
    Value left = arith::SubIOp::create(builder, loc, sizes[innerDim], start);
    Value rest = arith::RemUIOp::create(builder, loc, left, index(inners));
    Value end = arith::SubIOp::create(builder, loc, sizes[innerDim], rest);
    forEach(start, end, inners,
            [&](Value inner) { emitBlock({outer, inner, outers, inners}); });
    start = end;
    if (!ShapedType::isDynamic(size))
      size %= inners;
  }
}

void LaneReducer::emitBlock(const OutputBlock &block) {
  SmallVector<Value> vectors =
      inOrder && block.outers > 1 ? sumRowByRow(block) : sumVectors(block);
  LaneOutputs(builder, op, initial)
      .store(block, sumLanes(builder, loc, vectors));
}

/// Whether sums take their terms without a loop. Of several columns, steps of
/// one would leave less room for the loads of the next row.
bool LaneReducer::isUnrolled(const OutputBlock &block) {
  constexpr int64_t fewSteps = 8;
  int64_t size = staticSize(sumDim);
  return inOrder && block.inners > 1 && !ShapedType::isDynamic(size) &&
         size % lanesPerStep() == 0 && size / lanesPerStep() <= fewSteps;
}

/// Zero, which LLVM does not see. What all rows meet is then loaded in each
/// block: LLVM would load it once and for all, and keep on the stack what finds
/// no register.
Value LaneReducer::opaqueZero() {
  Type type = builder.getI64Type();
  Value zero = arith::ConstantIntOp::create(builder, loc, type, 0);
  auto hidden = LLVM::InlineAsmOp::create(
      builder, loc, type, zero, /*asm_string=*/"", /*constraints=*/"=r,0",
      /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr());
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                    hidden.getRes());
}

/// `sumVectors` by a loop over rows.
LaneReducer::Accumulators LaneReducer::sumRowByRow(const OutputBlock &block) {
  constexpr int64_t manyVectors = 16;
  auto rows = MemRefType::get({block.outers, block.inners, width},
                              type.getElementType());
  auto align = builder.getI64IntegerAttr(64);
  auto scratch = memref::AllocaOp::create(builder, loc, rows, align);
  if (isUnrolled(block) &&
      block.inners * staticSize(sumDim) / lanesPerStep() >= manyVectors)
    start = opaqueZero();
  forEach(index(0), index(block.outers), 1, [&](Value row) {
    Value outer = arith::AddIOp::create(builder, loc, block.outer, row);
    for (auto [column, sum] :
         llvm::enumerate(sumVectors({outer, block.inner, 1, block.inners})))
      vector::StoreOp::create(builder, loc, sum, scratch,
                              {row, index(column), index(0)});
  });
  start = Value();
  Accumulators sums;
  for (int64_t row = 0; row < block.outers; ++row)
    for (int64_t column = 0; column < block.inners; ++column)
      sums.push_back(vector::LoadOp::create(
          builder, loc, type, scratch,
          ValueRange{index(row), index(column), index(0)}));
  return sums;
}

/// A vector per output, row after row, whose lanes still have to be summed.
LaneReducer::Accumulators LaneReducer::sumVectors(const OutputBlock &block) {
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  Accumulators accumulators(block.size(), zero);
  int64_t size = staticSize(sumDim);
  bool isWhole = !ShapedType::isDynamic(size) && size % lanesPerStep() == 0;
  if (isUnrolled(block)) {
    for (int64_t position = 0; position < size; position += lanesPerStep())
      accumulators =
          addWhole(block, start ? offset(start, position) : index(position),
                   accumulators);
    return accumulators;
  }
  Value end = sizes[sumDim];
  Value step = index(lanesPerStep());
  Value rest = arith::RemUIOp::create(builder, loc, end, step);
  Value whole = arith::SubIOp::create(builder, loc, end, rest);
  auto loop = scf::ForOp::create(
      builder, loc, index(0), whole, step, accumulators,
      [&](OpBuilder &b, Location loc, Value position, ValueRange carried) {
        OpBuilder::InsertionGuard restore(builder);
        builder.restoreInsertionPoint(b.saveInsertionPoint());
        if (outerDim && block.outers > 1)
          for (OpOperand *streamed : getStreamed(op))
            prefetch(*streamed, block, position);
        scf::YieldOp::create(builder, loc, addWhole(block, position, carried));
      });
  if (isWhole)
    return Accumulators(loop.getResults());
  Value mask = vector::CreateMaskOp::create(
      builder, loc, VectorType::get(width, builder.getI1Type()), rest);
  return addStep(block, whole, mask, loop.getResults());
}

void attn::emitLaneReduction(OpBuilder &builder, linalg::GenericOp op,
                             const TargetSpec &target, Value initial) {
  LaneReducer(builder, op, target, initial).emit();
}
