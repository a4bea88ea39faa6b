//===- QueryBand.h - Several tiles of queries that share keys ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_TRANSFORMS_QUERYBAND_H
#define ATTN_DIALECT_ATTN_TRANSFORMS_QUERYBAND_H

#include "attn/Dialect/Attn/Transforms/QueryTile.h"

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
  /// What is kept of each tile, stacked along a first dimension: packed
  /// queries, then the state.
  using Stacks = SmallVector<Value>;

  /// One tile as an op of its own, where its operands were sliced.
  struct Piece {
    AttendOp op;
    SmallVector<tensor::ExtractSliceOp> initSlices;
  };

  Piece cutPiece(Value number);
  Stacks emptyStacks();
  Value take(Value stack, Value number);
  Value put(Value element, Value stack, Value number);
  QueryTile::State takeState(ValueRange state, Value number);
  /// A loop over the tiles of the band that carries `inits`.
  SmallVector<Value> forEachTile(
      ValueRange inits,
      function_ref<SmallVector<Value>(Value number, ValueRange carried)> body);
  void start(Stacks &stacks);
  SmallVector<Value> startTile(Value number, ValueRange carried);
  void visitKeys(Stacks &stacks);
  SmallVector<Value> visitTile(Value number, Value packed, IndexRange keys,
                               ValueRange state);
  SmallVector<Value> finishTile(Value number, Value packed, ValueRange carried);

  OpBuilder &builder;
  AttendOp op;
  TilePlan plan;
  TileClassifier *classifier;
  Location loc;
  /// The iteration space of the band.
  SmallVector<OpFoldResult> sizes;
  /// The keys that some tile of the band reaches.
  IndexRange reached;
};

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_TRANSFORMS_QUERYBAND_H
