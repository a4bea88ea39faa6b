//===- Contraction.cpp - Matrix products in tiles -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Contraction.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Which ops
//===----------------------------------------------------------------------===//

/// Whether the body only multiplies and adds, after extending what it reads.
static bool multipliesAndAdds(linalg::LinalgOp op) {
  return linalg::isaContractionOpInterface(op) &&
         llvm::all_of(
             op.getBlock()->without_terminator(), [](Operation &inner) {
               return isa<arith::ExtFOp, arith::MulFOp, arith::AddFOp>(inner);
             });
}

/// The last of `dims` that `map` has as results.
static std::optional<unsigned> innermost(AffineMap map,
                                         ArrayRef<unsigned> dims) {
  for (AffineExpr result : llvm::reverse(map.getResults()))
    if (unsigned dim = cast<AffineDimExpr>(result).getPosition();
        llvm::is_contained(dims, dim))
      return dim;
  return std::nullopt;
}

std::optional<Contraction> Contraction::match(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || !op.hasPureTensorSemantics() ||
      !multipliesAndAdds(op))
    return std::nullopt;
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  if (failed(dims))
    return std::nullopt;
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isProjectedPermutation(); }))
    return std::nullopt;
  Contraction contraction;
  contraction.op = op;
  contraction.rowInput = 0;
  contraction.laneInput = 1;
  contraction.laneDim =
      cast<AffineDimExpr>(output.getResults().back()).getPosition();
  if (llvm::is_contained(dims->m, contraction.laneDim)) {
    std::swap(contraction.rowInput, contraction.laneInput);
    std::swap(dims->m, dims->n);
  }
  std::optional<unsigned> rowDim = innermost(output, dims->m);
  if (!rowDim || !llvm::is_contained(dims->n, contraction.laneDim))
    return std::nullopt;
  contraction.rowDim = *rowDim;
  contraction.reductionDim = *innermost(
      op.getMatchingIndexingMap(op.getDpsInputOperand(contraction.rowInput)),
      dims->k);
  for (unsigned dim : dims->k)
    if (dim != contraction.reductionDim)
      contraction.outerReductions.push_back(dim);
  contraction.accumulator =
      getAccumulatorType(getElementTypeOrSelf(op.getDpsInits()[0].getType()));
  return contraction;
}

bool Contraction::isNarrow() {
  return getElementTypeOrSelf(op.getDpsInits()[0].getType()) != accumulator;
}

int64_t Contraction::sizeOf(unsigned dim) {
  return op.getStaticLoopRanges()[dim];
}

//===----------------------------------------------------------------------===//
// Tile sizes
//===----------------------------------------------------------------------===//

/// At most `most`, in steps of `step`; if `size` is known, tiles of equal size.
static int64_t balance(int64_t size, int64_t most, int64_t step) {
  if (ShapedType::isDynamic(size))
    return most;
  int64_t tiles = std::max<int64_t>(llvm::divideCeil(size, most), 1);
  int64_t tile = llvm::alignTo(llvm::divideCeil(size, tiles), step);
  return std::clamp(tile, step, most);
}

/// Whether the input with the rows is contiguous along the reduction.
static bool walksAlongRows(Contraction contraction) {
  AffineMap map = contraction.op.getMatchingIndexingMap(
      contraction.op.getDpsInputOperand(contraction.rowInput));
  return cast<AffineDimExpr>(map.getResults().back()).getPosition() ==
         contraction.reductionDim;
}

ContractionPlan ContractionPlan::get(const TargetSpec &target,
                                     Contraction contraction) {
  // Packing costs as much as multiplying about ten rows.
  constexpr int64_t fewRows = 16;
  // Rows in multiples of the heights of register blocks. All scratch of a tile
  // has to fit on the stack.
  constexpr int64_t rowStep = 12, mostRows = 576, reductionStep = 16,
                    mostPanelBytes = 200 * 1024;
  unsigned bits = contraction.accumulator.getIntOrFloatBitWidth();
  int64_t lanes = target.lanes(bits);
  int64_t vectors = target.vectorRegisters >= 32 ? 4 : 6;
  ContractionPlan plan;
  plan.lanes =
      balance(contraction.sizeOf(contraction.laneDim), lanes * vectors, lanes);
  // The panel shares the second-level cache with rows and sums, whose latencies
  // count once per block of them: a long reduction is better than a panel in
  // the first-level cache.
  int64_t panelBytes = std::min(int64_t(target.l2Bytes) / 10, mostPanelBytes);
  int64_t reductions = panelBytes / (plan.lanes * bits / 8);
  plan.reductions =
      balance(contraction.sizeOf(contraction.reductionDim),
              llvm::alignDown(reductions, reductionStep), reductionStep);
  int64_t rows = contraction.sizeOf(contraction.rowDim);
  plan.packs = rows < 0 || rows > fewRows || !walksAlongRows(contraction);
  plan.rows = plan.packs ? balance(rows, mostRows, rowStep) : rows;
  return plan;
}
