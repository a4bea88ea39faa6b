//===- Memory.cpp - What a kernel may access, and who did -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Memory.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/ErrorHandling.h"

#include <cstring>
#include <sys/mman.h>

using namespace mlir::attn::emulator;

//===----------------------------------------------------------------------===//
// Shadow
//===----------------------------------------------------------------------===//

std::optional<Conflict> Shadow::findConflict(const Granule &granule, bool store,
                                             bool atomic, unsigned thread,
                                             const Clocks &clocks) const {
  if (granule.pending)
    return Conflict{granule.writer, true, true, 0};
  bool bothAtomic = atomic && granule.atomicWriter;
  if (!bothAtomic && !clocks.isOrdered(granule.writer, thread))
    return Conflict{granule.writer, true, false, 0};
  if (!store)
    return std::nullopt;
  for (const Stamp &reader : granule.readers)
    if (!clocks.isOrdered(reader, thread))
      return Conflict{reader, false, false, 0};
  return std::nullopt;
}

std::optional<Conflict> Shadow::note(uintptr_t address, size_t bytes,
                                     bool store, bool atomic, unsigned thread,
                                     const Clocks &clocks) {
  std::optional<Conflict> first;
  Stamp now = clocks.now(thread);
  for (size_t i = (address - base) / 2, end = (address + bytes - base + 1) / 2;
       i < end; ++i) {
    Granule &granule = granules[i];
    if (!first) {
      first = findConflict(granule, store, atomic, thread, clocks);
      if (first)
        first->address = base + 2 * i;
    }
    if (store) {
      granule.writer = now;
      granule.atomicWriter = atomic;
    } else if (granule.readers[0].thread != thread) {
      granule.readers[1] = granule.readers[0];
      granule.readers[0] = now;
    } else {
      granule.readers[0] = now;
    }
  }
  return first;
}

std::optional<Conflict> Shadow::beginCopy(uintptr_t address, size_t bytes,
                                          unsigned thread,
                                          const Clocks &clocks) {
  std::optional<Conflict> conflict =
      note(address, bytes, /*store=*/true, /*atomic=*/false, thread, clocks);
  for (size_t i = (address - base) / 2; i < (address + bytes - base + 1) / 2;
       ++i)
    granules[i].pending = true;
  return conflict;
}

void Shadow::finishCopy(uintptr_t address, size_t bytes, const Stamp &writer) {
  for (size_t i = (address - base) / 2; i < (address + bytes - base + 1) / 2;
       ++i) {
    granules[i].pending = false;
    granules[i].writer = writer;
  }
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

constexpr size_t arenaBytes = 256 << 10;

Memory::Memory() {
  // The kernel takes an address as a hint only: look for one that it grants.
  for (uintptr_t hint = 0x10000000; hint < 0xf0000000; hint += 0x1000000) {
    void *result =
        mmap(reinterpret_cast<void *>(hint), 2 * arenaBytes,
             PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (result == MAP_FAILED)
      break;
    auto address = reinterpret_cast<uintptr_t>(result);
    if (address + 2 * arenaBytes < (uintptr_t(1) << 32)) {
      mapping = static_cast<char *>(result);
      arena = mapping + (-address & (arenaBytes - 1));
      return;
    }
    munmap(result, 2 * arenaBytes);
  }
  llvm::report_fatal_error("no memory below 4 GiB for the emulated GPU");
}

Memory::~Memory() { munmap(mapping, 2 * arenaBytes); }

void Memory::addBuffer(llvm::StringRef name, void *data, size_t bytes,
                       bool writable) {
  MemoryRange range;
  range.name = name.str();
  range.begin = reinterpret_cast<uintptr_t>(data);
  range.bytes = bytes;
  range.writable = writable;
  buffers.push_back(std::move(range));
}

void Memory::releaseBuffer(const void *data) {
  for (MemoryRange &buffer : buffers)
    if (buffer.begin == reinterpret_cast<uintptr_t>(data))
      buffer.released = true;
}

void Memory::beginLaunch(size_t sharedBytes) {
  shared.name = "shared memory";
  shared.begin = reinterpret_cast<uintptr_t>(arena);
  shared.bytes = sharedBytes;
  shared.shared = true;
  lastFound = 0;
  for (MemoryRange &buffer : buffers) {
    buffer.shadow.reset(buffer.begin, buffer.bytes);
    buffer.traffic = {buffer.name};
  }
}

void Memory::beginBlock() {
  std::memset(arena, 0xff, shared.bytes);
  shared.shadow.reset(shared.begin, shared.bytes);
}

MemoryRange *Memory::find(uintptr_t address, size_t bytes) {
  if (shared.contains(address, bytes))
    return &shared;
  if (lastFound < buffers.size() && buffers[lastFound].contains(address, bytes))
    return &buffers[lastFound];
  for (auto [index, buffer] : llvm::enumerate(buffers)) {
    if (!buffer.contains(address, bytes))
      continue;
    lastFound = index;
    return &buffer;
  }
  return nullptr;
}

/// Bytes between the access and the range; 0 where they touch or overlap.
static uintptr_t getDistance(const MemoryRange &range, uintptr_t address,
                             size_t bytes) {
  if (address + bytes < range.begin)
    return range.begin - address - bytes;
  uintptr_t end = range.begin + range.bytes;
  return address > end ? address - end : 0;
}

std::string Memory::describe(uintptr_t address, size_t bytes) const {
  const MemoryRange *nearest = &shared;
  for (const MemoryRange &buffer : buffers)
    if (getDistance(buffer, address, bytes) <
        getDistance(*nearest, address, bytes))
      nearest = &buffer;
  if (getDistance(*nearest, address, bytes) > (uintptr_t(1) << 20))
    return "address 0x" + llvm::utohexstr(address) + ", far from every buffer";
  std::string name =
      nearest->shared ? nearest->name : "'" + nearest->name + "'";
  auto offset = static_cast<int64_t>(address - nearest->begin);
  return (llvm::Twine(name) + (offset < 0 ? " - " : " + ") +
          llvm::Twine(offset < 0 ? -offset : offset) + " of " +
          llvm::Twine(nearest->bytes) + " bytes" +
          (nearest->released ? ", which were released" : ""))
      .str();
}
