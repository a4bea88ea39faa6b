//===- TableLevels.cpp - Tables over blocks of tiles and all keys ---------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LeafEmission.h"
#include "ScalarBuilder.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Reduces the tiles of one table.
class Coarsening {
public:
  Coarsening(OpBuilder &builder, Location loc, const LeafTable &table,
             const TableSizes &sizes)
      : s{builder, loc}, table(table) {
    unsigned bits = table.leaf.dependence;
    batches = bits & Dependence::Batch ? sizes.batches : index(1);
    heads = bits & Dependence::Head ? sizes.heads : index(1);
    tiles = ceilDiv(sizes.keys, index(sizes.tileKeys));
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
      into.push_back(makeEmpty(entries));
    SmallVector<Value> result =
        fill(entries, into, [&](ValueRange at) -> SmallVector<Value> {
          Value first = multiply(at[2], count);
          Value last = s.builder.createOrFold<arith::MinSIOp>(
              s.loc, add(first, count), tiles);
          return loop(first, last, neutral,
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
    Value count = index(TileClassifier::tilesPerBlock);
    return reduce(ceilDiv(tiles, count), count);
  }

  LeafTable::Level reduceToAll() { return reduce(index(1), tiles); }

  /// Whether minima and maxima never fall from one tile to the next.
  Value emitAscends() {
    Value one = index(1);
    const LeafTable::Level &fine = table.levels[TileOfKeys];
    return fill(one, makeEmpty(one), [&](ValueRange at) -> SmallVector<Value> {
      SmallVector<Value> holds = loop(
          one, tiles, s.boolean(true), [&](Value tile, ValueRange running) {
            Value before =
                s.builder.createOrFold<arith::SubIOp>(s.loc, tile, one);
            Value all = running[0];
            for (Value tensor : {fine.minimum, fine.maximum})
              all =
                  s.both(all, s.atMost(extract(tensor, {at[0], at[1], before}),
                                       extract(tensor, {at[0], at[1], tile})));
            return SmallVector<Value>{all};
          });
      return {s.toInteger(holds[0])};
    })[0];
  }

  /// The number of binary digits of the number of tiles.
  Value emitSearchSteps() {
    SmallVector<Value> steps =
        loop(index(0), index(48), index(0), [&](Value bit, ValueRange running) {
          Value power = arith::ShLIOp::create(s.builder, s.loc, index(1), bit);
          Value counts = s.compare(arith::CmpIPredicate::ule, power, tiles);
          Value next = add(running[0], index(1));
          return SmallVector<Value>{s.select(counts, next, running[0])};
        });
    return steps[0];
  }

  Value getTiles() const { return tiles; }

private:
  using Body = function_ref<SmallVector<Value>(Value, ValueRange)>;

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(s.builder, s.loc, value);
  }
  Value add(Value lhs, Value rhs) {
    return s.builder.createOrFold<arith::AddIOp>(s.loc, lhs, rhs);
  }
  Value multiply(Value lhs, Value rhs) {
    return s.builder.createOrFold<arith::MulIOp>(s.loc, lhs, rhs);
  }
  Value ceilDiv(Value lhs, Value rhs) {
    return s.builder.createOrFold<arith::CeilDivUIOp>(s.loc, lhs, rhs);
  }
  Value makeEmpty(Value entries) {
    return tensor::EmptyOp::create(
        s.builder, s.loc, ArrayRef<OpFoldResult>{batches, heads, entries},
        s.builder.getI64Type());
  }
  Value extract(Value tensor, ValueRange at) {
    return tensor::ExtractOp::create(s.builder, s.loc, tensor, at);
  }
  Value combine(unsigned part, Value lhs, Value rhs) {
    if (part == 2)
      return s.either(lhs, rhs);
    return part == 0 ? s.min(lhs, rhs) : s.max(lhs, rhs);
  }

  SmallVector<Value> loop(Value lower, Value upper, ValueRange carried,
                          Body body) {
    auto loop = scf::ForOp::create(
        s.builder, s.loc, lower, upper, index(1), carried,
        [&](OpBuilder &, Location loc, Value position, ValueRange arguments) {
          scf::YieldOp::create(s.builder, loc, body(position, arguments));
        });
    return loop.getResults();
  }

  /// Fills `tensors` at every batch, head and entry with what `compute` gives.
  SmallVector<Value>
  fill(Value entries, ValueRange tensors,
       function_ref<SmallVector<Value>(ValueRange)> compute) {
    Value zero = index(0);
    return loop(zero, batches, tensors, [&](Value batch, ValueRange outer) {
      return loop(zero, heads, outer, [&](Value head, ValueRange middle) {
        return loop(zero, entries, middle, [&](Value entry, ValueRange inner) {
          SmallVector<Value> at{batch, head, entry}, results;
          for (auto [value, tensor] : llvm::zip_equal(compute(at), inner))
            results.push_back(
                tensor::InsertOp::create(s.builder, s.loc, value, tensor, at));
          return results;
        });
      });
    });
  }

  ScalarBuilder s;
  const LeafTable &table;
  Value batches, heads, tiles;
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
