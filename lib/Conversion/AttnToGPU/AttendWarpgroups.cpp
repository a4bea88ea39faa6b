//===- AttendWarpgroups.cpp - Tiles of keys by warpgroups -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One warpgroup copies keys and values, the others compute. Step n copies and
// multiplies the keys of the n-th tile and the values of the one before it.
// Each of two buffers has two barriers: copies of a step have arrived, those
// who compute are done with it. Both sides walk the same tiles; the n-th use of
// a buffer waits for phase n of the one and n - 1 of the other.
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

/// The barriers, one for each warpgroup, for its turn to multiply.
static constexpr int64_t turnBarrier = 2;

namespace {
/// Barriers by their place, one for each of two buffers.
enum BarrierPlace { StepArrived, StepDone = 2 };
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
      warpgroups.initBarrier(barrier(StepArrived, number), warpgroupSize);
      warpgroups.initBarrier(barrier(StepDone, number), warps);
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

/// Which of two buffers the keys of the n-th step use, and the parity of that
/// use.
std::pair<Value, Value> AttendKernel::bufferOf(Value number) {
  return {k.bitAnd(number, 1), k.bitAnd(k.div(number, 2), 1)};
}

/// A step is announced once the copies of the next one are under way; queries
/// are in the first one.
void AttendKernel::emitCopies() {
  thread = k.sub(thread, k.integer(plan.computingThreads()));
  auto announce = [&](Value step, int64_t pending) {
    NVVM::CpAsyncWaitGroupOp::create(k.b, k.loc, pending);
    warpgroups.fenceShared();
    warpgroups.arrive(barrier(StepArrived, bufferOf(step).first));
  };
  Value zero = k.integer(0), one = k.integer(1);
  copyQueries();
  // A tile that starts at the last reachable key has nothing to copy.
  SmallVector<Value> carried{findTile(lowerKey).start, upperKey, zero};
  OpBuilder::InsertionGuard restore(k.b);
  auto loop = scf::WhileOp::create(
      k.b, k.loc, ValueRange(carried).getTypes(), carried,
      [&](OpBuilder &inner, Location loc, ValueRange args) {
        KernelBuilder test{inner, loc};
        Value either = test.min(args[0], args[1]);
        scf::ConditionOp::create(inner, loc, test.less(either, upperKey), args);
      },
      [&](OpBuilder &inner, Location loc, ValueRange args) {
        k.b.setInsertionPoint(inner.getInsertionBlock(),
                              inner.getInsertionPoint());
        KeyTile tile{args[0], Value()}, before{args[1], Value()};
        Value step = args[2];
        auto buffers = bufferOf(step);
        Value buffer = buffers.first;
        warpgroups.waitForPhase(barrier(StepDone, buffer),
                                k.bitXor(buffers.second, one));
        copyKeys(plan.key, plan.keyBase(), arguments.key, keyPointer, tile,
                 buffer);
        copyKeys(plan.value, plan.valueBase(), arguments.value, valuePointer,
                 before, k.bitXor(buffer, one));
        k.when(k.less(zero, step), [&] { announce(k.sub(step, one), 2); });
        KeyTile next = findTile(k.add(tile.start, plan.keys));
        scf::YieldOp::create(
            k.b, loc, ValueRange{next.start, tile.start, k.add(step, one)});
      });
  k.b.setInsertionPointAfter(loop);
  announce(k.sub(loop.getResult(2), one), 0);
}

/// Of each warp one lane says that all are done.
void AttendKernel::release(Value address) {
  Value isFirst = arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::eq,
                                        lane, k.integer(0));
  k.when(isFirst, [&] { warpgroups.arrive(address); });
}

AttendKernel::State AttendKernel::emitComputation() {
  KeyTile first = findTile(lowerKey);
  return unpack(k.choose(
      k.less(first.start, upperKey), [&] { return computeTiles(first).pack(); },
      [&] { return initialState().pack(); }));
}

/// While values are added under the weights of a tile, the scores of the next
/// one are normalized: products of both are under way at once. The two
/// warpgroups take turns, so that one multiplies while the other normalizes.
AttendKernel::State AttendKernel::computeTiles(const KeyTile &first) {
  Value zero = k.integer(0), one = k.integer(1);
  Value isSecond = k.negate(k.less(thread, k.integer(warpgroupSize)));
  k.when(isSecond, [&] { passTurn(); });
  awaitStep(zero);
  takeTurn();
  SmallVector<Value> scores = multiplyKeys(zero);
  passTurn();
  warpgroups.await(0, scores);
  release(barrier(StepDone, zero));
  KeyTile second = findTile(k.add(first.start, plan.keys));
  applyRegions(scores, first);
  State state = initialState();
  normalize(state, scores);

  SmallVector<Value> carried = toLeft(scores);
  carried.push_back(one);
  state = emitTiles(
      second, state, carried,
      [&](const KeyTile &tile, State &state, SmallVector<Value> &carried) {
        Value step = carried.pop_back_val();
        awaitStep(step);
        takeTurn();
        SmallVector<Value> scores = multiplyKeys(step);
        addValuesOfStep(state, carried, step);
        passTurn();
        warpgroups.await(1, scores);
        KeyTile next = findTile(k.add(tile.start, plan.keys));
        applyRegions(scores, tile);
        SmallVector<Value> factors = normalize(state, scores);
        // Weights are not rounded earlier: their registers are operands of what
        // is under way.
        SmallVector<Value> both = state.accumulator;
        llvm::append_range(both, scores);
        warpgroups.await(0, both);
        release(barrier(StepDone, bufferOf(step).first));
        size_t sums = state.accumulator.size();
        state.accumulator.assign(both.begin(), both.begin() + sums);
        rescale(state, factors);
        carried = toLeft(ArrayRef(both).drop_front(sums));
        carried.push_back(k.add(step, one));
        return next;
      });
  Value step = carried.pop_back_val();
  awaitStep(step);
  addValuesOfStep(state, carried, step);
  warpgroups.await(0, state.accumulator);
  return state;
}

/// Keys of a step and values of the one before are there.
void AttendKernel::awaitStep(Value step) {
  auto [buffer, parity] = bufferOf(step);
  warpgroups.waitForPhase(barrier(StepArrived, buffer), parity);
}

/// Begins query * key, not scaled.
SmallVector<Value> AttendKernel::multiplyKeys(Value step) {
  Value row = k.mul(k.div(thread, warpgroupSize), warpgroupRows);
  warpgroups.fence();
  SmallVector<Value> scores = warpgroups.multiply(
      sharedTile(plan.query, 0), row,
      sharedTile(plan.key, plan.keyBase(), bufferOf(step).first));
  warpgroups.commit();
  return scores;
}

/// Begins accumulator += weights * values of the step before. `left` are parts
/// of the weights' sum, the largest first.
void AttendKernel::addValuesOfStep(State &state, ArrayRef<Value> left,
                                   Value step) {
  Value buffer = k.bitXor(bufferOf(step).first, k.integer(1));
  SharedTile tile = sharedTile(plan.value, plan.valueBase(), buffer);
  size_t size = plan.keys / 4;
  warpgroups.fence();
  for (; !left.empty(); left = left.drop_back(size))
    warpgroups.multiplyAdd(left.take_back(size), tile, state.accumulator);
  warpgroups.commit();
}

/// Weights as left operands: registers of all that they are sums of.
SmallVector<Value> AttendKernel::toLeft(ArrayRef<Value> weights) {
  SmallVector<Value> high;
  SmallVector<SmallVector<Value>> low;
  for (; !weights.empty(); weights = weights.drop_front(8)) {
    Factor left =
        matrices.toLeft(weights.take_front(8), /*exact=*/!isSoftmax());
    llvm::append_range(high, left.high);
    low.resize(left.low.size() / 4);
    for (auto [index, part] : llvm::enumerate(low))
      llvm::append_range(part, ArrayRef(left.low).slice(4 * index, 4));
  }
  for (ArrayRef<Value> part : low)
    llvm::append_range(high, part);
  return high;
}

/// Waits until the other warpgroup has begun its products.
void AttendKernel::takeTurn() {
  Value own = k.add(k.div(thread, warpgroupSize), turnBarrier);
  warpgroups.syncThreads(own, plan.computingThreads());
}

void AttendKernel::passTurn() {
  Value other = k.sub(k.integer(turnBarrier + 1), k.div(thread, warpgroupSize));
  warpgroups.arriveThreads(other, plan.computingThreads());
}

/// No warp reads the queries any more, in whose place results go.
void AttendKernel::syncComputation() {
  if (plan.warpgroups)
    return warpgroups.syncThreads(k.integer(resultBarrier),
                                  plan.computingThreads());
  NVVM::CpAsyncWaitGroupOp::create(k.b, k.loc, 0);
  k.syncBlock();
}
