//===- AttendWarpgroups.cpp - Tiles of keys by warpgroups -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Of one warpgroup a single thread copies keys and values by TMA, the others
// compute. Step n copies and multiplies the keys of the n-th tile and the
// values of the one before it; steps go on counting from one tile of queries to
// the next. Each of two buffers has two barriers: copies of a step have
// arrived, those who compute are done with it. The thread that copies finds the
// tiles and says with each step which one it is; a step without keys ends them.
// The n-th use of a buffer waits for phase n of the one and n - 1 of the other.
//
//===----------------------------------------------------------------------===//

#include "AttendKernel.h"

using namespace mlir;
using namespace mlir::attn;

/// The barriers, one for each warpgroup that computes, of its own threads, and
/// for its turn to multiply.
static constexpr int64_t ownBarrier = 1, turnBarrier = 3;

/// What a step without keys says in place of a tile's start: beyond all keys.
static constexpr int64_t noTile = 0x7ffffffe;

namespace {
/// Barriers by their place, one for each of two buffers, and after them what
/// tile is in each.
enum BarrierPlace { StepArrived, StepDone = 2, TilePlace = 4 };
} // namespace

Value AttendKernel::barrier(int64_t first, Value buffer) {
  Value place = k.add(k.mul(buffer, 8), plan.barrierBase() + first * 8);
  return k.gep(memory, k.b.getI8Type(), place);
}

Value AttendKernel::isThread(Value number, int64_t other) {
  return arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::eq, number,
                               k.integer(other));
}

void AttendKernel::initBarriers() {
  k.when(isThread(thread, 0), [&] {
    for (int64_t buffer : {0, 1}) {
      Value number = k.integer(buffer);
      warpgroups.initBarrier(barrier(StepArrived, number), 1);
      warpgroups.initBarrier(barrier(StepDone, number),
                             plan.queries / warpRows);
    }
    warpgroups.fenceBarriers();
  });
  k.syncBlock();
}

void AttendKernel::emitWarpgroups() {
  initBarriers();
  lastFirst = isLastTileLonger();
  Value computes = k.less(thread, k.integer(plan.computingThreads()));
  auto choice =
      scf::IfOp::create(k.b, k.loc, computes, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard restore(k.b);
  k.b.setInsertionPoint(choice.thenYield());
  warpgroups.setRegisters(KernelPlan::computingRegisters, /*more=*/true);
  Value isSecond = k.negate(k.less(thread, k.integer(warpgroupSize)));
  k.when(isSecond, [&] { passTurn(); });
  forEachItem([&](Value step) { return computeItem(step); });
  k.b.setInsertionPoint(choice.elseYield());
  warpgroups.setRegisters(plan.copyingRegisters(), /*more=*/false);
  k.when(isThread(thread, plan.computingThreads()),
         [&] { forEachItem([&](Value step) { return copyItem(step); }); });
}

/// Which of two buffers the keys of the n-th step use, and the parity of that
/// use.
std::pair<Value, Value> AttendKernel::bufferOf(Value number) {
  return {k.bitAnd(number, 1), k.bitAnd(k.div(number, 2), 1)};
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// A step for each tile, and one without keys, which comes where there is no
/// tile, too: it says so.
Value AttendKernel::copyItem(Value step) {
  emitKeyBounds();
  KeyTile first = findTile(lowerKey);
  // A tile that starts at the last reachable key has nothing to copy.
  SmallVector<Value> carried{first.start, first.full, upperKey, step,
                             k.boolean(true)};
  OpBuilder::InsertionGuard restore(k.b);
  auto loop = scf::WhileOp::create(
      k.b, k.loc, ValueRange(carried).getTypes(), carried,
      [&](OpBuilder &inner, Location loc, ValueRange args) {
        scf::ConditionOp::create(inner, loc, args.back(), args);
      },
      [&](OpBuilder &inner, Location loc, ValueRange args) {
        k.b.setInsertionPoint(inner.getInsertionBlock(),
                              inner.getInsertionPoint());
        Value start = args[0], step = args[3];
        copyStep({start, args[1]}, args[2], step);
        KeyTile next = findTile(k.add(start, plan.keys));
        scf::YieldOp::create(k.b, loc,
                             ValueRange{next.start, next.full, start,
                                        k.add(step, 1),
                                        k.less(start, upperKey)});
      });
  return loop.getResult(3);
}

/// Where the tile whose keys are in the buffer is described: its start, which
/// is even, and whether it is full.
Value AttendKernel::tilePlace(Value buffer) {
  return k.gep(memory, k.b.getI8Type(),
               k.add(k.mul(buffer, 8), plan.barrierBase() + TilePlace * 8));
}

/// Requests keys of a tile and values from `valueStart` on, as far as there are
/// any, and says which tile it is.
void AttendKernel::copyStep(const KeyTile &tile, Value valueStart, Value step) {
  Value keyStart = tile.start;
  Value zero = k.integer(0), one = k.integer(1);
  auto [buffer, parity] = bufferOf(step);
  warpgroups.waitForPhase(barrier(StepDone, buffer), k.bitXor(parity, one));
  Value hasKeys = k.less(keyStart, upperKey);
  Value word = k.add(keyStart, k.select(tile.full, one, zero));
  k.store(k.select(hasKeys, word, k.integer(noTile)), tilePlace(buffer));
  Value hasValues = k.less(valueStart, upperKey);
  Value bytes = k.add(k.select(hasKeys, k.integer(plan.key.bytes()), zero),
                      k.select(hasValues, k.integer(plan.value.bytes()), zero));
  Value arrived = barrier(StepArrived, buffer);
  warpgroups.arriveExpecting(arrived, bytes);
  SharedTile key = sharedTile(plan.key, plan.keyBase(), buffer);
  SharedTile value =
      sharedTile(plan.value, plan.valueBase(), k.bitXor(buffer, one));
  k.when(hasKeys, [&] {
    copyBox(k, arguments.key, key, arrived, keyStart, keyHead, batch);
  });
  k.when(hasValues, [&] {
    copyBox(k, arguments.value, value, arrived, valueStart, keyHead, batch);
  });
}

/// Of each warp one lane says that all are done.
void AttendKernel::release(Value address) {
  k.when(isThread(lane, 0), [&] { warpgroups.arrive(address); });
}

/// No turn comes between what lanes read, that there is no tile, and this.
void AttendKernel::releaseLast(Value step) {
  k.syncWarp();
  release(barrier(StepDone, bufferOf(step).first));
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Each warp copies its own rows of queries, in whose place its results of the
/// tile before were. The barrier of the first turn shows them to the others.
void AttendKernel::awaitQueries() {
  SharedTile mine = sharedTile(plan.query, 0);
  mine.base = k.mul(warpRow, SharedLayout::panelBytes);
  k.syncWarp();
  copyToShared(k, mine, warpRows, lane, warpSize, k.integer(plan.query.filled),
               [&](Value row) { return queryRowSource(k.add(row, warpRow)); });
  NVVM::CpAsyncCommitGroupOp::create(k.b, k.loc);
  NVVM::CpAsyncWaitGroupOp::create(k.b, k.loc, 0);
  warpgroups.fenceShared();
}

Value AttendKernel::computeItem(Value step) {
  awaitQueries();
  upperKey = k.integer(noTile);
  KeyTile first = awaitStep(step);
  SmallVector<Value> values = k.choose(
      k.less(first.start, upperKey),
      [&] {
        auto [state, next] = computeTiles(first, step);
        SmallVector<Value> all = state.pack();
        all.push_back(next);
        return all;
      },
      [&] {
        releaseLast(step);
        SmallVector<Value> all = initialState().pack();
        all.push_back(k.add(step, 1));
        return all;
      });
  Value next = values.pop_back_val();
  // What says where results go is computed anew rather than kept in registers
  // while keys are worked on.
  item = k.pin(item);
  emitItem();
  emitResults(unpack(values));
  return next;
}

/// While values are added under the weights of a tile, the scores of the next
/// one are normalized: products of both are under way at once. The two
/// warpgroups take turns, so that one multiplies while the other normalizes.
std::pair<AttendKernel::State, Value>
AttendKernel::computeTiles(const KeyTile &first, Value step) {
  SmallVector<Value> kept = emitKept(first);
  takeTurn();
  SmallVector<Value> scores = multiplyKeys(step);
  passTurn();
  warpgroups.await(0, scores);
  release(barrier(StepDone, bufferOf(step).first));
  applyRegions(scores, first, kept);
  State state = initialState();
  normalize(state, scores);

  SmallVector<Value> carried = toLeft(scores);
  carried.push_back(k.add(step, 1));
  KeyTile second = awaitStep(carried.back());
  state = emitTiles(
      second, state, carried,
      [&](const KeyTile &tile, State &state, SmallVector<Value> &carried) {
        Value step = carried.pop_back_val();
        SmallVector<Value> kept = emitKept(tile);
        takeTurn();
        SmallVector<Value> scores = multiplyKeys(step);
        addValuesOfStep(state, carried, step);
        passTurn();
        warpgroups.await(1, scores);
        applyRegions(scores, tile, kept);
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
        carried.push_back(k.add(step, 1));
        return awaitStep(carried.back());
      });
  Value last = carried.pop_back_val();
  addValuesOfStep(state, carried, last);
  warpgroups.await(0, state.accumulator);
  releaseLast(last);
  return {state, k.add(last, 1)};
}

/// Keys of a step and values of the one before are there. Gives the tile, whose
/// start is beyond all keys where there is none.
AttendKernel::KeyTile AttendKernel::awaitStep(Value step) {
  auto [buffer, parity] = bufferOf(step);
  warpgroups.waitForPhase(barrier(StepArrived, buffer), parity);
  Value word = k.load(k.b.getI32Type(), tilePlace(buffer));
  return {k.bitAnd(word, ~1), isThread(k.bitAnd(word, 1), 1)};
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

void AttendKernel::syncWarpgroup() {
  Value own = k.add(k.div(thread, warpgroupSize), ownBarrier);
  warpgroups.syncThreads(own, warpgroupSize);
}

/// No warp reads the queries any more, in whose place results go.
void AttendKernel::syncComputation() {
  if (plan.warpgroups)
    return syncWarpgroup();
  NVVM::CpAsyncWaitGroupOp::create(k.b, k.loc, 0);
  k.syncBlock();
}
