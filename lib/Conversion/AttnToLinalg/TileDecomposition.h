//===- TileDecomposition.h - Attend tiles into linalg -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOLINALG_TILEDECOMPOSITION_H
#define ATTN_LIB_CONVERSION_ATTNTOLINALG_TILEDECOMPOSITION_H

#include "ScoreEmitter.h"
#include "attn/Dialect/Attn/Analysis/ScoreRange.h"
#include "attn/Dialect/Attn/IR/Attn.h"

#include "llvm/Support/MathExtras.h"

namespace mlir::attn {

/// Decomposes one attn.attend_tile.
class TileDecomposition {
public:
  TileDecomposition(OpBuilder &builder, AttendTileOp op)
      : b(builder), op(op), loc(op.getLoc()),
        accumulator(getElementTypeOrSelf(op.getAccumulator().getType())),
        emit(builder, loc, accumulator),
        rowsFirst(hasFeaturesLast(accumulatorMap())),
        unit(op.getBinary() ? 1 : llvm::numbers::log2e),
        lazy(op->hasAttr(lazyMaximumAttr)) {}

  SmallVector<Value> run();

private:
  /// The running values.
  struct State {
    Value accumulator, maximum, sum;
  };
  std::pair<State, Value> moveMaximum(Value tileMaximum, double scale);
  State moveIfNeeded(Value tileMaximum, double scale);
  bool startsEmpty();
  Value exceeds(Value tileMaximum, double scale);
  Value emitShift(Value maximum);
  Value isEmpty(OpBuilder &builder, Value maximum);
  Value finiteMaximum(OpBuilder &builder, Value maximum);
  Value anyFiniteMaximum(OpBuilder &builder, Value maximum);
  Value multiply(OpBuilder &builder, Value value, double factor);
  Value scaleBy(Value tensor, Value perQuery);
  Value scaled(Value perQuery, double scale);
  Value power(OpBuilder &builder, Location loc, Value exponent);
  Value weighOnly(OpBuilder &builder, Location loc, Value exponent);
  std::pair<Value, Value> weigh(Value scores, Value sum, Value shift,
                                double scale);
  bool isOneFold(int64_t rows, int64_t keys);
  bool foldsKeys();
  std::pair<Value, Value> weighFolded(Value scores, Value sum, Value shift,
                                      double scale);
  Value pairWeights(Value weights);
  Value takeFirst(Value matrix, unsigned dim, OpFoldResult size);
  Value sumWeights(Value weights, Value sum);
  Value accumulate(Value acc, Value weights);
  Value accumulateExisting(Value acc, Value weights);
  Value accumulateRows(Value acc, Value weights);
  Value accumulatePairs(Value acc, Value weights);
  /// How many rows of queries the tile has.
  int64_t rowCount() {
    return cast<ShapedType>(op.getSum().getType()).getDimSize(0);
  }
  /// Whether weights and values are multiplied in pairs of keys.
  bool multipliesPairs() {
    return usesPairs(op.getQuery(), op.getValue()) &&
           op.getNormalizer() == Normalizer::Softmax;
  }
  /// Whether keys and values are multiplied as they lie, on tile registers.
  bool isUnpacked() {
    return multipliesPairs() && rowsFirst && op->hasAttr(unpackedAttr);
  }
  /// How many rows ahead all steps of the tile, each for its share, fetch keys
  /// and values; 0 for not at all.
  int64_t spreadAhead() {
    return isUnpacked() && !op.getPaddedKeys() ? TileScores::getRowsAhead(op)
                                               : 0;
  }
  SmallVector<Value> runSoftmax(const ScoreEmitter::Scores &tile);
  SmallVector<Value> runPlain(Value weights);
  Value pad(Value matrix, int64_t rows);
  OpFoldResult takePadding();
  Value queriesAsTheyLie();

  AffineMap accumulatorMap() {
    return cast<AffineMapAttr>(op.getIndexingMaps()[3]).getValue();
  }
  AffineMap queryMap() {
    return cast<AffineMapAttr>(op.getIndexingMaps()[0]).getValue();
  }
  Value emptyLike(Value tensor) {
    return tensor::EmptyOp::create(
        b, loc, tensor::getMixedSizes(b, loc, tensor), accumulator);
  }

  OpBuilder &b;
  AttendTileOp op;
  Location loc;
  Type accumulator;
  ScoreEmitter emit;
  /// The accumulator is (rows, features), not (features, rows).
  bool rowsFirst;
  /// Exponents of 2 in one of scores and maximum.
  double unit;
  bool lazy;
  /// What `foldsKeys` says once padding is taken.
  bool folded = false;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOLINALG_TILEDECOMPOSITION_H
