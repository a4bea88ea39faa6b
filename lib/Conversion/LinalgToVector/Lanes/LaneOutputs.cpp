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

bool LaneOutputs::isFlat(Value output, int64_t columns) {
  auto memref = cast<MemRefType>(output.getType());
  SmallVector<int64_t> strides;
  int64_t start;
  return memref.getRank() == 1 ||
         (succeeded(memref.getStridesAndOffset(strides, start)) &&
          memref.getDimSize(1) == columns && strides[0] == columns);
}

/// `count` lanes, or the only one.
static Value takeLanes(OpBuilder &builder, Location loc, Value vector,
                       int64_t first, int64_t count) {
  if (count == cast<VectorType>(vector.getType()).getNumElements())
    return vector;
  if (count == 1)
    return vector::ExtractOp::create(builder, loc, vector, first);
  return vector::ExtractStridedSliceOp::create(
      builder, loc, vector, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{count},
      ArrayRef<int64_t>{1});
}

/// In as few pieces as possible, so that what reads them finds whole ones.
void LaneOutputs::storeFlat(const OutputBlock &block, Value sums) {
  Value target = op.getDpsInits().front();
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value start = block.inner;
  if (block.outer) {
    SmallVector<ReassociationIndices> all{{0, 1}};
    target = memref::CollapseShapeOp::create(builder, loc, target, all);
    start =
        arith::MulIOp::create(builder, loc, block.outer, index(block.inners));
  }
  for (int64_t done = 0; done < block.size();) {
    int64_t lanes = llvm::bit_floor(uint64_t(block.size() - done));
    Value at =
        arith::AddIOp::create(builder, loc, start, index(block.first + done));
    storePiece(takeLanes(builder, loc, sums, done, lanes), target, at);
    done += lanes;
  }
}

void LaneOutputs::store(const OutputBlock &block, Value sums) {
  Value target = op.getDpsInits().front();
  if (isFlat(target, block.inners))
    return storeFlat(block, sums);
  for (int64_t row = 0; row < block.outers; ++row) {
    Value outer = block.outer;
    if (row)
      outer = arith::AddIOp::create(
          builder, loc, outer,
          arith::ConstantIndexOp::create(builder, loc, row));
    storePiece(takeLanes(builder, loc, sums, row * block.inners, block.inners),
               target, {outer, block.inner});
  }
}
