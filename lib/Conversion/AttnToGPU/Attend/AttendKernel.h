//===- AttendKernel.h - The body of a kernel for an attend op ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_ATTENDKERNEL_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_ATTENDKERNEL_H

#include "../Arguments/AttendArguments.h"
#include "../Arguments/TensorMaps.h"
#include "../Instructions/WarpgroupUnit.h"
#include "KernelPlan.h"
#include "PartialSums.h"

#include "attn/Dialect/Attn/Analysis/TileClassification.h"

namespace mlir::attn {

/// Emits what one block does: one tile of queries of one head against all keys
/// that the mask lets them reach; where warpgroups copy and compute, one such
/// tile after the other. Few queries of all heads of a group can make one tile:
/// they read the same keys.
///
/// Fragments are those of mma.sync: with lane = 4 g + t, a lane holds columns
/// 8 n + 2 t + {0, 1} of rows g and g + 8 of its warp's 16 rows, in this order
/// four values per n. The same holds for scores and for the accumulator.
class AttendKernel {
public:
  /// `arguments` are bound to the kernel at the builder.
  /// `classifier` is the mask's, null where there is none.
  AttendKernel(OpBuilder &builder, AttendOp op, AttendArguments arguments,
               const KernelPlan &plan, TileClassifier *classifier);
  void emit();

private:
  /// Rows of a lane in its warp's share of a tile.
  static constexpr int64_t laneRows = 2;
  /// Values per lane of a product of 8 columns.
  static constexpr int64_t fragmentSize = 4;
  static constexpr int64_t wordBits = 32;

  /// Of each row of the lane; scores are divided by `unit` of natural ones.
  struct State {
    SmallVector<Value> accumulator;
    SmallVector<Value> maximum, sum;

    SmallVector<Value> pack() const;
  };
  State unpack(ValueRange values) const;

  /// A tile of keys: where it starts, and whether the mask keeps all of it.
  struct KeyTile {
    Value start, full;
  };

  /// The query that a row of the block's queries is: of a head, and the
  /// `group`th of its key head.
  struct QueryRow {
    Value group, head, query, exists;
  };

  // Where the block is, and what it reads.
  void emitSizes();
  void emitCounts();
  Value pinnedSize(unsigned dim);
  void setThread(Value number);
  void emitPosition(Value tile, Value number);
  QueryRow queryRow(Value row);
  Value headPointer(const AttendOperand &operand, Type element);
  Value rowNumber(const QueryRow &row);
  Value rowPointer(const AttendOperand &operand, const QueryRow &row,
                   Type element);
  Value partPointer(Value pointer, Type element);
  Value partLimit();
  Value keyRow(const AttendOperand &operand, Value pointer, Value key);
  RowSource queryRowSource(Value row);
  void copyQueries();
  void copyKeys(const SharedLayout &layout, int64_t base,
                const AttendOperand &operand, Value pointer,
                const KeyTile &tile, Value buffer);
  SharedTile sharedTile(const SharedLayout &layout, int64_t base,
                        Value buffer = {});

  // The loop over tiles of keys.
  void emitKeyBounds();
  void bindTables(function_ref<Value(Value)> size);
  void takeSplit();
  IndexRange queryRange(Value first);
  KeyTile findTile(Value from);
  TileClass classify(Value start);
  State initialState();
  std::pair<Value, Value> sinkState(const QueryRow &row);
  /// Goes over tiles of keys from `first` on. `carried` are values that go
  /// along; `body` advances them and the state, and finds the next tile.
  State emitTiles(const KeyTile &first, const State &initial,
                  SmallVector<Value> &carried,
                  function_ref<KeyTile(const KeyTile &tile, State &state,
                                       SmallVector<Value> &carried)>
                      body);
  State emitLoop();
  void loadQueries();
  Factor queryFragment(int64_t step);
  SmallVector<Value> emitScores(Value buffer);
  SmallVector<Value> emitPairScores(Value buffer);
  /// `sum` and what a feature adds to a score; `weight` is additive scoring's.
  Value addFeature(Value sum, Value query, Value key, Value weight);
  /// Of each of the lane's scores of a tile a bit, in words: whether the mask
  /// keeps its pair. All are set where it keeps the whole tile. To be asked
  /// before scores are in registers.
  SmallVector<Value> emitKept(const KeyTile &tile);
  Value emitKeptPart(const KeyTile &tile, int64_t begin, int64_t end);
  SmallVector<Value>
  onPart(const KeyTile &tile, int64_t begin, Region &region,
         function_ref<SmallVector<Value>(const KeyTile &)> apply,
         function_ref<SmallVector<Value>()> otherwise);
  /// Score region and mask.
  void applyRegions(SmallVectorImpl<Value> &scores, const KeyTile &tile,
                    ArrayRef<Value> kept);
  std::pair<QueryRow, Value> pairAt(int64_t index, const KeyTile &tile);
  SmallVector<Value> pairArguments(const QueryRow &row, Value key);
  /// Scale and score region of one pair.
  Value applyScore(Value score, const QueryRow &row, Value key);
  Value isKept(const QueryRow &row, Value key);
  /// A score, or what stands for one that the mask drops.
  Value applyMask(Value score, Value keep);
  /// Of a row: a new score's weight, the factor for what was summed before, the
  /// new maximum.
  struct Weight {
    Value weight, rescale, maximum;
  };
  Weight weigh(Value score, Value maximum);
  Value moveMaximum(Value before, Value most);
  std::pair<Value, Value> shiftAndRescale(Value maximum, Value before);
  SmallVector<Value, laneRows> normalize(State &state,
                                         MutableArrayRef<Value> scores);
  void rescale(State &state, ArrayRef<Value> factors);
  void addValues(State &state, ArrayRef<Value> weights, Value buffer);

  // The same by warpgroups.
  void emitWarpgroups();
  void initBarriers();
  void forEachItem(function_ref<Value(Value step)> body);
  Value countNumbers();
  void emitItem();
  Value isLastTileLonger();
  void awaitQueries();
  Value copyItem(Value step);
  void copyStep(const KeyTile &keys, Value valueStart, Value step);
  Value computeItem(Value step);
  std::pair<State, Value> computeTiles(const KeyTile &first, Value step);
  Value tilePlace(Value buffer);
  KeyTile awaitStep(Value step);
  SmallVector<Value> multiplyKeys(Value step);
  void addValuesOfStep(State &state, ArrayRef<Value> left, Value step);
  SmallVector<Value> toLeft(ArrayRef<Value> weights);
  void takeTurn();
  void passTurn();
  void syncWarpgroup();
  Value isThread(Value number, int64_t other);
  Value barrier(int64_t first, Value buffer);
  std::pair<Value, Value> bufferOf(Value number);
  void release(Value address);
  void releaseLast(Value step);
  void syncComputation();

  // Weights, after all of them are summed.
  void emitWeights(const State &state, ArrayRef<Value> factors);
  void storeWeights(Value start, ArrayRef<Value> weights);
  void storeWeight(const QueryRow &row, Value key, Value weight);
  Value normalizedWeight(Value score, Value maximum, Value factor);

  // Results.
  void emitResults(const State &state);
  void storeOutput(const State &state, ArrayRef<Value> factors);
  void storePartials(const State &state);
  /// Whether anything is stored of a row beside its output.
  bool hasStatistics() { return arguments.lse || plan.splitKeys; }
  void storeStatistics(const State &state, ArrayRef<Value> sums);
  void storeRowStatistics(const QueryRow &row, Value maximum, Value sum);
  Value isFirstPart();
  /// The element type and row of what the kernel stores: the output, or the
  /// sums of a part of the keys.
  Type resultElement();
  Value resultRow(const QueryRow &row);

  // Values that are not finite behind a mask.
  Value isPlain(const State &state, ArrayRef<Value> sums);
  Value loadFeature(Value pointer, Value feature, Value limit);
  SmallVector<Value> loadFeatures(Value pointer, int64_t count, Value limit);
  void recomputeRows();
  void recomputeRow(const QueryRow &row);

  bool isSoftmax() { return op.getNormalizer() == Normalizer::Softmax; }

  KernelBuilder k;
  AttendOp op;
  AttendArguments arguments;
  KernelPlan plan;
  PartialSums partials;
  MatrixUnit matrices;
  WarpgroupUnit warpgroups;
  TileClassifier *classifier;
  SmallVector<Value> captures;

  /// What scores are multiplied by at once, and what turns them into powers of
  /// two.
  double scale, unit;
  Value memory, thread, lane, warpRow;
  Value queries, keys, groupSize; ///< M, N, G.
  Value heads;                    ///< That are worked on by themselves.
  Value tiles;                    ///< Of rows.
  Value rows; ///< All rows, of which the block's begin at `firstRow`.
  Value batch, firstHead, keyHead, firstRow;
  Value part;  ///< Of the output's columns.
  Value split; ///< Of the keys.
  SmallVector<QueryRow, laneRows> laneQueries;
  Value keyPointer, valuePointer;
  Value lowerKey, upperKey;
  IndexRange fullKeys;
  SmallVector<Factor> queryFragments;
  Value item; ///< The tile of queries that warpgroups work on, by its place.
  Value lastFirst; ///< Whether they begin with the last tile of a head.
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_ATTENDKERNEL_H
