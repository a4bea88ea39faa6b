//===- TileEmission.h - What a mask can do on a rectangle, as IR ----------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_ANALYSIS_TILEEMISSION_H
#define ATTN_LIB_DIALECT_ATTN_ANALYSIS_TILEEMISSION_H

#include "LeafEmission.h"
#include "ScalarBuilder.h"

namespace mlir::attn {

/// Inclusive bounds, i64.
struct Interval {
  Value lower, upper;
};

/// A rectangle: one batch, one head (index values), one tile of queries, keys
/// of an extent; both not empty, except that all keys may be none.
struct Rectangle {
  Value batch, head;
  Interval i, j;
  KeyExtent keys;
};

/// Emits, for one rectangle, whether a disjunction may hold on it.
class TileEmitter {
public:
  TileEmitter(ScalarBuilder s, const MaskModel &model, Expansion &expansion,
              ArrayRef<LeafTable> tables, const TableSizes &sizes,
              ValueRange captures, const Rectangle &rectangle);

  /// Whether `disjunction` may hold for a pair of the rectangle (i1). Where
  /// `settled` (null for nowhere) holds, the answer is not wanted and may be
  /// any.
  Value emitMay(const Disjunction &disjunction, Value settled = {});

  /// Keys j outside of which no pair satisfies `conjunction`, and whether there
  /// may be such a pair.
  std::pair<Value, Interval> emitKeyHull(const Conjunction &conjunction);
  /// Emits what both read; to be called first.
  void prepare(const Disjunction &disjunction);

  /// Whether the premises hold on the rectangle (i1). Of those that it cannot
  /// check, only the decisive ones count; the atoms of others are not used.
  Value emitPremises(const Disjunction &disjunction);

private:
  friend class ConjunctionEmitter;
  void prepareOrder(const LeafTable &table);
  void prepareTerm(unsigned id);
  void prepareNode(unsigned id);
  /// Null where there are no tables.
  const LeafTable *findTable(const Leaf &leaf) const;
  /// The leaf where both i and j are `position`, one of which it reads.
  Value emitLeafAt(const Leaf &leaf, Value position);
  Value emitLeafHere(const Leaf &leaf);
  Value emitLeaf(const Leaf &leaf, Value i, Value j);
  Value emitAllSingle(ArrayRef<LinearForm> forms);
  /// The level of a table that tells of this rectangle.
  const LeafTable::Level &getLevel(const LeafTable &table) const;
  Interval readTable(const LeafTable &table);
  Value readTensor(const LeafTable &table, Value tensor);
  /// The first tile of keys whose entry of `tensor`, which ascends, is `bound`
  /// or greater; `otherwise` where the table does not ascend (index).
  Value searchTiles(const LeafTable &table, Value tensor, Value bound,
                    Value otherwise);
  Value getPlane(const LeafTable &table, unsigned bit, Value position);
  /// Whether `emit`, for some piece of `range`, says so.
  Value emitInPieces(const MaskModel::Split &split, Interval &range,
                     function_ref<Value()> emit);
  Value emitMayInPieces(const Disjunction &disjunction, unsigned split);
  Value emitMayHere(const Disjunction &disjunction);
  Interval getPiece(Interval range, Value offset, Value divisor, Value piece);
  Value emitMayLiteral(Conjunction::Literal literal);
  Value emitMayHold(Interval truth, bool holds);

  ScalarBuilder s;
  const MaskModel &model;
  Expansion &expansion;
  ArrayRef<LeafTable> tables;
  const TableSizes &sizes;
  ValueRange captures;
  Rectangle rectangle;
  /// What does not change between pieces.
  DenseMap<unsigned, Interval> termIntervals;
  DenseMap<unsigned, Interval> nodeIntervals;
  DenseMap<unsigned, Value> signatures;
  /// Whether the values of a table ascend within the tile (i1).
  DenseMap<const LeafTable *, Value> ordered;
  Value settled;
  /// Of this piece: literals that stand for disjunctions.
  std::map<std::pair<unsigned, bool>, Value> disjunctions;
};

/// Over which positions, Dependence::Query or Dependence::Key, a conjunction is
/// to be tried one by one where its intervals leave open whether it holds:
/// where a table meets other conditions, each may hold somewhere, but all of
/// them nowhere. nullopt where intervals tell as much.
std::optional<unsigned> getScanAxis(const MaskModel &model,
                                    const Conjunction &conjunction);

/// Intervals of forms on a rectangle, narrowed to where a conjunction can hold.
class ConjunctionEmitter {
public:
  ConjunctionEmitter(TileEmitter &tile, const Conjunction &conjunction)
      : tile(tile), s(tile.s), model(tile.model), conjunction(conjunction),
        i(tile.rectangle.i), j(tile.rectangle.j) {}

  /// Whether it may hold. Narrows i and j first, where `narrowed` or where that
  /// makes the answer sharper.
  Value emitMay(bool narrowed);
  /// After emitMay, and where `wanted` holds (else false): whether it may hold
  /// at one of the positions of `axis`, tried one by one.
  Value emitScan(unsigned axis, Value wanted);
  std::optional<Interval> getInterval(const LinearForm &form);
  Interval getKeys() const { return j; }

private:
  /// Narrows i and j by each atom in turn.
  void narrow();
  /// Whether all that `form` rests on can be checked on this rectangle.
  bool isChecked(const LinearForm &form);
  std::optional<Interval> getTerm(unsigned id);
  std::optional<Interval> getQuotient(const Term &term);
  std::optional<Interval> getRemainder(const Term &term);
  std::optional<Interval> getProduct(const Term &term);
  std::optional<Interval> getLoad(unsigned id);
  /// The interval of an argument, narrowed by atoms over the same form.
  std::optional<Interval> getArgument(const LinearForm &form);
  /// Narrows i or j to where `form >= bound` can hold.
  void narrowAtLeast(const LinearForm &form, Value bound);
  void narrowTerm(unsigned id, Value bound, bool isLower);
  void narrowBySearch(const LeafTable &table, Value bound, bool isLower);
  void narrowByHalving(const LeafTable &table, Value bound, bool isLower);
  /// The table of a term that can be searched for keys, or null.
  const LeafTable *getSearched(unsigned id) const;
  bool isNarrowable(unsigned id) const;
  Value emitPairChecks();
  Value emitInRange();
  /// Whether all conditions may hold in the ranges of i and j as they are.
  Value emitHolds();
  Value emitMayLiteral(Conjunction::Literal literal);
  Value emitMayAt(Value position, ArrayRef<unsigned> tables);
  const MaskModel::Split *findSplitAcross() const;
  void readTables(ArrayRef<unsigned> tables, bool ofAxis);
  Interval getTableAt(const Leaf &leaf, Interval whole);
  Value isOrdered(const LeafTable &table) const;

  TileEmitter &tile;
  ScalarBuilder &s;
  const MaskModel &model;
  const Conjunction &conjunction;
  /// Those of the conjunction that can be checked here.
  SmallVector<LinearForm> atoms;
  Interval i, j;
  /// Whether tables are searched: once, in the last round.
  bool isLastRound = false;
  /// Of a scan: the side of which one position is tried, and terms that are
  /// tables there.
  unsigned scanAxis = 0;
  DenseMap<unsigned, Interval> scanned;
};

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_ANALYSIS_TILEEMISSION_H
