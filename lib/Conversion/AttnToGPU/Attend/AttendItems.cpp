//===- AttendItems.cpp - Which tiles a block takes --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks stay for the whole launch and take one tile of queries of one head
// after the other, those with most keys first: in the order of their lengths
// forth, then back, then forth, so that all blocks get about as much.
//
//===----------------------------------------------------------------------===//

#include "AttendKernel.h"

using namespace mlir;
using namespace mlir::attn;

/// Keys and values that blocks read at the same time: half of the second-level
/// cache of an H100.
static constexpr int64_t sharedKeyBytes = 24 << 20;

/// Whether the mask lets the last tile of queries reach at least as many keys
/// as the first one. Those between are taken to be in order.
Value AttendKernel::isLastTileLonger() {
  if (plan.foldHeads || op.getMask().empty())
    return k.boolean(true);
  Value zero = k.integer(0), last = k.sub(tiles, k.integer(1));
  SmallVector<Value> reach = k.forLoop(
      zero, k.integer(2), k.integer(1), {zero, zero},
      [&](Value which, ValueRange before) {
        emitPosition(k.mul(which, last), zero);
        emitKeyBounds();
        return SmallVector<Value>{before[1], k.sub(upperKey, lowerKey)};
      });
  return k.negate(k.less(reach[1], reach[0]));
}

/// Of heads, batches, and parts of the keys together.
Value AttendKernel::countNumbers() {
  Value numbers = k.mul(heads, pinnedSize(AttendOp::B));
  if (plan.splitKeys)
    numbers = k.mul(numbers, k.toI32(arguments.splits));
  return numbers;
}

/// Of all items, those of this block; `body` carries the number of steps made.
void AttendKernel::forEachItem(function_ref<Value(Value step)> body) {
  Type word = k.b.getI32Type();
  Value block = NVVM::BlockIdXOp::create(k.b, k.loc, word);
  Value blocks = NVVM::GridDimXOp::create(k.b, k.loc, word);
  emitCounts();
  Value items = k.mul(countNumbers(), tiles);
  Value whole = k.div(items, blocks), rest = k.rem(items, blocks);
  Value zero = k.integer(0), one = k.integer(1);
  auto place = [&](Value round) {
    Value isBack = k.less(zero, k.bitAnd(round, 1));
    return k.select(isBack, k.sub(k.sub(k.pin(blocks), one), block), block);
  };
  Value isOneMore = k.less(place(whole), rest), outer = thread;
  k.forLoop(zero, k.add(whole, k.select(isOneMore, one, zero)), one, zero,
            [&](Value round, ValueRange step) {
              // Else the addresses of all that a thread reads and writes would
              // keep registers from one tile to the next.
              setThread(k.pin(outer));
              item = k.add(k.mul(round, blocks), place(round));
              emitItem();
              return SmallVector<Value>{body(step[0])};
            });
  setThread(outer);
}

/// Heads whose keys fit the cache together make a section; of these the longest
/// tiles come first.
void AttendKernel::emitItem() {
  emitCounts();
  Value numbers = countNumbers();
  auto atLeastOne = [&](Value value) -> Value {
    return k.b.createOrFold<arith::MaxSIOp>(k.loc, value, k.integer(1));
  };
  int64_t rowBytes =
      (plan.key.columns + plan.value.columns) * plan.key.elementBytes;
  Value together = k.div(k.integer(sharedKeyBytes / rowBytes),
                         atLeastOne(pinnedSize(AttendOp::J)));
  together = k.min(atLeastOne(together), numbers);
  if (!plan.foldHeads)
    together = k.mul(together, pinnedSize(AttendOp::G));
  if (plan.splitKeys)
    together = k.mul(together, k.toI32(arguments.splits));
  together = k.min(together, numbers);
  Value section = k.div(item, k.mul(together, tiles));
  Value first = k.mul(section, together);
  Value inSection = k.sub(item, k.mul(first, tiles));
  Value width = k.min(together, k.sub(numbers, first));
  Value position = k.div(inSection, width);
  Value fromLast = k.sub(k.sub(tiles, k.integer(1)), position);
  emitPosition(k.select(lastFirst, fromLast, position),
               k.add(first, k.rem(inSection, width)));
}
