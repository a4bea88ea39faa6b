//===- Synchronization.cpp - Where threads meet -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

using namespace mlir::attn::emulator;

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

void Machine::meetWarp(uint32_t mask, uint32_t site, void *result,
                       void *arguments, Compute compute) {
  Meeting &meeting = warps[running->warp];
  if (!(mask >> running->lane & 1))
    stop(Finding::Divergence,
         "is not among the lanes 0x" + llvm::utohexstr(mask) + " that meet",
         site);
  if (meeting.arrived == 0) {
    meeting.site = site;
    meeting.first = running->id;
    meeting.mask = mask;
  } else if (meeting.site != site || meeting.mask != mask) {
    stop(Finding::Divergence,
         "meets thread " + std::to_string(meeting.first) +
             ", which waits for the lanes 0x" + llvm::utohexstr(meeting.mask) +
             " at " + describeSite(meeting.site) + ",",
         site);
  }
  meeting.results[running->lane] = result;
  meeting.arguments[running->lane] = arguments;
  if (++meeting.arrived < unsigned(llvm::popcount(mask)))
    return wait(meeting.generation, meeting.generation, site);
  traffic.flush(running->warp);
  compute(meeting.results, meeting.arguments);
  meeting.arrived = 0;
  ++meeting.generation;
}

void Machine::syncWarp(uint32_t mask, uint32_t site) {
  Meeting &meeting = warps[running->warp];
  clocks.release(running->id, meeting.handover);
  meetWarp(mask, site, nullptr, nullptr, [](void **, void **) {});
  clocks.acquire(running->id, meeting.handover);
}

//===----------------------------------------------------------------------===//
// Barriers of the block
//===----------------------------------------------------------------------===//

void Machine::completeBarrier(Barrier &barrier) {
  // Threads that have ended no longer take part.
  if (!barrier.expected || barrier.arrived == threads.size()) {
    clocks.passBlockBarrier();
    ++traffic.counts.barriers;
  }
  barrier.passed = std::move(barrier.handover);
  barrier.handover = {};
  barrier.arrived = 0;
  barrier.warpSites.clear();
  barrier.here.clear();
  ++barrier.generation;
}

void Machine::arriveAtBarrier(unsigned id, unsigned count, uint32_t site,
                              bool waits) {
  if (id >= barriers.size())
    stop(Finding::Divergence,
         "uses barrier " + std::to_string(id) + "; a block has 16", site);
  Barrier &barrier = barriers[id];
  Thread &self = *running;
  if (barrier.arrived && barrier.expected != count)
    stop(Finding::Divergence,
         "expects " + std::to_string(count) + " threads at barrier " +
             std::to_string(id) + ", others " +
             std::to_string(barrier.expected) + ",",
         site);
  barrier.here.resize(threads.size());
  if (barrier.here[self.id])
    stop(Finding::Divergence,
         "arrives again at barrier " + std::to_string(id) +
             ", where others have not been since",
         site);
  barrier.here[self.id] = true;
  barrier.expected = count;
  barrier.warpSites.resize(warps.size());
  uint32_t &warpSite = barrier.warpSites[self.warp];
  if (warpSite && warpSite != site)
    stop(Finding::Divergence,
         "comes to barrier " + std::to_string(id) +
             " at another instruction than lanes of its warp, " +
             describeSite(warpSite) + ",",
         site);
  warpSite = site;
  if (count && count < threads.size())
    clocks.release(self.id, barrier.handover);
  uint32_t generation = barrier.generation;
  if (++barrier.arrived == (count ? count : alive))
    completeBarrier(barrier);
  if (!waits)
    return;
  if (barrier.generation == generation)
    wait(barrier.generation, generation, site);
  clocks.acquire(self.id, barrier.passed);
}

//===----------------------------------------------------------------------===//
// Barriers in shared memory
//===----------------------------------------------------------------------===//

void Machine::initPhases(uintptr_t address, unsigned count, uint32_t site) {
  access(address, 8, /*store=*/true, /*atomic=*/false, 8, site);
  phaseBarriers[address] = PhaseBarrier();
  phaseBarriers[address].expected = count;
}

PhaseBarrier &Machine::findPhases(uintptr_t address, uint32_t site) {
  access(address, 8, /*store=*/false, /*atomic=*/true, 8, site);
  auto found = phaseBarriers.find(address);
  if (found == phaseBarriers.end())
    stop(Finding::Divergence,
         "uses as an mbarrier what is none at " + memory.describe(address, 8),
         site);
  return found->second;
}

void Machine::endPhaseIfComplete(PhaseBarrier &barrier) {
  if (barrier.arrived < barrier.expected || barrier.bytes)
    return;
  barrier.passed = std::move(barrier.handover);
  barrier.handover = {};
  barrier.arrived = 0;
  ++barrier.phase;
}

void Machine::arriveAtPhase(uintptr_t address, uint32_t site) {
  PhaseBarrier &barrier = findPhases(address, site);
  clocks.release(running->id, barrier.handover);
  ++barrier.arrived;
  endPhaseIfComplete(barrier);
}

void Machine::expectBytes(uintptr_t address, int64_t bytes, uint32_t site) {
  findPhases(address, site).bytes += bytes;
}

void Machine::beginBulkCopy(BulkCopy copy, uint32_t site) {
  findPhases(copy.barrier, site);
  copy.issued = clocks.now(running->id);
  Shadow &shadow = memory.getShared().shadow;
  for (const BulkRow &row : copy.rows) {
    auto address = reinterpret_cast<uintptr_t>(row.destination);
    report(shadow.beginCopy(address, bulkRowBytes, running->id, clocks),
           memory.getShared(), /*store=*/true, site);
  }
  clocks.release(running->id, copy.handover);
  if (!isLazy())
    return landBulkCopy(copy);
  bulkCopies.push_back(std::move(copy));
}

void Machine::landBulkCopy(const BulkCopy &copy) {
  copy.land();
  for (const BulkRow &row : copy.rows)
    memory.getShared().shadow.finishCopy(
        reinterpret_cast<uintptr_t>(row.destination), bulkRowBytes,
        copy.issued);
  PhaseBarrier &barrier = phaseBarriers[copy.barrier];
  clocks.pass(copy.handover, barrier.handover);
  barrier.bytes -= int64_t(copy.rows.size()) * bulkRowBytes;
  endPhaseIfComplete(barrier);
}

/// A copy that arrives late does so once nobody can go on without.
bool Machine::landNextBulkCopy() {
  if (bulkCopies.empty())
    return false;
  BulkCopy next =
      std::move(isReversed() ? bulkCopies.back() : bulkCopies.front());
  isReversed() ? bulkCopies.pop_back() : bulkCopies.pop_front();
  landBulkCopy(next);
  return true;
}

void Machine::waitForPhase(uintptr_t address, uint32_t parity, uint32_t site) {
  PhaseBarrier &barrier = findPhases(address, site);
  // Fresh barriers let a wait for odd parity pass: no phase came before.
  if ((barrier.phase & 1) == parity)
    wait(barrier.phase, barrier.phase, site);
  clocks.acquire(running->id, barrier.passed);
}
