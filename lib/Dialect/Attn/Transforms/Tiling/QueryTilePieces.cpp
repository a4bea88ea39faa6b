//===- QueryTilePieces.cpp - Tiles with few queries -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QueryTile.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// How many rows whole pieces have, and all pieces that have queries.
std::pair<OpFoldResult, OpFoldResult> QueryTile::rowsOfPieces() {
  AffineExpr rows = builder.getAffineDimExpr(0) * plan.group;
  auto count = [&](AffineExpr pieces) {
    return affine::makeComposedFoldedAffineApply(
        builder, loc, pieces * plan.piece, {queries});
  };
  return {count(rows.floorDiv(plan.piece)), count(rows.ceilDiv(plan.piece))};
}

Value QueryTile::slicePiece(OpBuilder &b, Value tile, unsigned dim,
                            Value first) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, tile);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  offsets[dim] = first;
  sizes[dim] = b.getIndexAttr(plan.piece);
  return tensor::ExtractSliceOp::create(b, loc, tile, offsets, sizes, strides);
}

Value QueryTile::insertPiece(OpBuilder &b, Value part, Value piece) {
  auto slice = piece.getDefiningOp<tensor::ExtractSliceOp>();
  return tensor::InsertSliceOp::create(
      b, loc, part, slice.getSource(), slice.getMixedOffsets(),
      slice.getMixedSizes(), slice.getMixedStrides());
}

/// Adds the tile of keys to the rows that exist, piece by piece.
QueryTile::State QueryTile::emitPieces(OpBuilder &b, Location loc, Value start,
                                       OpFoldResult count, Value partial,
                                       State state) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value step = arith::ConstantIndexOp::create(b, loc, plan.piece);
  Value group = arith::ConstantIndexOp::create(b, loc, plan.group);
  Value rows = arith::MulIOp::create(
      b, loc, getValueOrCreateConstantIndexOp(b, loc, queries), group);
  auto loop = scf::ForOp::create(
      b, loc, zero, rows, step, state,
      [&](OpBuilder &b, Location loc, Value first, ValueRange whole) {
        State piece{slicePiece(b, whole[0], sumRowDim(), first),
                    slicePiece(b, whole[1], 0, first),
                    slicePiece(b, whole[2], 0, first)};
        State next = emitKeyTile(b, loc, start, count, partial, piece, first);
        SmallVector<Value> results;
        for (auto [part, old] : llvm::zip_equal(next, piece))
          results.push_back(insertPiece(b, part, old));
        scf::YieldOp::create(b, loc, results);
      });
  return State(loop.getResults());
}

/// The code for whole tiles of keys knows that they are.
QueryTile::State QueryTile::emitWholeOrRest(OpBuilder &b, Location loc,
                                            Value start, OpFoldResult count,
                                            Value partial, State state) {
  auto emit = [&](OpBuilder &b, OpFoldResult count) {
    return emitKeyTile(b, loc, start, count, partial, state);
  };
  OpFoldResult whole = b.getIndexAttr(plan.keys);
  if (getConstantIntValue(count))
    return emit(b, count);
  Value isWhole =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                            getValueOrCreateConstantIndexOp(b, loc, count),
                            getValueOrCreateConstantIndexOp(b, loc, whole));
  auto choice = scf::IfOp::create(
      b, loc, isWhole,
      [&](OpBuilder &b, Location loc) {
        scf::YieldOp::create(b, loc, emit(b, whole));
      },
      [&](OpBuilder &b, Location loc) {
        scf::YieldOp::create(b, loc, emit(b, count));
      });
  return State(choice.getResults());
}

/// The tile of keys at `start`, at once where the tile of queries is full.
QueryTile::State QueryTile::visitTile(OpBuilder &b, Location loc, Value start,
                                      OpFoldResult count, Value partial,
                                      State state) {
  if (plan.unpacked || plan.spread)
    return emitWholeOrRest(b, loc, start, count, partial, state);
  if (!plan.piece)
    return emitKeyTile(b, loc, start, count, partial, state);
  if (plan.tiles)
    return emitPieces(b, loc, start, count, partial, state);
  Value full = arith::CmpIOp::create(
      b, loc, arith::CmpIPredicate::eq,
      getValueOrCreateConstantIndexOp(b, loc, queries),
      arith::ConstantIndexOp::create(b, loc, plan.queries));
  auto choice = scf::IfOp::create(
      b, loc, full,
      [&](OpBuilder &b, Location loc) {
        scf::YieldOp::create(b, loc,
                             emitKeyTile(b, loc, start, count, partial, state));
      },
      [&](OpBuilder &b, Location loc) {
        scf::YieldOp::create(b, loc,
                             emitPieces(b, loc, start, count, partial, state));
      });
  return State(choice.getResults());
}
