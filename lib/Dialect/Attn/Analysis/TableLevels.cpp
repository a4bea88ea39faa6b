//===- TableLevels.cpp - Tables over blocks of tiles and all keys ---------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LeafEmission.h"
#include "TableBuilder.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Reduces the tiles of one table.
class Coarsening {
public:
  Coarsening(OpBuilder &builder, Location loc, const LeafTable &table,
             const TableSizes &sizes)
      : s(builder, loc, table.leaf, sizes), table(table) {
    tiles = s.ceilDiv(sizes.keys, s.index(sizes.tileKeys));
  }

  /// Entries of `count` tiles each.
  LeafTable::Level reduce(Value entries, Value count) {
    const LeafTable::Level &fine = table.levels[TileOfKeys];
    SmallVector<Value> from{fine.minimum, fine.maximum};
    SmallVector<Value> neutral{s.integer(std::numeric_limits<int64_t>::max()),
                               s.integer(std::numeric_limits<int64_t>::min())};
    if (fine.signature) {
      from.push_back(fine.signature);
      neutral.push_back(s.integer(0));
    }
    SmallVector<Value> into;
    for (size_t part = 0; part < from.size(); ++part)
      into.push_back(s.makeEmpty(entries));
    SmallVector<Value> result =
        s.fill(entries, into, [&](ValueRange at) -> SmallVector<Value> {
          Value first = s.mul(at[2], count);
          Value last = s.min(s.add(first, count), tiles);
          return s.loop(first, last, neutral,
                        [&](Value tile, ValueRange running) {
                          SmallVector<Value> next;
                          for (auto [part, tensor] : llvm::enumerate(from))
                            next.push_back(
                                combine(part, running[part],
                                        extract(tensor, {at[0], at[1], tile})));
                          return next;
                        });
        });
    return {result[0], result[1], fine.signature ? result[2] : Value()};
  }

  LeafTable::Level reduceToBlocks() {
    Value count = s.index(TileClassifier::tilesPerBlock);
    return reduce(s.ceilDiv(tiles, count), count);
  }

  LeafTable::Level reduceToAll() { return reduce(s.index(1), tiles); }

  /// Whether minima and maxima never fall from one tile to the next.
  Value emitAscends() {
    Value one = s.index(1);
    const LeafTable::Level &fine = table.levels[TileOfKeys];
    return s.fill(
        one, s.makeEmpty(one), [&](ValueRange at) -> SmallVector<Value> {
          SmallVector<Value> holds = s.loop(
              one, tiles, s.boolean(true), [&](Value tile, ValueRange running) {
                Value before = s.sub(tile, one);
                Value all = running[0];
                for (Value tensor : {fine.minimum, fine.maximum})
                  all = s.both(all,
                               s.atMost(extract(tensor, {at[0], at[1], before}),
                                        extract(tensor, {at[0], at[1], tile})));
                return SmallVector<Value>{all};
              });
          return {s.toInteger(holds[0])};
        })[0];
  }

  /// The number of binary digits of the number of tiles.
  Value emitSearchSteps() {
    SmallVector<Value> steps =
        s.loop(s.index(0), s.index(48), s.index(0),
               [&](Value bit, ValueRange running) {
                 Value power =
                     arith::ShLIOp::create(s.builder, s.loc, s.index(1), bit);
                 Value counts =
                     s.compare(arith::CmpIPredicate::ule, power, tiles);
                 Value next = s.add(running[0], s.index(1));
                 return SmallVector<Value>{s.select(counts, next, running[0])};
               });
    return steps[0];
  }

  Value getTiles() const { return tiles; }

private:
  Value extract(Value tensor, ValueRange at) {
    return tensor::ExtractOp::create(s.builder, s.loc, tensor, at);
  }
  Value combine(unsigned part, Value lhs, Value rhs) {
    if (part == 2)
      return s.either(lhs, rhs);
    return part == 0 ? s.min(lhs, rhs) : s.max(lhs, rhs);
  }

  TableBuilder s;
  const LeafTable &table;
  Value tiles;
};
} // namespace

void attn::emitCoarserLevels(OpBuilder &builder, Location loc, LeafTable &table,
                             const TableSizes &sizes) {
  Coarsening coarsening(builder, loc, table, sizes);
  table.levels[BlockOfKeys] = coarsening.reduceToBlocks();
  table.levels[AllKeys] = coarsening.reduceToAll();
  if (!table.ascends)
    table.ascends = coarsening.emitAscends();
  table.tiles = coarsening.getTiles();
  table.searchSteps = coarsening.emitSearchSteps();
}
