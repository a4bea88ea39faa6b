//===- AttendWarpgroups.cpp - Tiles of keys by warpgroups -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One warpgroup copies keys and values, the others compute. Each buffer has two
// barriers: copies of it have arrived, those who compute are done with it. Both
// sides walk the same tiles; the n-th use of a buffer waits for phase n of the
// one and n - 1 of the other.
//
//===----------------------------------------------------------------------===//

#include "AttendKernel.h"

using namespace mlir;
using namespace mlir::attn;

/// Registers of a thread that copies and of one that computes: multiples of 8.
/// A block of three warpgroups begins with 168 for each thread.
static constexpr int64_t copyingRegisters = 88, computingRegisters = 208;

/// The barrier for computing threads before they write results.
static constexpr int64_t resultBarrier = 1;

namespace {
/// Barriers by their place, one for each of two buffers.
enum BarrierPlace {
  KeysArrived,
  KeysDone = 2,
  ValuesArrived = 4,
  ValuesDone = 6
};
} // namespace

Value AttendKernel::barrier(int64_t first, Value buffer) {
  Value place = k.add(k.mul(buffer, 8), plan.barrierBase() + first * 8);
  return k.gep(memory, k.b.getI8Type(), place);
}

void AttendKernel::emitWarpgroups() {
  Value isFirst = arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::eq,
                                        thread, k.integer(0));
  int64_t warps = plan.queries / warpRows;
  k.when(isFirst, [&] {
    for (int64_t buffer : {0, 1}) {
      Value number = k.integer(buffer);
      warpgroups.initBarrier(barrier(KeysArrived, number), warpgroupSize);
      warpgroups.initBarrier(barrier(ValuesArrived, number), warpgroupSize);
      warpgroups.initBarrier(barrier(KeysDone, number), warps);
      warpgroups.initBarrier(barrier(ValuesDone, number), warps);
    }
  });
  k.syncBlock();
  Value computes = k.less(thread, k.integer(plan.computingThreads()));
  auto choice =
      scf::IfOp::create(k.b, k.loc, computes, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard restore(k.b);
  k.b.setInsertionPoint(choice.thenYield());
  warpgroups.setRegisters(computingRegisters, /*more=*/true);
  emitResults(emitComputation());
  k.b.setInsertionPoint(choice.elseYield());
  warpgroups.setRegisters(copyingRegisters, /*more=*/false);
  emitCopies();
}

/// Which of two buffers the n-th tile uses, and the parity of that use.
std::pair<Value, Value> AttendKernel::bufferOf(Value number) {
  return {k.bitAnd(number, 1), k.bitAnd(k.div(number, 2), 1)};
}

/// A group of copies is announced once the next one is under way; queries are
/// in the first one, of keys.
void AttendKernel::emitCopies() {
  thread = k.sub(thread, k.integer(plan.computingThreads()));
  auto await = [&](int64_t pending) {
    NVVM::CpAsyncWaitGroupOp::create(k.b, k.loc, pending);
    warpgroups.fenceShared();
  };
  Value zero = k.integer(0);
  copyQueries();
  SmallVector<Value> carried{findTile(lowerKey).start, zero};
  OpBuilder::InsertionGuard restore(k.b);
  auto loop = scf::WhileOp::create(
      k.b, k.loc, ValueRange(carried).getTypes(), carried,
      [&](OpBuilder &inner, Location loc, ValueRange args) {
        KernelBuilder test{inner, loc};
        scf::ConditionOp::create(inner, loc, test.less(args[0], upperKey),
                                 args);
      },
      [&](OpBuilder &inner, Location loc, ValueRange args) {
        k.b.setInsertionPoint(inner.getInsertionBlock(),
                              inner.getInsertionPoint());
        KeyTile tile{args[0], Value()};
        auto [buffer, parity] = bufferOf(args[1]);
        Value free = k.bitXor(parity, k.integer(1));
        warpgroups.waitForPhase(barrier(KeysDone, buffer), free);
        copyKeys(plan.key, plan.keyBase(), arguments.key, keyPointer, tile,
                 buffer);
        await(1);
        k.when(k.less(zero, args[1]), [&] {
          warpgroups.arrive(
              barrier(ValuesArrived, k.bitXor(buffer, k.integer(1))));
        });
        warpgroups.waitForPhase(barrier(ValuesDone, buffer), free);
        copyKeys(plan.value, plan.valueBase(), arguments.value, valuePointer,
                 tile, buffer);
        await(1);
        warpgroups.arrive(barrier(KeysArrived, buffer));
        KeyTile next = findTile(k.add(tile.start, plan.keys));
        scf::YieldOp::create(k.b, loc,
                             ValueRange{next.start, k.add(args[1], 1)});
      });
  k.b.setInsertionPointAfter(loop);
  await(0);
  Value last = k.sub(loop.getResult(1), k.integer(1));
  warpgroups.arrive(barrier(ValuesArrived, k.bitAnd(last, 1)));
}

/// Of each warp one lane says that all are done.
void AttendKernel::release(Value address) {
  Value isFirst = arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::eq,
                                        lane, k.integer(0));
  k.when(isFirst, [&] { warpgroups.arrive(address); });
}

AttendKernel::State AttendKernel::emitComputation() {
  Value row = k.mul(k.div(thread, warpgroupSize), warpgroupRows);
  return emitTiles(findTile(lowerKey), k.integer(0),
                   [&](const KeyTile &tile, Value &number, State &state) {
                     auto [buffer, parity] = bufferOf(number);
                     SmallVector<Value> weights =
                         multiplyKeys(row, buffer, parity);
                     KeyTile next = findTile(k.add(tile.start, plan.keys));
                     applyRegions(weights, tile);
                     state = normalize(state, weights);
                     addValuesByWarpgroup(state, weights, buffer, parity);
                     number = k.add(number, 1);
                     return next;
                   });
}

/// query * key, not scaled, of 64 queries from `row` on.
SmallVector<Value> AttendKernel::multiplyKeys(Value row, Value buffer,
                                              Value parity) {
  warpgroups.waitForPhase(barrier(KeysArrived, buffer), parity);
  warpgroups.fence();
  SmallVector<Value> scores =
      warpgroups.multiply(sharedTile(plan.query, 0), row,
                          sharedTile(plan.key, plan.keyBase(), buffer));
  warpgroups.commit();
  warpgroups.await(0, scores);
  release(barrier(KeysDone, buffer));
  return scores;
}

void AttendKernel::addValuesByWarpgroup(State &state, ArrayRef<Value> weights,
                                        Value buffer, Value parity) {
  SmallVector<SmallVector<Value>> parts;
  for (size_t first = 0; first < weights.size(); first += 8) {
    Factor left =
        matrices.toLeft(weights.slice(first, 8), /*exact=*/!isSoftmax());
    parts.resize(1 + left.low.size() / 4);
    llvm::append_range(parts[0], left.high);
    for (size_t part = 1; part < parts.size(); ++part)
      llvm::append_range(parts[part],
                         ArrayRef(left.low).slice(4 * (part - 1), 4));
  }
  warpgroups.waitForPhase(barrier(ValuesArrived, buffer), parity);
  warpgroups.fence();
  for (ArrayRef<Value> left : llvm::reverse(parts))
    warpgroups.multiplyAdd(left,
                           sharedTile(plan.value, plan.valueBase(), buffer),
                           state.accumulator);
  warpgroups.commit();
  warpgroups.await(0, state.accumulator);
  release(barrier(ValuesDone, buffer));
}

/// No warp reads the queries any more, in whose place results go.
void AttendKernel::syncComputation() {
  if (plan.warpgroups)
    return warpgroups.syncThreads(resultBarrier, plan.computingThreads());
  NVVM::CpAsyncWaitGroupOp::create(k.b, k.loc, 0);
  k.syncBlock();
}
