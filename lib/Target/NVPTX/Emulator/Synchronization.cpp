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

void Machine::arriveAtPhase(uintptr_t address, uint32_t site) {
  PhaseBarrier &barrier = findPhases(address, site);
  clocks.release(running->id, barrier.handover);
  if (++barrier.arrived < barrier.expected)
    return;
  barrier.passed = std::move(barrier.handover);
  barrier.handover = {};
  barrier.arrived = 0;
  ++barrier.phase;
}

void Machine::waitForPhase(uintptr_t address, uint32_t parity, uint32_t site) {
  PhaseBarrier &barrier = findPhases(address, site);
  // Fresh barriers let a wait for odd parity pass: no phase came before.
  if ((barrier.phase & 1) == parity)
    wait(barrier.phase, barrier.phase, site);
  clocks.acquire(running->id, barrier.passed);
}
