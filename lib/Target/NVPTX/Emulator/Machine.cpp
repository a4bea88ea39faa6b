//===- Machine.cpp - The multiprocessor that runs a block -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include "Fiber.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"

#include <sys/mman.h>

using namespace mlir::attn::emulator;

constexpr size_t stackBytes = 128 << 10;
/// Tops of stacks are set apart, or all would share the same cache lines.
constexpr size_t stackColours = 32, stackColourBytes = 320;
constexpr size_t findingLimit = 8;

thread_local Machine *Machine::active = nullptr;

Machine::Machine(Memory &memory, const SiteTable &sites)
    : memory(memory), sites(sites) {}

Machine::~Machine() {
  if (stacks)
    munmap(stacks, stackCount * stackBytes);
}

//===----------------------------------------------------------------------===//
// Findings
//===----------------------------------------------------------------------===//

std::string Machine::describeThread(const Thread &thread) const {
  auto index = [](Dim3 dim) {
    return (llvm::Twine("(") + llvm::Twine(dim.x) + ", " + llvm::Twine(dim.y) +
            ", " + llvm::Twine(dim.z) + ")")
        .str();
  };
  return "kernel '" + launch->kernel + "', block " + index(blockIndex) +
         ", thread " + std::to_string(thread.id);
}

std::string Machine::describeSite(uint32_t site) const {
  return "'" + sites[site] + "'";
}

void Machine::addFinding(Finding::Kind kind, const llvm::Twine &what,
                         uint32_t site) {
  bool ends = kind != Finding::Race && kind != Finding::Pending;
  if (!ends && (findings.size() >= findingLimit ||
                !reported.insert({kind, site}).second))
    return;
  std::string sentence = describeThread(*running) + " " + what.str();
  if (site)
    sentence += " in " + describeSite(site);
  findings.push_back({kind, std::move(sentence)});
}

void Machine::stop(Finding::Kind kind, const llvm::Twine &what, uint32_t site) {
  addFinding(kind, what, site);
  stopped = true;
  switchToScheduler();
  llvm_unreachable("a stopped thread is not resumed");
}

void Machine::reportDeadlock() {
  std::string others;
  unsigned count = 0;
  Thread *first = nullptr;
  for (Thread &thread : threads) {
    if (thread.done)
      continue;
    if (!first)
      first = &thread;
    else if (thread.site != first->site && count++ == 0)
      others = ", thread " + std::to_string(thread.id) + " at " +
               describeSite(thread.site);
  }
  if (alive < threads.size())
    others += ", and " + std::to_string(threads.size() - alive) +
              " threads have ended";
  running = first;
  addFinding(Finding::Deadlock,
             "waits for ever at " + describeSite(first->site) + others, 0);
  stopped = true;
}

//===----------------------------------------------------------------------===//
// Scheduling
//===----------------------------------------------------------------------===//

void Machine::switchToScheduler() {
  attn_emulator_switch(&running->fiber, scheduler);
}

void Machine::wait(const uint32_t &counter, uint32_t value, uint32_t site) {
  Thread &self = *running;
  self.counter = &counter;
  self.value = value;
  self.site = site;
  while (!self.isReady())
    switchToScheduler();
  self.counter = nullptr;
}

void Machine::enterThread() {
  Machine &machine = *active;
  machine.kernel(machine.parameters);
  machine.endThread();
  machine.switchToScheduler();
}

void Machine::endThread() {
  running->done = true;
  --alive;
  for (Barrier &barrier : barriers)
    if (barrier.arrived && !barrier.expected && barrier.arrived == alive)
      completeBarrier(barrier);
}

bool Machine::runWarp(unsigned warp) {
  auto lanes = llvm::MutableArrayRef<Thread>(threads).slice(
      warp * warpSize,
      std::min<size_t>(warpSize, threads.size() - warp * warpSize));
  bool moved = false;
  for (bool again = true; again && !stopped;) {
    again = false;
    for (Thread &thread : lanes) {
      if (!thread.isReady() || stopped)
        continue;
      running = &thread;
      attn_emulator_switch(&scheduler, thread.fiber);
      again = true;
    }
    moved |= again;
  }
  traffic.flush(warp);
  return moved;
}

void Machine::runBlock() {
  while (alive && !stopped) {
    bool moved = false;
    for (unsigned i = 0; i < warps.size() && !stopped; ++i)
      moved |= runWarp(isReversed() ? warps.size() - 1 - i : i);
    if (!moved && !stopped && !landNextBulkCopy())
      reportDeadlock();
  }
  if (!stopped && !bulkCopies.empty())
    addFinding(Finding::Pending,
               "ends while copies to shared memory are under way", 0);
}

void Machine::beginBlock() {
  memory.beginBlock();
  clocks.begin(++blockNumber, threads.size());
  for (Meeting &meeting : warps)
    meeting.arrived = 0;
  barriers.assign(16, {});
  phaseBarriers.clear();
  bulkCopies.clear();
  alive = threads.size();
  for (auto [id, thread] : llvm::enumerate(threads)) {
    thread = {};
    thread.id = id;
    thread.warp = id / warpSize;
    thread.lane = id % warpSize;
    unsigned x = launch->block.x, y = launch->block.y;
    thread.index = {unsigned(id) % x, unsigned(id) / x % y,
                    unsigned(id) / (x * y)};
    char *top =
        stacks + (id + 1) * stackBytes - id % stackColours * stackColourBytes;
    thread.fiber = prepareFiber(top, enterThread);
  }
}

/// Memory for the stacks of `count` threads.
static char *mapStacks(size_t count) {
  void *result = mmap(nullptr, count * stackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (result == MAP_FAILED)
    llvm::report_fatal_error("no memory for the stacks of emulated threads");
  return static_cast<char *>(result);
}

Report Machine::run(const Launch &launched, size_t sharedBytes, Kernel code,
                    void *const *arguments) {
  launch = &launched;
  kernel = code;
  parameters = arguments;
  stopped = false;
  findings.clear();
  reported.clear();
  size_t count = size_t(launch->block.x) * launch->block.y * launch->block.z;
  threads.resize(count);
  warps.assign(llvm::divideCeil(count, warpSize), {});
  if (stackCount < count) {
    if (stacks)
      munmap(stacks, stackCount * stackBytes);
    stacks = mapStacks(count);
    stackCount = count;
  }
  memory.beginLaunch(sharedBytes);
  traffic.begin(warps.size(), sites.size());

  std::vector<int64_t> blockFlops;
  Machine *outer = std::exchange(active, this);
  for (blockIndex.z = 0; blockIndex.z < launch->grid.z; ++blockIndex.z)
    for (blockIndex.y = 0; blockIndex.y < launch->grid.y; ++blockIndex.y)
      for (blockIndex.x = 0; blockIndex.x < launch->grid.x && !stopped;
           ++blockIndex.x) {
        int64_t before = traffic.counts.tensorFlops;
        beginBlock();
        runBlock();
        ++traffic.counts.blocks;
        blockFlops.push_back(traffic.counts.tensorFlops - before);
      }
  active = outer;

  Report report;
  report.findings = std::move(findings);
  report.counts = traffic.counts;
  report.blockFlops = std::move(blockFlops);
  for (MemoryRange &buffer : memory.getBuffers())
    report.buffers.push_back(buffer.traffic);
  for (auto [site, shared] : llvm::enumerate(traffic.sites)) {
    if (!shared.warps)
      continue;
    shared.instruction = sites[site];
    report.shared.push_back(shared);
  }
  return report;
}

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

MemoryRange &Machine::locate(uintptr_t address, size_t bytes, bool store,
                             uint64_t alignment, uint32_t site) {
  MemoryRange *range = memory.find(address, bytes);
  if (!range)
    stop(Finding::OutOfBounds,
         std::string(store ? "stores " : "loads ") + std::to_string(bytes) +
             " bytes at " + memory.describe(address, bytes) +
             ", outside of all buffers,",
         site);
  if (address % alignment)
    stop(Finding::Misaligned,
         std::string(store ? "stores " : "loads ") + std::to_string(bytes) +
             " bytes at " + memory.describe(address, bytes) +
             ", which is not a multiple of " + std::to_string(alignment) + ",",
         site);
  if (store && !range->writable)
    stop(Finding::ReadOnly,
         "stores to the input " + memory.describe(address, bytes), site);
  return *range;
}

void Machine::report(const std::optional<Conflict> &conflict,
                     const MemoryRange &range, bool store, uint32_t site) {
  // The sentence takes long where every access is one.
  if (!conflict ||
      reported.count(
          {conflict->pending ? Finding::Pending : Finding::Race, site}))
    return;
  std::string other = "thread " + std::to_string(conflict->other.thread);
  if (conflict->other.block != blockNumber)
    other += " of block number " + std::to_string(conflict->other.block - 1);
  std::string place = std::string(store ? "stores" : "loads") + " at " +
                      memory.describe(conflict->address, 1);
  if (conflict->pending)
    return addFinding(Finding::Pending,
                      place + " before the asynchronous copy of " + other +
                          " to it has been waited for,",
                      site);
  addFinding(Finding::Race,
             place + ", which " + other +
                 (conflict->otherStored ? " stored" : " loaded") +
                 " and nothing orders the two,",
             site);
}

void Machine::access(uintptr_t address, size_t bytes, bool store, bool atomic,
                     uint64_t alignment, uint32_t site) {
  auto stack = reinterpret_cast<uintptr_t>(stacks);
  if (address - stack < stackCount * stackBytes)
    return;
  MemoryRange &range = locate(address, bytes, store, alignment, site);
  Thread &self = *running;
  report(range.shadow.note(address, bytes, store, atomic, self.id, clocks),
         range, store, site);
  (store ? range.traffic.storedBytes : range.traffic.loadedBytes) += bytes;
  traffic.note(self.warp, self.lane, site, address, bytes, range.shared, store);
}

void Machine::beginCopy(uintptr_t address, size_t bytes, uint64_t alignment,
                        uint32_t site) {
  MemoryRange &range = locate(address, bytes, /*store=*/true, alignment, site);
  Thread &self = *running;
  report(range.shadow.beginCopy(address, bytes, self.id, clocks), range,
         /*store=*/true, site);
  traffic.note(self.warp, self.lane, site, address, bytes, range.shared,
               /*store=*/true);
}
