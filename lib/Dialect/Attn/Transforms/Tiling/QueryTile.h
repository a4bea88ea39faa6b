//===- QueryTile.h - One tile of queries against all keys -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_TILING_QUERYTILE_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_TILING_QUERYTILE_H

#include "attn/Dialect/Attn/Analysis/TileClassification.h"
#include "attn/Dialect/Attn/Transforms/TilePlan.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::attn {

/// Emits what an `attn.attend` on one batch, one head (or group of heads) and
/// one tile of queries means: packed queries, a loop over key tiles,
/// normalisation.
///
/// A row is a query of one head; row r of a group of g heads is query r
/// floordiv g of head r mod g. With queries along lanes, rows are the last
/// dimension of every tile: packed queries are (D, rows), the accumulator (Dv,
/// rows) or, turned, (rows, Dv). With features along lanes, rows are the first.
/// Scores are (keys, rows), maximum and sum (rows). Queries beyond M are zeros
/// whose results are not stored.
class QueryTile {
public:
  /// Running state: accumulator, maximum, sum.
  using State = SmallVector<Value, 3>;

  /// `classifier` (null for none) knows the op's mask, with its pre-pass
  /// emitted, and lets tiles be skipped.
  QueryTile(OpBuilder &builder, AttendOp op, TilePlan plan,
            TileClassifier *classifier);

  /// Returns a value for every result of the op.
  SmallVector<Value> emit();

  /// The parts of emit(), for tiles whose loops over keys are interleaved.
  /// @{
  Value emptyQueries();
  State emptyState();
  /// Keys and values of consecutive tiles of keys, from the key `first` on, as
  /// tile registers take them: (tile, key, feature) and (tile, feature, key),
  /// zero beyond the last key and feature.
  struct PackedKeys {
    Value keys, values, first;
  };
  /// The keys or values of the tile at `start`, so packed, in `room`.
  Value packKeys(Value room, Value start);
  Value packValues(Value room, Value start);
  /// The position of the tile at `start` among those from `first` on.
  Value keyTileNumber(OpBuilder &b, Value first, Value start);
  void usePackedKeys(PackedKeys keys) { packedKeys = keys; }
  /// The queries, packed in `room`, for all that follows.
  Value packQueries(Value room);
  /// As if packQueries had returned `queries`.
  void usePacked(Value queries) { packed = queries; }
  /// The state before the first key, in `buffers`.
  State initialState(const State &buffers);
  /// The keys that the mask can reach, from the start of a tile on.
  IndexRange keyRange();
  /// Adds the tiles of `range`, which starts at one, to `state`.
  State visitKeys(IndexRange range, State state);
  /// A value for every result of the op, from the state after the keys of
  /// `range`.
  SmallVector<Value> emitResults(IndexRange range, State state);
  /// @}

  /// Whether no row is empty and every sum is greater than 0, by proof.
  bool keepsEveryRow() const { return keepsRows; }

private:
  /// Dimensions of the iteration space of attn.attend_tile.
  enum TileDim { TileI, TileJ, TileD, TileE, NumTileDims };
  /// The position of `dim` among the results of `map`.
  static unsigned positionOf(AffineMap map, unsigned dim);
  /// The rows [start, start + count) of a key or value.
  Value sliceKeys(OpBuilder &b, Value operand, AffineMap map, Value start,
                  OpFoldResult count);
  /// Keys and values of one tile, how they lie, and the queries packed as the
  /// keys are.
  struct KeyTile {
    Value query, key, value;
    AffineMap keyMap, valueMap;
    /// Whether the keys and values are the first of a padded tile, or to be.
    bool padded = false;
  };
  /// `count` keys from `start` on as they lie, or where they are packed.
  KeyTile keyTile(OpBuilder &b, Value start, OpFoldResult count);
  KeyTile packedTile(OpBuilder &b, Value start, OpFoldResult count);
  /// The packed queries without the features that were added.
  Value existingFeatures(OpBuilder &b);
  /// The accumulator likewise; and with such a part of it replaced.
  Value existingValueFeatures(OpBuilder &b, Value acc);
  Value intoAccumulator(OpBuilder &b, Value part, Value acc);
  /// `room` with zeros from `size` on along dimension `dim`.
  Value clearRest(Value room, unsigned dim, OpFoldResult size);
  Value packTile(Value room, Value tile, AffineMap map, TileDim rowDim);
  /// How many keys the tile at `start` has, of those before `end` where that is
  /// given.
  OpFoldResult tileCount(OpBuilder &b, Value start, Value end = {});
  /// The global index of the key at `start`.
  Value globalKey(OpBuilder &b, Value start);

  Value sliceTo2D(Value operand, AffineMap map, unsigned rowDim,
                  unsigned columnDim, AffineMap &map2D);
  Value sliceTo(Value operand, AffineMap map, ArrayRef<unsigned> dims,
                SmallVectorImpl<unsigned> &order);

  using Dims = SmallVector<unsigned, 3>;
  Dims rowDims();
  Dims tileDims(unsigned column);
  AffineMap mapOf(ArrayRef<unsigned> operand, ArrayRef<unsigned> loops);
  SmallVector<OpFoldResult> sizesOf(ArrayRef<unsigned> dims,
                                    OpFoldResult queries, OpFoldResult column);
  Value splitRows(Value tile, unsigned rowDim);
  Value mergeRows(Value tile, unsigned rowDim);
  Value existingRows(Value tile, unsigned rowDim);
  Value firstRow(OpBuilder &b);
  void takeRows(Region &region, unsigned head);
  bool rowsFirst() const { return plan.lanes == LaneAxis::Features; }
  std::pair<OpFoldResult, OpFoldResult> rowsOfPieces();
  /// `room` for packed queries, zeros where they may not fill it.
  Value clearUnlessFull(Value room);
  Value sliceSink();
  Value fillFromSink(Value buffer, bool weight);
  State loopOverTiles(OpBuilder &b, Value start, Value end, State state);
  State loopOverBlocks(Value start, Value end, State state);
  State emitClassifiedTile(OpBuilder &b, Location loc, Value start, Value end,
                           State state);
  /// One tile of keys, for the rows that `state` is of: all, or the piece of
  /// rows from `piece` on.
  State emitKeyTile(OpBuilder &b, Location loc, Value start, OpFoldResult count,
                    Value partial, State state, Value piece = {});
  State emitPieces(OpBuilder &b, Location loc, Value start, OpFoldResult count,
                   Value partial, State state);
  State emitWholeOrRest(OpBuilder &b, Location loc, Value start,
                        OpFoldResult count, Value partial, State state);
  State visitTile(OpBuilder &b, Location loc, Value start, OpFoldResult count,
                  Value partial, State state);
  /// The rows, dimension `dim`, of the piece from `first` on.
  Value slicePiece(OpBuilder &b, Value tile, unsigned dim, Value first);
  /// What a slice `piece` was cut from, with `part` in its place.
  Value insertPiece(OpBuilder &b, Value part, Value piece);
  /// Where accumulators have their rows.
  unsigned sumRowDim() const { return plan.sumsRowsFirst() ? 0 : 1; }
  IndexRange queryRange(OpBuilder &b);
  bool findsBinaryScores();
  bool queriesCarryScale();
  /// The scale, that of exponents of 2 where scores are.
  double scale();
  /// What queries are multiplied by as they are packed, and scores after.
  double queryFactor();
  double scoreFactor();
  bool findsKeyInRows();
  Value haveSmallSums(Value sums);
  Value holdsNonFinite(Value output);
  Value takeTelling(Value output, ArrayRef<unsigned> dims);
  void fillPairs(Region &region);
  Value asOperand(Value vector);
  /// `output`, whose dimensions `outputDims` names, computed again with maximum
  /// and sum of `state` where a value that is not finite met a weight of 0, or
  /// weights relative to a fixed maximum have overflowed or nearly vanished.
  Value recomputeUnlessFinite(IndexRange range, Value output,
                              ArrayRef<unsigned> outputDims, State &state);
  Value emitInverse(Value sum);
  Value emitOutput(const State &state, Dims &dims);
  Value emitLse(const State &state);
  Value emitWeights(const State &state);
  Value emitWeightsTile(OpBuilder &b, Value start, const State &state,
                        Value weights);
  /// The weight of a score in a row of this maximum and sum.
  Value emitWeight(OpBuilder &b, Value score, Value maximum, Value sum);
  /// The scores (keys, queries) of the tile at `start`, for a second pass.
  Value emitScores(OpBuilder &b, Value start, OpFoldResult count);
  std::pair<Value, Value> emitTop(const State &state);
  SmallVector<Value> findTop();
  SmallVector<Value> insertScores(OpBuilder &b, Value start, ValueRange kept);
  Value stackRows(ValueRange rows);
  Value emitTopResult(Value init, ValueRange inputs,
                      function_ref<Value(OpBuilder &, ValueRange)> body);

  Value divideBySum(OpBuilder &b, Location loc, Value value, Value sum);
  Value constant(OpBuilder &b, double value);
  Value zeros(ArrayRef<OpFoldResult> sizes, Type element);
  Value headOffset();
  AffineMap tileMap(ArrayRef<unsigned> dims);

  OpBuilder &builder;
  AttendOp op;
  TilePlan plan;
  TileClassifier *classifier;
  Location loc;
  Type accumulator;
  OpFoldResult queries, keys, features, valueFeatures;
  Value query, key, value, packed;
  PackedKeys packedKeys;
  Dims queryDims;
  AffineMap keyMap, valueMap;
  Value batch, head;
  /// What weights are relative to where scores are bounded.
  std::optional<double> fixedMaximum;
  bool keepsRows;
  /// Scores are exponents of 2: scaled by log2(e) too.
  bool binary;
};

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_TILING_QUERYTILE_H
