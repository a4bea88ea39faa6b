//===- QueryBand.h - Several tiles of queries that share keys ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_TILING_QUERYBAND_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_TILING_QUERYBAND_H

#include "QueryTile.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::attn {

/// Emits what an `attn.attend` on one batch, one head (or group of heads) and
/// up to `plan.band` tiles of queries means. The keys are gone through
/// `plan.resident` at a time: all tiles of the band visit these, which stay in
/// the second-level cache, before the next. Each tile visits the same tiles of
/// keys in the same order as it would alone.
class QueryBand {
public:
  /// `classifier` as for QueryTile. Head sizes are static.
  QueryBand(OpBuilder &builder, AttendOp op, TilePlan plan,
            TileClassifier *classifier);

  /// Returns a value for every result of the op.
  SmallVector<Value> emit();

private:
  /// One tile as an op of its own, where its operands were sliced.
  struct Piece {
    AttendOp op;
    SmallVector<tensor::ExtractSliceOp> initSlices;
  };

  void allocate();
  Piece cutPiece(Value number);
  Value roomOf(Value stack, Value number);
  Value read(Value room, bool writable);
  QueryTile::State readState(ArrayRef<Value> rooms);
  SmallVector<Value> stateRooms(Value number);
  void keep(Value value, Value room);
  /// A loop over the tiles of the band that carries `inits`.
  SmallVector<Value> forEachTile(
      ValueRange inits,
      function_ref<SmallVector<Value>(Value number, ValueRange carried)> body);
  void start();
  SmallVector<Value> startTile(Value number, ValueRange bounds);
  void visitKeys();
  void packKeys(IndexRange keys);
  void visitTile(Value number, IndexRange keys);
  SmallVector<Value> finishTile(Value number, ValueRange inits);

  OpBuilder &builder;
  AttendOp op;
  TilePlan plan;
  TileClassifier *classifier;
  Location loc;
  /// The iteration space of the band.
  SmallVector<OpFoldResult> sizes;
  /// Memory for what is kept of each tile, stacked along a first dimension. It
  /// is no tensor that loops carry: analysing these takes bufferization longer
  /// than all the rest.
  Value packed;
  SmallVector<Value, 3> state;
  /// Memory for the end of the keys that each tile reaches; null without a
  /// mask.
  Value reachedEnds;
  /// Memory for the keys and values that all tiles visit, as tile registers
  /// take them; null where they are read as they lie.
  Value packedKeys, packedValues;
  /// The keys that some tile of the band reaches.
  IndexRange reached;
};

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_TILING_QUERYBAND_H
