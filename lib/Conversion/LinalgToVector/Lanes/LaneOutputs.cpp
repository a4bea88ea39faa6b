//===- LaneOutputs.cpp - Where sums along lanes go -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneOutputs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::attn;

void LaneOutputs::storePiece(Value piece, Value target, ValueRange position) {
  Value before = initial;
  auto lanes = dyn_cast<VectorType>(piece.getType());
  if (before && lanes)
    before = vector::BroadcastOp::create(builder, loc, lanes, before);
  if (!before && lanes)
    before = vector::LoadOp::create(builder, loc, lanes, target, position);
  if (!before)
    before = memref::LoadOp::create(builder, loc, target, position);
  Value sum = arith::AddFOp::create(builder, loc, before, piece);
  if (lanes)
    vector::StoreOp::create(builder, loc, sum, target, position);
  else
    memref::StoreOp::create(builder, loc, sum, target, position);
}

void LaneOutputs::store(const OutputBlock &block, Value sums) {
  Value target = op.getDpsInits().front();
  int64_t lanes = cast<VectorType>(sums.getType()).getNumElements();
  auto memref = cast<MemRefType>(target.getType());
  SmallVector<int64_t> strides;
  int64_t start;
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  bool known = succeeded(memref.getStridesAndOffset(strides, start));
  if (block.outer && known && block.outers * block.inners == lanes &&
      memref.getDimSize(1) == block.inners && strides[0] == block.inners) {
    SmallVector<ReassociationIndices> all{{0, 1}};
    Value flat = memref::CollapseShapeOp::create(builder, loc, target, all);
    Value at =
        arith::MulIOp::create(builder, loc, block.outer, index(block.inners));
    return storePiece(sums, flat, at);
  }
  for (int64_t row = 0; row < block.outers; ++row) {
    SmallVector<Value> position;
    if (block.outer)
      position.push_back(
          row ? arith::AddIOp::create(builder, loc, block.outer, index(row))
              : block.outer);
    position.push_back(block.inner);
    Value piece;
    if (block.inners == 1)
      piece = vector::ExtractOp::create(builder, loc, sums, row);
    else
      piece = vector::ExtractStridedSliceOp::create(
          builder, loc, sums, ArrayRef<int64_t>{row * block.inners},
          ArrayRef<int64_t>{block.inners}, ArrayRef<int64_t>{1});
    storePiece(piece, target, position);
  }
}
