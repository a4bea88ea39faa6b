//===- Clocks.h - What the threads of a block have agreed on -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Orders accesses by vector clocks. A barrier of the whole block orders all
// that lies before it; the clocks proper are needed only between two of these,
// for barriers of some warps, mbarriers and __syncwarp.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_NVPTX_EMULATOR_CLOCKS_H
#define ATTN_LIB_TARGET_NVPTX_EMULATOR_CLOCKS_H

#include <algorithm>
#include <cstdint>
#include <vector>

namespace mlir::attn::emulator {

/// The moment of an access. Blocks count from 1; a stamp of block 0 is none.
struct Stamp {
  uint32_t block = 0;
  uint32_t epoch = 0;
  uint32_t clock = 0;
  uint32_t thread = 0;
};

/// What threads that arrive somewhere hand to those that wait there.
struct Handover {
  uint32_t epoch = 0; ///< In which `known` was collected.
  std::vector<uint32_t> known;
};

/// The clocks of one block.
class Clocks {
public:
  void begin(uint32_t blockNumber, unsigned threadCount) {
    block = blockNumber;
    threads = threadCount;
    passBlockBarrier();
  }

  Stamp now(unsigned thread) const {
    return {block, epoch, clockOf(thread), thread};
  }

  /// Whether what happened at `stamp` lies before what `thread` does now.
  bool isOrdered(const Stamp &stamp, unsigned thread) const {
    if (stamp.block != block)
      return stamp.block == 0;
    if (stamp.epoch != epoch || stamp.thread == thread)
      return true;
    return !known.empty() &&
           known[size_t(thread) * threads + stamp.thread] >= stamp.clock;
  }

  /// All threads of the block have met.
  void passBlockBarrier() {
    ++epoch;
    known.clear();
  }

  /// What `thread` did or knew so far goes to `handover`.
  void release(unsigned thread, Handover &handover) {
    useClocks();
    if (handover.epoch != epoch)
      handover = {epoch, std::vector<uint32_t>(threads, 0)};
    for (unsigned i = 0; i < threads; ++i)
      handover.known[i] = std::max(handover.known[i], of(thread, i));
    ++of(thread, thread);
  }

  /// What `from` holds goes to `to`, too.
  void pass(const Handover &from, Handover &to) const {
    if (from.epoch != epoch)
      return;
    if (to.epoch != epoch)
      to = {epoch, std::vector<uint32_t>(threads, 0)};
    for (unsigned i = 0; i < threads; ++i)
      to.known[i] = std::max(to.known[i], from.known[i]);
  }

  /// `thread` goes on behind all that `handover` holds.
  void acquire(unsigned thread, const Handover &handover) {
    if (known.empty() || handover.epoch != epoch)
      return;
    for (unsigned i = 0; i < threads; ++i)
      if (i != thread)
        of(thread, i) = std::max(of(thread, i), handover.known[i]);
  }

private:
  uint32_t &of(unsigned thread, unsigned other) {
    return known[size_t(thread) * threads + other];
  }

  uint32_t clockOf(unsigned thread) const {
    return known.empty() ? 1 : known[size_t(thread) * threads + thread];
  }

  void useClocks() {
    if (!known.empty())
      return;
    known.assign(size_t(threads) * threads, 0);
    for (unsigned i = 0; i < threads; ++i)
      of(i, i) = 1;
  }

  uint32_t block = 0, epoch = 0;
  unsigned threads = 0;
  /// Per thread, the last moment of every thread that it knows of; empty while
  /// nobody knows more than the epoch says.
  std::vector<uint32_t> known;
};

} // namespace mlir::attn::emulator

#endif // ATTN_LIB_TARGET_NVPTX_EMULATOR_CLOCKS_H
