//===- Traffic.cpp - What the accesses of a warp cost -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Traffic.h"

#include "llvm/ADT/STLExtras.h"

#include <tuple>

using namespace mlir::attn::emulator;

constexpr unsigned bankCount = 32, bankBytes = 4, sectorBytes = 32;

Counts &Counts::operator+=(const Counts &other) {
  blocks += other.blocks;
  barriers += other.barriers;
  tensorFlops += other.tensorFlops;
  loadedBytes += other.loadedBytes;
  storedBytes += other.storedBytes;
  loadedSectors += other.loadedSectors;
  storedSectors += other.storedSectors;
  sharedWavefronts += other.sharedWavefronts;
  bankConflicts += other.bankConflicts;
  return *this;
}

/// Sorts and removes what is there twice.
template <typename Vector>
static void makeUnique(Vector &values) {
  llvm::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

/// Passes of lanes that the hardware serves together.
static int64_t countPasses(llvm::ArrayRef<uintptr_t> addresses,
                           unsigned bytes) {
  llvm::SmallVector<uintptr_t, 64> words;
  for (uintptr_t address : addresses)
    for (uintptr_t word = address / bankBytes;
         word <= (address + bytes - 1) / bankBytes; ++word)
      words.push_back(word);
  makeUnique(words);
  unsigned perBank[bankCount] = {};
  for (uintptr_t word : words)
    ++perBank[word % bankCount];
  return *std::max_element(perBank, perBank + bankCount);
}

/// Lanes that the hardware serves together, counted from the first.
static unsigned lanesTogether(unsigned bytes) {
  return bytes <= 4 ? 32 : std::max(1u, 128 / bytes);
}

Wavefronts
mlir::attn::emulator::countWavefronts(llvm::ArrayRef<uintptr_t> addresses,
                                      unsigned bytes) {
  unsigned together = lanesTogether(bytes);
  Wavefronts result;
  while (!addresses.empty()) {
    size_t taken = std::min<size_t>(together, addresses.size());
    int64_t passes = countPasses(addresses.take_front(taken), bytes);
    result.needed += passes;
    result.spare += passes - 1;
    addresses = addresses.drop_front(taken);
  }
  return result;
}

void TrafficCounter::begin(size_t warpCount, size_t siteCount) {
  counts = {};
  warps.assign(warpCount, WarpBuffer());
  sites.assign(siteCount, SharedAccess());
}

void TrafficCounter::note(unsigned warp, unsigned lane, uint32_t site,
                          uintptr_t address, unsigned bytes, bool shared,
                          bool store) {
  WarpBuffer &buffer = warps[warp];
  uint64_t key = uint64_t(site) << 32 | uint64_t(shared) << 8 | lane;
  uint32_t occurrence = buffer.occurrences[key]++;
  buffer.accesses.push_back(
      {site, occurrence, lane, bytes, address, shared, store});
}

static void addCost(Counts &counts, SharedAccess &site,
                    const Wavefronts &cost) {
  counts.sharedWavefronts += cost.needed;
  counts.bankConflicts += cost.spare;
  site.warps += 1;
  site.wavefronts += cost.needed;
  site.conflicts += cost.spare;
}

void TrafficCounter::noteShared(uint32_t site,
                                llvm::ArrayRef<uintptr_t> addresses,
                                unsigned bytes) {
  addCost(counts, sites[site], countWavefronts(addresses, bytes));
}

void TrafficCounter::noteBulkLoad(uintptr_t address, unsigned bytes) {
  counts.loadedBytes += bytes;
  counts.loadedSectors +=
      (address + bytes - 1) / sectorBytes - address / sectorBytes + 1;
}

/// Of an instruction that not all lanes execute: each group of lanes by itself.
static Wavefronts countLanes(llvm::ArrayRef<LaneAccess> accesses) {
  Wavefronts total;
  unsigned bytes = accesses.front().bytes, together = lanesTogether(bytes);
  while (!accesses.empty()) {
    unsigned first = accesses.front().lane / together;
    auto group = accesses.take_while([&](const LaneAccess &access) {
      return access.lane / together == first;
    });
    llvm::SmallVector<uintptr_t, 32> addresses;
    for (const LaneAccess &access : group)
      addresses.push_back(access.address);
    Wavefronts cost = countWavefronts(addresses, bytes);
    total.needed += cost.needed;
    total.spare += cost.spare;
    accesses = accesses.drop_front(group.size());
  }
  return total;
}

/// Counts what the lanes of one instruction access.
void TrafficCounter::countGroup(llvm::ArrayRef<LaneAccess> group) {
  const LaneAccess &first = group.front();
  if (first.shared)
    return addCost(counts, sites[first.site], countLanes(group));
  llvm::SmallVector<uintptr_t, 64> sectors;
  int64_t bytes = 0;
  for (const LaneAccess &access : group) {
    bytes += access.bytes;
    for (uintptr_t sector = access.address / sectorBytes;
         sector <= (access.address + access.bytes - 1) / sectorBytes; ++sector)
      sectors.push_back(sector);
  }
  makeUnique(sectors);
  (first.store ? counts.storedBytes : counts.loadedBytes) += bytes;
  (first.store ? counts.storedSectors : counts.loadedSectors) += sectors.size();
}

void TrafficCounter::flush(unsigned warp) {
  WarpBuffer &buffer = warps[warp];
  if (buffer.accesses.empty())
    return;
  // A copy both loads and stores in one instruction.
  auto key = [](const LaneAccess &access) {
    return std::tuple(access.site, access.occurrence, access.shared);
  };
  llvm::sort(buffer.accesses, [&](const auto &lhs, const auto &rhs) {
    return std::tuple_cat(key(lhs), std::tuple(lhs.lane)) <
           std::tuple_cat(key(rhs), std::tuple(rhs.lane));
  });
  llvm::ArrayRef<LaneAccess> rest = buffer.accesses;
  while (!rest.empty()) {
    llvm::ArrayRef<LaneAccess> group =
        rest.take_while([&](const LaneAccess &access) {
          return key(access) == key(rest.front());
        });
    countGroup(group);
    rest = rest.drop_front(group.size());
  }
  buffer.accesses.clear();
  buffer.occurrences.clear();
}
