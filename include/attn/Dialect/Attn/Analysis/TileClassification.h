//===- TileClassification.h - What a mask does on tiles, as IR --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_ANALYSIS_TILECLASSIFICATION_H
#define ATTN_DIALECT_ATTN_ANALYSIS_TILECLASSIFICATION_H

#include "attn/Dialect/Attn/Analysis/CaptureFacts.h"
#include "mlir/IR/Region.h"
#include <memory>

namespace mlir::attn {

/// The integers [lower, upper); both of type index.
struct IndexRange {
  Value lower, upper;
};

/// The pairs of one batch `b` and the heads of a tile from `h` on (both of type
/// index) with i and j in ranges. Both ranges lie inside of the whole and are
/// not empty.
struct TileRectangle {
  Value b, h;
  IndexRange i, j;
};

/// Whether some pair of a rectangle may be kept, and whether all pairs must be:
/// i1 values. Not `may`: the tile is empty. `must`: it is full. Both answers
/// are sound for every input; where neither holds, the tile is partial, or the
/// analysis gave up.
struct TileClass {
  Value may, must;
};

/// Keys that the queries of one tile can reach, of type index. Outside of
/// [lower, upper) no pair is kept; inside of [fullLower, fullUpper) all are.
/// 0 <= lower <= fullLower <= fullUpper <= upper <= N.
struct KeyBounds {
  Value lower, upper, fullLower, fullUpper;
};

/// The sizes that masks and tiles refer to. Values are of type index; a tile
/// starts at a multiple of its size, the last one may be smaller.
struct MaskDomain {
  Value batches, heads, queries, keys;
  int64_t tileQueries, tileKeys;
  /// Query heads of a tile.
  int64_t tileHeads = 1;
};

/// An operation at which the analysis gave up, and why.
struct AnalysisNote {
  Operation *op;
  std::string reason;
};

/// Evaluates a mask region abstractly over tiles: emits IR, on scalars and
/// tensors, that says what the mask does on a rectangle.
class TileClassifier {
public:
  /// Analyses `mask`, a region over (b, h, i, j, captures...) that yields an
  /// i1. The region must outlive the classifier and is not changed. `queries`
  /// and `keys` are the sizes where these are known, or ShapedType::kDynamic.
  /// `facts` are those of the captures, or none.
  TileClassifier(Region &mask, int64_t queries = ShapedType::kDynamic,
                 int64_t keys = ShapedType::kDynamic,
                 ArrayRef<CaptureFacts> facts = {});
  ~TileClassifier();

  /// The mask is the same for all pairs of every input.
  bool isAlwaysTrue() const;
  bool isAlwaysFalse() const;

  /// Emits, once and before the loops over tiles, the tables of subexpressions
  /// of i alone and of j alone: O(M + N) time, O((M + N) / tile) memory, times
  /// the batches and heads that these depend on. `captures` stand for the
  /// region's arguments from the fifth on.
  void emitPrepass(OpBuilder &builder, Location loc, const MaskDomain &domain,
                   ValueRange captures);

  /// In place of emitPrepass, where no table can be made: what only a table
  /// tells is then unknown, and tiles that hang on it are partial.
  void skipPrepass(const MaskDomain &domain, ValueRange captures);

  /// What emitPrepass made for emitClass and emitKeyBounds: tensors, booleans
  /// and indices, in a fixed order.
  SmallVector<Value> getPrepassValues() const;

  /// Where tiles are classified elsewhere than emitPrepass was called, in a
  /// kernel: what stands there for its arguments and for getPrepassValues.
  /// emitBlockMay has no tables then.
  void bindPrepass(const MaskDomain &domain, ValueRange captures,
                   ValueRange values);

  /// Classifies a rectangle that is one tile (or the ragged last one). To be
  /// called after emitPrepass, where its results dominate the builder.
  TileClass emitClass(OpBuilder &builder, Location loc,
                      const TileRectangle &tile);

  /// Whether tiles between the bounds of emitKeyBounds can be empty: it pays to
  /// ask for blocks of tiles first.
  bool mayLeaveGaps() const;

  /// Tiles of keys in a block; blocks start at multiples of it.
  static constexpr int64_t tilesPerBlock = 16;

  /// Whether some pair of one tile of queries and one block of keys (which the
  /// end of the keys may cut) may be kept (i1). To be called as emitClass is.
  Value emitBlockMay(OpBuilder &builder, Location loc,
                     const TileRectangle &block);

  /// Bounds the keys for one tile of queries, of its heads from `h` on. To be
  /// called as emitClass is.
  KeyBounds emitKeyBounds(OpBuilder &builder, Location loc, Value b, Value h,
                          IndexRange queries);

  /// How many conditions, such as that sums do not wrap, are checked per tile.
  unsigned countPremises() const;

  /// What the mask keeps, in words of i, j, b, h and the captures, whose names
  /// are given: `j <= i and ids[i] == ids[j]`; in several lines where it is
  /// longer than `width`.
  std::string describe(ArrayRef<std::string> captureNames, size_t width) const;

  /// Where the analysis gave up, each operation once.
  ArrayRef<AnalysisNote> getNotes() const;
  /// Remarks each note at its op, in the name of a pass.
  void remarkNotes(StringRef category) const;

private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation;
};

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_ANALYSIS_TILECLASSIFICATION_H
