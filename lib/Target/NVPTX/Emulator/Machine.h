//===- Machine.h - The multiprocessor that runs a block -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_NVPTX_EMULATOR_MACHINE_H
#define ATTN_LIB_TARGET_NVPTX_EMULATOR_MACHINE_H

#include "Memory.h"
#include "Traffic.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <deque>
#include <map>
#include <set>

namespace mlir::attn::emulator {

constexpr unsigned warpSize = 32;

/// Of the boxes that TMA copies.
constexpr unsigned bulkRowBytes = 128;

/// An asynchronous copy of one thread that has not been waited for.
struct AsyncCopy {
  char *destination;
  const char *source;
  unsigned bytes;       ///< Written.
  unsigned sourceBytes; ///< Of them read; zeros follow.

  void land() const;
};

/// What products of warpgroups give to one thread. Until a group of them has
/// been waited for, a register holds a NaN that stands for its value: any use
/// but as a sum of the next product gives NaN.
class ProductResults {
public:
  /// A register for a value that is computed.
  float begin(float value);
  /// The value that a register has or will have.
  float valueOf(float held) const;
  void commit() { ends.push_back(first + values.size()); }
  /// All but the last `pending` groups are done.
  void await(size_t pending);
  /// What a register holds by now.
  float settle(float held) const;

private:
  std::optional<uint64_t> numberOf(float held) const;

  std::vector<float> values; ///< From number `first` on.
  uint64_t first = 0, done = 0;
  std::deque<uint64_t> ends; ///< Of groups that are under way.
};

/// One CUDA thread.
struct Thread {
  void *fiber = nullptr;
  Dim3 index;
  unsigned id = 0, warp = 0, lane = 0;
  bool done = false;
  /// Blocked while the counter has the value.
  const uint32_t *counter = nullptr;
  uint32_t value = 0;
  uint32_t site = 0; ///< Where it waits.
  std::vector<AsyncCopy> openCopies;
  std::deque<std::vector<AsyncCopy>> copyGroups;
  /// Of the first lane of a warp: chunks of 16 bytes that products read which
  /// have not been waited for.
  std::vector<uintptr_t> openReads;
  std::deque<std::vector<uintptr_t>> readGroups;
  ProductResults products;

  bool isReady() const { return !done && (!counter || *counter != value); }
};

/// The lanes of a warp on their way to meet at an instruction.
struct Meeting {
  uint32_t generation = 0; ///< How often they have met.
  uint32_t site = 0;
  unsigned first = 0; ///< The thread that came first.
  uint32_t mask = 0;  ///< The lanes that are to come.
  unsigned arrived = 0;
  void *results[warpSize], *arguments[warpSize];
  Handover handover;
};

/// One of the barriers that a block may use.
struct Barrier {
  uint32_t generation = 0;
  std::vector<bool> here; ///< Threads that have arrived.
  unsigned arrived = 0;
  unsigned expected = 0; ///< 0 for all threads that have not ended.
  std::vector<uint32_t>
      warpSites; ///< Where the lanes of a warp came to it, + 1.
  Handover handover, passed;
};

/// An mbarrier: after `expected` arrivals, and once all bytes that these
/// announced have arrived, its phase ends and the next begins.
struct PhaseBarrier {
  uint32_t phase = 0;
  unsigned expected = 0, arrived = 0;
  int64_t bytes = 0; ///< Announced and not there, or there before.
  Handover handover, passed;
};

/// A row of 128 bytes of a box: where it goes, and what of it is read; zeros
/// fill the rest.
struct BulkRow {
  char *destination;
  const char *source;
  unsigned first, bytes;
};

/// A box on its way to shared memory.
struct BulkCopy {
  std::vector<BulkRow> rows;
  uintptr_t barrier; ///< The mbarrier that waits for it.
  Stamp issued;
  Handover handover; ///< What its thread knew.

  void land() const;
};

/// Instructions of the kernel by number, as text; 0 stands for none.
using SiteTable = std::vector<std::string>;

/// Runs the blocks of one launch, one after another.
class Machine {
public:
  using Kernel = void (*)(void *const *parameters);

  Machine(Memory &memory, const SiteTable &sites);
  ~Machine();

  Report run(const Launch &launch, size_t sharedBytes, Kernel kernel,
             void *const *parameters);

  //===--------------------------------------------------------------------===//
  // What instructions ask for; called on fibers.
  //===--------------------------------------------------------------------===//

  static Machine &get() { return *active; }

  Thread &thread() { return *running; }
  const Launch &getLaunch() const { return *launch; }
  Dim3 getBlockIndex() const { return blockIndex; }
  Memory &getMemory() { return memory; }
  Clocks &getClocks() { return clocks; }
  TrafficCounter &getTraffic() { return traffic; }
  bool isLazy() const { return launch->schedule != CopySchedule::Eager; }
  bool isReversed() const {
    return launch->schedule == CopySchedule::LazyReversed;
  }

  /// Checks and counts an access of the running thread.
  void access(uintptr_t address, size_t bytes, bool store, bool atomic,
              uint64_t alignment, uint32_t site);
  /// The same for the destination of an asynchronous copy.
  void beginCopy(uintptr_t address, size_t bytes, uint64_t alignment,
                 uint32_t site);
  /// The range of an access, once its bounds and alignment have been checked.
  MemoryRange &locate(uintptr_t address, size_t bytes, bool store,
                      uint64_t alignment, uint32_t site);
  /// Reports a conflict of the running thread, once per instruction.
  void report(const std::optional<Conflict> &conflict, const MemoryRange &range,
              bool store, uint32_t site);

  /// The lanes of `mask` meet; the last one computes, given the results and
  /// arguments by lane.
  using Compute = llvm::function_ref<void(void **results, void **arguments)>;
  void meetWarp(uint32_t mask, uint32_t site, void *result, void *arguments,
                Compute compute);
  /// __syncwarp.
  void syncWarp(uint32_t mask, uint32_t site);

  /// Barrier `id` of the block, for `count` threads, or all of them if 0.
  void arriveAtBarrier(unsigned id, unsigned count, uint32_t site, bool wait);

  /// An mbarrier at `address` in shared memory.
  void initPhases(uintptr_t address, unsigned count, uint32_t site);
  void arriveAtPhase(uintptr_t address, uint32_t site);
  /// Its phase waits for bytes that a copy brings.
  void expectBytes(uintptr_t address, int64_t bytes, uint32_t site);
  void beginBulkCopy(BulkCopy copy, uint32_t site);
  /// Waits until a phase of that parity has ended.
  void waitForPhase(uintptr_t address, uint32_t parity, uint32_t site);
  /// The first lane of the running thread's warp.
  Thread &leader() { return laneOf(0); }
  Thread &laneOf(unsigned lane) {
    return threads[running->warp * warpSize + lane];
  }

  /// The running thread goes on once `counter` differs from `value`.
  void wait(const uint32_t &counter, uint32_t value, uint32_t site);

  /// Ends the launch.
  [[noreturn]] void stop(Finding::Kind kind, const llvm::Twine &what,
                         uint32_t site);
  std::string describeSite(uint32_t site) const;

private:
  static void enterThread();
  void beginBlock();
  void runBlock();
  bool runWarp(unsigned warp);
  void endThread();
  void completeBarrier(Barrier &barrier);
  PhaseBarrier &findPhases(uintptr_t address, uint32_t site);
  void endPhaseIfComplete(PhaseBarrier &barrier);
  void landBulkCopy(const BulkCopy &copy);
  bool landNextBulkCopy();
  void reportDeadlock();
  std::string describeThread(const Thread &thread) const;
  void addFinding(Finding::Kind kind, const llvm::Twine &what, uint32_t site);
  void switchToScheduler();

  static thread_local Machine *active;

  Memory &memory;
  const SiteTable &sites;
  TrafficCounter traffic;
  Clocks clocks;
  const Launch *launch = nullptr;
  Kernel kernel = nullptr;
  void *const *parameters = nullptr;
  Dim3 blockIndex;
  uint32_t blockNumber = 0;
  bool stopped = false;
  std::vector<Finding> findings;
  std::set<std::pair<Finding::Kind, uint32_t>> reported;

  std::vector<Thread> threads;
  std::vector<Meeting> warps;
  std::vector<Barrier> barriers;
  std::map<uintptr_t, PhaseBarrier> phaseBarriers;
  std::deque<BulkCopy> bulkCopies; ///< Under way, in the order of issue.
  unsigned alive = 0;
  Thread *running = nullptr;
  void *scheduler = nullptr;
  char *stacks = nullptr;
  size_t stackCount = 0;
};

} // namespace mlir::attn::emulator

#endif // ATTN_LIB_TARGET_NVPTX_EMULATOR_MACHINE_H
