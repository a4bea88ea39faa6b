//===- AttendTiles.cpp - The tiles of keys that a block visits -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttendKernel.h"

#include "../Arguments/Captures.h"

using namespace mlir;
using namespace mlir::attn;

void AttendKernel::emitKeyBounds() {
  lowerKey = k.integer(0);
  upperKey = keys;
  if (!classifier)
    return takeSplit();
  auto pinned = [&](Value value) { return k.pin(value); };
  bindTables(pinned);
  KeyBounds bounds = classifier->emitKeyBounds(
      k.b, k.loc, k.toIndex(batch), k.toIndex(firstHead), queryRange(firstRow));
  Value lower = k.toI32(bounds.lower);
  lowerKey = k.mul(k.div(lower, plan.keys), plan.keys);
  upperKey = k.toI32(bounds.upper);
  fullKeys = {k.toI32(bounds.fullLower), k.toI32(bounds.fullUpper)};
  bindTables([](Value value) { return value; });
  takeSplit();
}

/// What the classifier reads; `size` is asked for each size of these.
void AttendKernel::bindTables(function_ref<Value(Value)> size) {
  auto sizeOf = [&](unsigned dim) {
    return k.toIndex(size(arguments.sizes[dim]));
  };
  Value heads = k.mul(sizeOf(AttendOp::Hkv), sizeOf(AttendOp::G));
  SmallVector<DeviceValue> tables(arguments.tables);
  for (DeviceValue &table : tables) {
    for (Value &extent : table.tensor.sizes)
      extent = size(extent);
    if (table.number && table.number.getType().isIndex())
      table.number = k.toIndex(size(arith::IndexCastOp::create(
          k.b, k.loc, k.b.getI64Type(), table.number)));
  }
  classifier->bindPrepass({sizeOf(AttendOp::B), heads, sizeOf(AttendOp::I),
                           sizeOf(AttendOp::J), plan.queries, plan.keys},
                          captures, emitCaptures(k, tables));
}

/// The queries of the block, whose rows begin at `first`.
IndexRange AttendKernel::queryRange(Value first) {
  if (plan.foldHeads)
    return {k.toIndex(k.integer(0)), k.toIndex(queries)};
  Value last = k.min(k.add(first, plan.queries), queries);
  return {k.toIndex(first), k.toIndex(last)};
}

/// What the mask does on the tile at `start`, which is before the last
/// reachable key. A tile that reaches beyond the last key is not full.
TileClass AttendKernel::classify(Value start) {
  Value end = k.add(start, plan.keys);
  Value proved = k.both(k.negate(k.less(start, fullKeys.lower)),
                        k.negate(k.less(fullKeys.upper, end)));
  auto both = k.choose(
      proved,
      [&] { return SmallVector<Value>{k.boolean(true), k.boolean(true)}; },
      [&] {
        TileClass tile = classifier->emitClass(
            k.b, k.loc,
            {k.toIndex(batch),
             k.toIndex(firstHead),
             queryRange(k.pin(firstRow)),
             {k.toIndex(start), k.toIndex(k.min(end, keys))}});
        Value whole = k.negate(k.less(keys, end));
        return SmallVector<Value>{tile.may, k.both(tile.must, whole)};
      });
  return {both[0], both[1]};
}

/// The first tile from `from` on that the mask does not leave empty; where
/// there is none it starts at or after the last reachable key.
AttendKernel::KeyTile AttendKernel::findTile(Value from) {
  if (!classifier)
    return {from, k.negate(k.less(keys, k.add(from, plan.keys)))};
  Type types[] = {k.b.getI32Type(), k.b.getI1Type()};
  OpBuilder::InsertionGuard restore(k.b);
  auto search = scf::WhileOp::create(
      k.b, k.loc, types, ValueRange{from},
      [&](OpBuilder &inner, Location loc, ValueRange args) {
        k.b.setInsertionPoint(inner.getInsertionBlock(),
                              inner.getInsertionPoint());
        SmallVector<Value> found = k.choose(
            k.less(args[0], upperKey),
            [&] {
              TileClass tile = classify(args[0]);
              return SmallVector<Value>{k.negate(tile.may), tile.must};
            },
            [&] {
              return SmallVector<Value>{k.boolean(false), k.boolean(false)};
            });
        scf::ConditionOp::create(k.b, loc, found[0],
                                 ValueRange{args[0], found[1]});
      },
      [&](OpBuilder &inner, Location loc, ValueRange args) {
        KernelBuilder step{inner, loc};
        scf::YieldOp::create(inner, loc, step.add(args[0], plan.keys));
      });
  return {search.getResult(0), search.getResult(1)};
}

AttendKernel::State AttendKernel::emitTiles(
    const KeyTile &first, const State &initial, SmallVector<Value> &carried,
    function_ref<KeyTile(const KeyTile &, State &, SmallVector<Value> &)>
        body) {
  SmallVector<Value> values = initial.pack();
  size_t stateSize = values.size();
  llvm::append_range(values, carried);
  llvm::append_range(values, ValueRange{first.start, first.full});
  OpBuilder::InsertionGuard restore(k.b);
  auto loop = scf::WhileOp::create(
      k.b, k.loc, ValueRange(values).getTypes(), values,
      [&](OpBuilder &inner, Location loc, ValueRange args) {
        KernelBuilder test{inner, loc};
        Value start = args[args.size() - 2];
        scf::ConditionOp::create(inner, loc, test.less(start, upperKey), args);
      },
      [&](OpBuilder &inner, Location loc, ValueRange args) {
        k.b.setInsertionPoint(inner.getInsertionBlock(),
                              inner.getInsertionPoint());
        KeyTile tile{args[args.size() - 2], args.back()};
        State state = unpack(args.take_front(stateSize));
        carried = llvm::to_vector(args.drop_front(stateSize).drop_back(2));
        KeyTile next = body(tile, state, carried);
        SmallVector<Value> results = state.pack();
        llvm::append_range(results, carried);
        llvm::append_range(results, ValueRange{next.start, next.full});
        scf::YieldOp::create(k.b, loc, results);
      });
  k.b.setInsertionPointAfter(loop);
  ValueRange results = loop.getResults();
  carried = llvm::to_vector(results.drop_front(stateSize).drop_back(2));
  return unpack(results.take_front(stateSize));
}
