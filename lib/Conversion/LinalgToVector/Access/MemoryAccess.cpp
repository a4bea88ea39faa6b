//===- MemoryAccess.cpp - Loads and stores of one block -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemoryAccess.h"
#include "LaneTree.h"
#include "Pairs.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::attn;

Type attn::getLaneType(Type element, int64_t width) {
  return width == 1 ? element : VectorType::get({width}, element);
}

Value attn::buildLanes(OpBuilder &builder, Location loc, int64_t width,
                       function_ref<Value(int64_t)> build) {
  SmallVector<Value> lanes;
  for (int64_t lane = 0; lane < width; ++lane)
    lanes.push_back(build(lane));
  if (width == 1)
    return lanes.front();
  return vector::FromElementsOp::create(
      builder, loc, getLaneType(lanes.front().getType(), width), lanes);
}

Value attn::extractLane(OpBuilder &builder, Location loc, Value value,
                        int64_t lane) {
  if (!isa<VectorType>(value.getType()))
    return value;
  return vector::ExtractOp::create(builder, loc, value, lane);
}

LaneAccess MemoryAccess::getAccess(OpOperand &operand) const {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (!plan.laneDim || !map.isFunctionOfDim(*plan.laneDim))
    return LaneAccess::Uniform;
  return BlockPlan::accessAlong(operand, map, *plan.laneDim);
}

Value MemoryAccess::getIndex(OpBuilder &builder, Location loc, unsigned dim,
                             BlockPosition position, int64_t lane) const {
  int64_t offset = 0;
  if (plan.isRow(dim))
    offset = position.row;
  else if (plan.isLane(dim))
    offset = position.vector * width + lane;
  if (offset == 0)
    return ivs[dim];
  Value constant = arith::ConstantIndexOp::create(builder, loc, offset);
  return arith::AddIOp::create(builder, loc, ivs[dim], constant);
}

SmallVector<Value> MemoryAccess::getIndices(OpBuilder &builder,
                                            OpOperand &operand,
                                            BlockPosition position,
                                            int64_t lane) const {
  Location loc = op.getLoc();
  AffineMap map = op.getMatchingIndexingMap(&operand);
  auto valueOf = [&](AffineExpr expr) -> Value {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      return getIndex(builder, loc, dim.getPosition(), position, lane);
    SmallVector<OpFoldResult> dims;
    for (unsigned dim = 0; dim < ivs.size(); ++dim)
      dims.push_back(expr.isFunctionOfDim(dim)
                         ? getIndex(builder, loc, dim, position, lane)
                         : OpFoldResult(builder.getIndexAttr(0)));
    auto apply = affine::makeComposedFoldedAffineApply(
        builder, loc, AffineMap::get(dims.size(), 0, expr), dims);
    return getValueOrCreateConstantIndexOp(builder, loc, apply);
  };
  return llvm::map_to_vector(map.getResults(), valueOf);
}

Value MemoryAccess::loadVector(OpBuilder &builder, OpOperand &operand,
                               SmallVector<Value> indices, int64_t size) const {
  Type element = cast<MemRefType>(operand.get().getType()).getElementType();
  return vector::LoadOp::create(builder, op.getLoc(),
                                cast<VectorType>(getLaneType(element, size)),
                                operand.get(), indices);
}

/// Whether rows are contiguous where lanes are not, and as many as whole chunks
/// hold.
bool MemoryAccess::isTransposed(OpOperand &operand) const {
  Type element = getElementTypeOrSelf(operand.get());
  return width > 1 && rows % getChunkLanes(width, element) == 0 &&
         plan.rowDim &&
         BlockPlan::accessAlong(operand, op.getMatchingIndexingMap(&operand),
                                *plan.rowDim) == LaneAccess::Contiguous;
}

/// Loads pieces of rows into the chunks inside of which lanes are cheap to
/// shuffle: chunk g of vector r starts out as a piece of lane g * size + r.
SmallVector<Value> MemoryAccess::loadRows(OpBuilder &builder,
                                          OpOperand &operand,
                                          int64_t vector) const {
  Location loc = op.getLoc();
  int64_t size = getChunkLanes(
      width, cast<MemRefType>(operand.get().getType()).getElementType());
  SmallVector<SmallVector<Value>> lanes;
  for (int64_t lane = 0; lane < width; ++lane)
    lanes.push_back(getIndices(builder, operand, {0, vector}, lane));
  SmallVector<Value> transposed;
  for (int64_t first = 0; first < rows; first += size) {
    SmallVector<Value> vectors;
    for (int64_t row = 0; row < size; ++row) {
      SmallVector<Value> pieces;
      for (int64_t lane = row; lane < width; lane += size) {
        SmallVector<Value> indices = lanes[lane];
        Value offset = arith::ConstantIndexOp::create(builder, loc, first);
        indices.back() =
            builder.createOrFold<arith::AddIOp>(loc, indices.back(), offset);
        pieces.push_back(loadVector(builder, operand, indices, size));
      }
      vectors.push_back(concatenate(builder, loc, pieces));
    }
    llvm::append_range(transposed, transposeChunks(builder, loc, vectors));
  }
  return transposed;
}

Value MemoryAccess::loadTransposed(OpBuilder &builder, OpOperand &operand,
                                   BlockPosition position) {
  SmallVector<Value> &loaded = transposed[{&operand, position.vector}];
  if (loaded.empty())
    loaded = loadRows(builder, operand, position.vector);
  return loaded[position.row];
}

Value MemoryAccess::load(OpBuilder &builder, OpOperand &operand,
                         BlockPosition position) {
  if (op.isScalar(&operand))
    return operand.get();
  auto loadScalar = [&](int64_t lane) -> Value {
    return memref::LoadOp::create(builder, op.getLoc(), operand.get(),
                                  getIndices(builder, operand, position, lane));
  };
  LaneAccess access = getAccess(operand);
  if (access == LaneAccess::Uniform)
    return loadScalar(0);
  if (access == LaneAccess::Strided && isTransposed(operand))
    return loadTransposed(builder, operand, position);
  if (access == LaneAccess::Strided || width == 1)
    return buildLanes(builder, op.getLoc(), width, loadScalar);
  return loadVector(builder, operand,
                    getIndices(builder, operand, position, /*lane=*/0), width);
}

std::pair<Value, SmallVector<Value>>
MemoryAccess::getPairs(OpBuilder &builder, OpOperand &operand,
                       BlockPosition position) const {
  Location loc = op.getLoc();
  auto type = cast<MemRefType>(operand.get().getType());
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim + 1 < type.getRank(); ++dim)
    groups.push_back({dim});
  groups.back().push_back(type.getRank() - 1);
  Value rows =
      memref::CollapseShapeOp::create(builder, loc, operand.get(), groups);
  SmallVector<Value> indices = getIndices(builder, operand, position, 0);
  indices.pop_back();
  Value two = arith::ConstantIndexOp::create(builder, loc, 2);
  indices.back() = arith::MulIOp::create(builder, loc, indices.back(), two);
  return {rows, indices};
}

Value MemoryAccess::loadPairs(OpBuilder &builder, OpOperand &operand,
                              BlockPosition position) const {
  auto [memref, indices] = getPairs(builder, operand, position);
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  return vector::LoadOp::create(builder, op.getLoc(),
                                VectorType::get(2 * width, element), memref,
                                indices);
}

Value MemoryAccess::loadPair(OpBuilder &builder, OpOperand &operand,
                             BlockPosition position) const {
  Location loc = op.getLoc();
  Type element = cast<MemRefType>(operand.get().getType()).getElementType();
  Type word = builder.getI32Type();
  Value pair = vector::LoadOp::create(
      builder, loc, VectorType::get(2, element), operand.get(),
      getIndices(builder, operand, position, 0));
  pair =
      vector::BitCastOp::create(builder, loc, VectorType::get(1, word), pair);
  pair = vector::ExtractOp::create(builder, loc, pair, 0);
  pair = vector::BroadcastOp::create(builder, loc, VectorType::get(width, word),
                                     pair);
  return vector::BitCastOp::create(builder, loc,
                                   VectorType::get(2 * width, element), pair);
}

/// Lanes of `first` and `second` in turns. What is rounded to bf16 only for
/// this is rounded at once.
Value MemoryAccess::interleave(OpBuilder &builder, Value first, Value second) {
  Location loc = op.getLoc();
  auto rounded = [&](Value value) -> Value {
    auto truncation = value.getDefiningOp<arith::TruncFOp>();
    auto f32 = VectorType::get(16, builder.getF32Type());
    bool fits = plan.convertsPairs && truncation &&
                truncation.getIn().getType() == f32 &&
                getElementTypeOrSelf(value.getType()).isBF16();
    return fits ? truncation.getIn() : Value();
  };
  Value low = rounded(first), high = rounded(second);
  if (!low || !high)
    return vector::InterleaveOp::create(builder, loc, first, second);
  auto type = VectorType::get(2 * width, builder.getBF16Type());
  Value both =
      LLVM::CallIntrinsicOp::create(
          builder, loc, type,
          builder.getStringAttr("llvm.x86.avx512bf16.cvtne2ps2bf16.512"),
          {high, low})
          .getResult(0);
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < width; ++lane)
    order.append({lane, lane + width});
  return vector::ShuffleOp::create(builder, loc, both, both, order);
}

void MemoryAccess::store(OpBuilder &builder, OpOperand &operand,
                         BlockPosition position, Value value) {
  Location loc = op.getLoc();
  if (rows == 2 && width > 1 &&
      storesPairs(operand, op.getMatchingIndexingMap(&operand), *plan.rowDim,
                  *plan.laneDim)) {
    Value &first = firstRows[{&operand, position.vector}];
    if (position.row == 0) {
      first = value;
      return;
    }
    auto [memref, indices] = getPairs(builder, operand, {0, position.vector});
    vector::StoreOp::create(builder, loc, interleave(builder, first, value),
                            memref, indices);
    return;
  }
  if (width > 1 && getAccess(operand) == LaneAccess::Contiguous) {
    vector::StoreOp::create(builder, loc, value, operand.get(),
                            getIndices(builder, operand, position, 0));
    return;
  }
  for (int64_t lane = 0; lane < width; ++lane)
    memref::StoreOp::create(
        builder, loc, extractLane(builder, loc, value, lane), operand.get(),
        getIndices(builder, operand, position, lane));
}
