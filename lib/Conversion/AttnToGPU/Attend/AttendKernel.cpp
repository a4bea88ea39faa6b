//===- AttendKernel.cpp - The body of a kernel for an attend op -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttendKernel.h"

#include "../Arguments/Captures.h"

#include "attn/Target/NVPTX/Launch.h"

using namespace mlir;
using namespace mlir::attn;

AttendKernel::AttendKernel(OpBuilder &builder, AttendOp op,
                           AttendArguments arguments, const KernelPlan &plan,
                           TileClassifier *classifier)
    : k{builder, op.getLoc()}, op(op), arguments(std::move(arguments)),
      plan(plan), partials{k, this->arguments, plan.sumColumns()},
      matrices{k, getElementTypeOrSelf(op.getQuery().getType()), Value()},
      warpgroups{k, matrices.element}, classifier(classifier) {
  // Where nothing else sees scores, their scale joins the exponential.
  double factor = op.getScale().convertToDouble();
  bool joins = op.getScore().empty() && !op.getSink() && factor > 0;
  scale = joins ? 1.0 : factor;
  unit = joins ? factor : 1.0;
}

SmallVector<Value> AttendKernel::State::pack() const {
  SmallVector<Value> values(accumulator);
  llvm::append_range(values, maximum);
  llvm::append_range(values, sum);
  return values;
}

AttendKernel::State AttendKernel::unpack(ValueRange values) const {
  State state;
  int64_t size = values.size() - 2 * laneRows;
  state.accumulator.assign(values.begin(), values.begin() + size);
  state.maximum.assign(values.begin() + size, values.begin() + size + laneRows);
  state.sum.assign(values.begin() + size + laneRows, values.end());
  return state;
}

void AttendKernel::emit() {
  emitSizes();
  captures = emitCaptures(k, arguments.captures);
  if (plan.warpgroups)
    return emitWarpgroups();
  Value block = NVVM::BlockIdXOp::create(k.b, k.loc, k.b.getI32Type());
  Value fromLast = k.add(k.rem(block, tiles), 1);
  emitPosition(k.sub(tiles, fromLast), k.div(block, tiles));
  emitKeyBounds();
  emitResults(emitLoop());
}

//===----------------------------------------------------------------------===//
// Where the block is
//===----------------------------------------------------------------------===//

void AttendKernel::emitSizes() {
  Type word = k.b.getI32Type();
  memory = LLVM::AddressOfOp::create(k.b, k.loc, k.shared(), sharedMemoryName);
  setThread(NVVM::ThreadIdXOp::create(k.b, k.loc, word));
  queries = k.toI32(arguments.sizes[AttendOp::I]);
  keys = k.toI32(arguments.sizes[AttendOp::J]);
  groupSize = k.toI32(arguments.sizes[AttendOp::G]);
  emitCounts();
}

/// Rows are the queries of a head, or those of all heads of a group.
void AttendKernel::emitCounts() {
  heads = pinnedSize(AttendOp::Hkv);
  rows = pinnedSize(AttendOp::I);
  Value group = pinnedSize(AttendOp::G);
  if (plan.foldHeads)
    rows = k.mul(rows, group);
  else
    heads = k.mul(heads, group);
  tiles = k.div(k.add(rows, plan.queries - 1), plan.queries);
}

/// What is computed from it is not kept from one tile to the next.
Value AttendKernel::pinnedSize(unsigned dim) {
  return k.pin(k.toI32(arguments.sizes[dim]));
}

void AttendKernel::setThread(Value number) {
  thread = number;
  lane = k.bitAnd(thread, warpSize - 1);
  matrices.lane = lane;
  warpRow = k.mul(k.div(thread, warpSize), warpRows);
}

/// Of all tiles of rows, `tile` comes first or last; `number` counts parts of
/// their columns; then parts of the keys; then heads, so that neighbours share
/// keys; then batches. In the order of blocks the last tile is first, since
/// under a causal mask it has most to do.
void AttendKernel::emitPosition(Value tile, Value number) {
  firstRow = k.mul(tile, plan.queries);
  part = k.rem(number, plan.parts);
  number = k.div(number, plan.parts);
  if (plan.splitKeys) {
    Value splits = k.toI32(arguments.splits);
    split = k.rem(number, splits);
    number = k.div(number, splits);
  }
  batch = k.div(number, heads);
  firstHead = k.rem(number, heads);
  keyHead = firstHead;
  if (plan.foldHeads)
    firstHead = k.mul(keyHead, groupSize);
  else
    keyHead = k.div(firstHead, groupSize);
  // Heads of a tile that have keys of their own are not folded.
  auto ofGroup = [&](const AttendOperand &operand) {
    return operand.move(k, matrices.element,
                        headPointer(operand, matrices.element),
                        {{AttendOp::G, k.rem(firstHead, groupSize)}});
  };
  keyPointer = ofGroup(arguments.key);
  valuePointer = partPointer(ofGroup(arguments.value), matrices.element);
  Value first = k.add(k.add(firstRow, warpRow), k.div(lane, 4));
  laneQueries.clear();
  for (int64_t laneRow = 0; laneRow < laneRows; ++laneRow)
    laneQueries.push_back(queryRow(k.add(first, 8 * laneRow)));
}

AttendKernel::QueryRow AttendKernel::queryRow(Value row) {
  Value exists = k.less(row, rows);
  if (!plan.foldHeads)
    return {k.rem(firstHead, groupSize), firstHead, row, exists};
  Value group = k.div(row, queries);
  return {group, k.add(firstHead, group), k.rem(row, queries), exists};
}

/// The start of this batch and key head.
Value AttendKernel::headPointer(const AttendOperand &operand, Type element) {
  return operand.move(k, element, operand.pointer,
                      {{AttendOp::B, batch}, {AttendOp::Hkv, keyHead}});
}

Value AttendKernel::rowPointer(const AttendOperand &operand,
                               const QueryRow &row, Type element) {
  return operand.move(k, element, headPointer(operand, element),
                      {{AttendOp::G, row.group}, {AttendOp::I, row.query}});
}

/// The block's columns in a row of values or of results.
Value AttendKernel::partPointer(Value pointer, Type element) {
  if (plan.parts == 1)
    return pointer;
  return k.gep(pointer, element, k.mul(part, plan.partColumns()));
}

/// How many of the block's columns there are.
Value AttendKernel::partLimit() {
  if (plan.parts * plan.partColumns() == plan.valueColumns)
    return k.integer(plan.partColumns());
  Value before = k.mul(part, plan.partColumns());
  return k.min(k.integer(plan.partColumns()),
               k.sub(k.integer(plan.valueColumns), before));
}

Value AttendKernel::keyRow(const AttendOperand &operand, Value pointer,
                           Value key) {
  return k.gep(pointer, matrices.element,
               k.mul(k.toI64(key), operand.strides[AttendOp::J]));
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

SharedTile AttendKernel::sharedTile(const SharedLayout &layout, int64_t base,
                                    Value buffer) {
  Value start = k.integer(base);
  if (buffer)
    start = k.add(start, k.mul(buffer, layout.bytes()));
  return {layout, memory, start};
}

RowSource AttendKernel::queryRowSource(Value row) {
  QueryRow query = queryRow(k.add(row, firstRow));
  return {rowPointer(arguments.query, query, matrices.element), query.exists};
}

void AttendKernel::copyQueries() {
  copyToShared(k, sharedTile(plan.query, 0), plan.queries, thread,
               plan.threads(), k.integer(plan.query.filled),
               [&](Value row) { return queryRowSource(row); });
}

/// A group of copies. Keys that the mask cuts off are not read.
void AttendKernel::copyKeys(const SharedLayout &layout, int64_t base,
                            const AttendOperand &operand, Value pointer,
                            const KeyTile &tile, Value buffer) {
  bool isValue = base == plan.valueBase();
  Value columns = isValue ? partLimit() : k.integer(layout.filled);
  k.when(k.less(tile.start, upperKey), [&] {
    copyToShared(k, sharedTile(layout, base, buffer), layout.rows, thread,
                 plan.threads(), columns, [&](Value row) {
                   Value key = k.add(row, tile.start);
                   return RowSource{keyRow(operand, pointer, key),
                                    k.less(key, upperKey)};
                 });
  });
  NVVM::CpAsyncCommitGroupOp::create(k.b, k.loc);
}

//===----------------------------------------------------------------------===//
// The loop
//===----------------------------------------------------------------------===//

/// Maximum and sum that a sink starts a row with: it is a key without value.
std::pair<Value, Value> AttendKernel::sinkState(const QueryRow &row) {
  Value none = k.real(-INFINITY), zero = k.real(0.0);
  if (!op.getSink())
    return {none, zero};
  Type element = getElementTypeOrSelf(op.getSink().getType());
  Value logit =
      k.toF32(k.load(element, rowPointer(arguments.sink, row, element)));
  // It is a key of the first block that shares them.
  if (split)
    logit = k.select(k.less(split, k.integer(1)), logit, none);
  // exp(sink - sink): NaN for a sink of inf or NaN, and so is all of its row.
  Value weight = k.addF(k.subF(logit, logit), k.real(1.0));
  return {logit, k.select(k.equalF(logit, none), zero, weight)};
}

/// Sums of a row in four lanes are added up at the end; one of them has the
/// sink's.
AttendKernel::State AttendKernel::initialState() {
  State state;
  Value zero = k.real(0.0);
  state.accumulator.assign(plan.value.columns / 8 * fragmentSize, zero);
  Value isFirst = arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::eq,
                                        k.bitAnd(lane, 3), k.integer(0));
  for (QueryRow row : laneQueries) {
    // A row beyond the last has no sink.
    row.group = k.select(row.exists, row.group, k.integer(0));
    auto [maximum, sum] = sinkState(row);
    state.maximum.push_back(maximum);
    state.sum.push_back(k.select(isFirst, sum, zero));
  }
  return state;
}

/// While a tile of keys is worked on, the next one and its values arrive in the
/// other buffers. Groups of copies are committed in the order keys, values,
/// keys, ..., so that all but the last one awaited says that the older is
/// there.
AttendKernel::State AttendKernel::emitLoop() {
  auto awaitOlder = [&] {
    NVVM::CpAsyncWaitGroupOp::create(k.b, k.loc, 1);
    k.syncBlock();
  };
  auto copyBoth = [&](bool isKey, const KeyTile &tile, Value buffer) {
    if (isKey)
      copyKeys(plan.key, plan.keyBase(), arguments.key, keyPointer, tile,
               buffer);
    else
      copyKeys(plan.value, plan.valueBase(), arguments.value, valuePointer,
               tile, buffer);
  };
  Value even = k.integer(0);
  copyQueries();
  KeyTile first = findTile(lowerKey);
  copyBoth(true, first, even);
  copyBoth(false, first, even);
  awaitOlder();
  loadQueries();

  SmallVector<Value> carried{even};
  return emitTiles(
      first, initialState(), carried,
      [&](const KeyTile &tile, State &state, SmallVector<Value> &carried) {
        Value buffer = carried[0];
        Value other = k.sub(k.integer(1), buffer);
        KeyTile next = findTile(k.add(tile.start, plan.keys));
        copyBoth(true, next, other);
        SmallVector<Value> kept = emitKept(tile), weights = emitScores(buffer);
        applyRegions(weights, tile, kept);
        rescale(state, normalize(state, weights));
        awaitOlder();
        copyBoth(false, next, other);
        addValues(state, weights, buffer);
        awaitOlder();
        carried[0] = other;
        return next;
      });
}
