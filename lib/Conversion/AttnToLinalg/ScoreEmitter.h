//===- ScoreEmitter.h - The scores of a tile as linalg -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOLINALG_SCOREEMITTER_H
#define ATTN_LIB_CONVERSION_ATTNTOLINALG_SCOREEMITTER_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/AttributeNames.h"
#include "attn/Dialect/Attn/Transforms/TilePlan.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::attn {

/// A matrix that an op fetches meanwhile, so many rows ahead, in equal shares
/// by its steps; null for none.
struct SpreadFetch {
  Value rows;
  int64_t ahead = 0;
};

/// What attn.attend_tile and attn.score_tile have in common.
struct TileScores {
  Compatibility compatibility;
  Normalizer normalizer;
  Value query, key, featureWeight;
  ValueRange captures;
  PairIndices first; ///< Batch, head, first query, first key.
  AffineMap queryMap, keyMap;
  double scale;
  Region *score;
  Region *mask;
  Value partial; ///< Where the mask has to run; null for everywhere.
  int64_t ahead; ///< How many rows ahead keys are fetched; 0 for not at all.
  /// How many of the keys exist, of which the others are padding; null for all.
  OpFoldResult existing = {};
  /// Whether keys are a whole tile, of which some may be padding: products of
  /// such tiles find no maximum on their way.
  bool isPadded = false;
  /// Rows of values, a feature after another, that may be fetched while scores
  /// of their keys are computed; null for none.
  Value value = {};
  /// Rows of queries, a feature after another, those `ahead` of which a product
  /// fetches that runs once for them; null for none.
  Value queries = {};
  /// What the product fetches in equal shares by its steps, in place of keys
  /// `ahead` of those that each reads.
  std::optional<SpreadFetch> fetch = {};

  template <typename OpTy>
  static TileScores get(OpTy op) {
    auto map = [&](unsigned index) {
      return cast<AffineMapAttr>(op.getIndexingMaps()[index]).getValue();
    };
    return {op.getCompatibility(),
            op.getNormalizer(),
            op.getQuery(),
            op.getKey(),
            op.getFeatureWeight(),
            op.getCaptures(),
            {op.getB(), op.getH(), op.getI(), op.getJ()},
            map(0),
            map(1),
            op.getScale().convertToDouble(),
            &op.getScore(),
            &op.getMask(),
            getPartial(op),
            getRowsAhead(op)};
  }

  /// How many rows ahead the keys and values of a tile are fetched.
  static int64_t getRowsAhead(Operation *op) {
    auto rows = op->getAttrOfType<IntegerAttr>(rowsAheadAttr);
    return rows ? rows.getInt() : 0;
  }

private:
  static Value getPartial(AttendTileOp op) { return op.getPartial(); }
  static Value getPartial(ScoreTileOp) { return {}; }
};

/// An upper bound of a size where one can be proved.
std::optional<int64_t> upperBound(OpFoldResult size);

/// Whether the tile's queries came in the type of its keys, bf16, to be
/// multiplied in pairs.
bool usesPairs(Value query, Value key);

/// Dimensions of the iteration space of a tile op.
enum TileDim { TileI, TileJ, TileD, TileE, NumTileDims };

/// Whether the last dimension of an operand is one of features: these lie along
/// vector lanes then.
inline bool hasFeaturesLast(AffineMap map) {
  unsigned last = cast<AffineDimExpr>(map.getResults().back()).getPosition();
  return last == TileD || last == TileE;
}

/// Marks `input` of what defines `result` as fetched `ahead` rows ahead, 0 for
/// not at all.
Value streamed(Value result, int64_t ahead, int64_t input = 0);

/// Which of `inputs`, each with its map, is to be streamed where the first one
/// is `operand`, or is made of it: then `operand` joins them, so that it comes
/// while its predecessors are multiplied.
int64_t addStreamed(SmallVectorImpl<Value> &inputs,
                    SmallVectorImpl<AffineMap> &maps, Value operand,
                    int64_t ahead);

/// Emits linalg on tensors for pieces of a tile.
class ScoreEmitter {
public:
  ScoreEmitter(OpBuilder &builder, Location loc, Type accumulator)
      : b(builder), loc(loc), accumulator(accumulator) {}

  using Body =
      function_ref<SmallVector<Value>(OpBuilder &, Location, ValueRange)>;
  /// One linalg.generic; `reductions` says which dimensions are reduced.
  SmallVector<Value> generic(ValueRange inputs, ValueRange inits,
                             ArrayRef<AffineMap> maps,
                             ArrayRef<bool> reductions, Body body);

  /// A static vector or matrix as a matrix of `columns`, element by element.
  Value reshape(Value tensor, int64_t columns);
  /// Columns of a matrix whose rows have several keys of few queries each:
  /// enough vectors to hide latencies, and four to some power keys.
  static int64_t getJoinedColumns(int64_t queries) {
    return llvm::isPowerOf2_64(queries) ? mostFolded : 16 * queries;
  }
  /// The same for so many keys, all of which are a row where they are few.
  static int64_t getJoinedColumns(int64_t queries, int64_t keys) {
    int64_t all = queries * keys;
    return all <= mostFolded ? all : std::min(getJoinedColumns(queries), all);
  }
  /// Elements of a matrix whose rows are combined at once, in registers.
  static constexpr int64_t mostFolded = 64;
  /// A matrix of `columns` of a vector of so many joined ones: `combine` makes
  /// the four rows of a matrix a vector of the given size, as often as there
  /// are more rows.
  Value quarter(Value perColumn, int64_t columns,
                function_ref<Value(Value, int64_t)> combine);

  /// The same, which fetches meanwhile. The body's arguments for `inits` are
  /// the last ones; one that it has no use for stands before.
  SmallVector<Value> genericFetching(SpreadFetch fetch, ValueRange inputs,
                                     ValueRange inits, ArrayRef<AffineMap> maps,
                                     ArrayRef<bool> reductions, Body body);
  /// The upper and the lower rows of a matrix of static shape, so many rows
  /// ahead; nothing for 0.
  std::pair<SpreadFetch, SpreadFetch> halves(Value matrix, int64_t ahead);

  /// `operand` in the accumulator type, in scratch of static size where its
  /// sizes are bounded. `ahead`: how many rows before they are read they are
  /// fetched, 0 for not at all.
  Value widen(Value operand, int64_t ahead = 0);

  /// How many rows ahead the widening of `operand` is to fetch: 0 where the
  /// products do that, which have time for it unless there are many rows,
  /// dimension `rowDim` of `sums`.
  int64_t fetchedWidening(Value operand, unsigned rowDim, Value sums,
                          int64_t ahead);

  /// Uninitialised (rows, columns), a slice of scratch of static size where
  /// `rows` is bounded.
  Value scratch(OpFoldResult rows, OpFoldResult columns);

  /// Uninitialised pairs of `rows` rows: (rows / 2 rounded up, columns, 2), of
  /// bf16. The partner of an odd last row is zero.
  Value pairScratch(OpFoldResult rows, OpFoldResult columns);
  /// A matrix of an even number of columns as (row, pair of columns, number in
  /// the pair).
  Value splitPairs(Value matrix);
  /// The rows of a matrix of bf16 as such pairs.
  Value pairRows(Value matrix, int64_t ahead = 0, SpreadFetch fetch = {});
  /// (pair of rows, column, number in the pair) as (column, pair, number).
  Value turnPairs(Value pairs);
  /// From (row, column) to a pair's element.
  AffineMap pairMap();
  /// sum over the pairs p of rows: lhs[p, i, 0] * rhs[p, j, 0] + lhs[p, i, 1] *
  /// rhs[p, j, 1], added to `init`, in the accumulator type. The maps are over
  /// (i, j, p, number in the pair), or (i, j, row).
  Value multiplyPairs(Value lhs, AffineMap lhsMap, Value rhs, AffineMap rhsMap,
                      Value init, SpreadFetch fetch = {});

  /// Scores (keys, queries) of the tile, their maximum over keys (-inf for no
  /// keys) if it was asked for, and what both still have to be multiplied by:
  /// the scale where nothing else depends on it.
  struct Scores {
    Value scores, maximum;
    double pendingScale;
  };
  /// `init` and `maximum` are written over; null for no maximum.
  Scores emitScores(const TileScores &tile, Value init, Value maximum);
  /// The scores, scaled, without a maximum.
  Value emitScaledScores(const TileScores &tile, Value init);

  Value constant(double value);
  AffineMap map(unsigned numDims, ArrayRef<unsigned> dims) {
    return AffineMap::getMultiDimMapWithTargets(numDims, dims, b.getContext());
  }
  /// How `numDims` loops index a matrix that is only fetched.
  AffineMap noneOf(unsigned numDims) {
    return AffineMap::get(
        numDims, 0, SmallVector<AffineExpr>(2, b.getAffineConstantExpr(0)),
        b.getContext());
  }

private:
  Value contract(const TileScores &tile, Value init);
  Value pairQueries(Value query);
  Value contractPairs(const TileScores &tile, Value init);
  Value maximumOf(Value scores, Value init);
  Value maximumInParts(Value scores, Value init);
  Value maximumOfTile(const TileScores &tile, Value scores, Value init);
  Value removePadding(const TileScores &tile, Value scores);
  Value applyRegions(const TileScores &tile, bool masked, double scale,
                     Value scores);

  OpBuilder &b;
  Location loc;
  Type accumulator;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOLINALG_SCOREEMITTER_H
