//===- Memory.h - What a kernel may access, and who did -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_NVPTX_EMULATOR_MEMORY_H
#define ATTN_LIB_TARGET_NVPTX_EMULATOR_MEMORY_H

#include "Clocks.h"

#include "attn/Target/NVPTX/Emulator/Emulator.h"

#include <optional>

namespace mlir::attn::emulator {

/// Why an access is wrong.
struct Conflict {
  Stamp other;      ///< The earlier access.
  bool otherStored; ///< Whether that stored.
  bool pending;     ///< It was an asynchronous copy that is still under way.
  uintptr_t address;
};

/// The last accesses to every two bytes of some memory.
class Shadow {
public:
  void reset(uintptr_t begin, size_t bytes) {
    base = begin;
    granules.assign((bytes + 1) / 2, {});
  }

  /// Notes an access of `thread` and returns the first one that it collides
  /// with. Atomic accesses do not collide with each other.
  std::optional<Conflict> note(uintptr_t address, size_t bytes, bool store,
                               bool atomic, unsigned thread,
                               const Clocks &clocks);
  /// An asynchronous copy of `thread` will write here, until `finishCopy`.
  std::optional<Conflict> beginCopy(uintptr_t address, size_t bytes,
                                    unsigned thread, const Clocks &clocks);
  void finishCopy(uintptr_t address, size_t bytes, const Stamp &writer);

private:
  struct Granule {
    Stamp writer;
    Stamp readers[2]; ///< Of two threads where there were several.
    bool atomicWriter = false;
    bool pending = false;
  };

  std::optional<Conflict> findConflict(const Granule &granule, bool store,
                                       bool atomic, unsigned thread,
                                       const Clocks &clocks) const;

  uintptr_t base = 0;
  std::vector<Granule> granules;
};

/// One buffer, or the shared memory of a block.
struct MemoryRange {
  std::string name;
  uintptr_t begin = 0;
  size_t bytes = 0;
  bool writable = true;
  bool shared = false;
  bool released = false; ///< May no longer be accessed.
  Shadow shadow;
  BufferTraffic traffic;

  bool contains(uintptr_t address, size_t count) const {
    return !released && address >= begin && count <= bytes &&
           address - begin <= bytes - count;
  }
};

/// All memory that a kernel may access. Shared memory lies below 4 GiB, so that
/// its addresses survive as the 32-bit numbers that PTX has for them, and at a
/// multiple of 256 KiB, so that the 18 bits which descriptors keep are offsets.
class Memory {
public:
  static constexpr size_t sharedLimit = 227 << 10;

  Memory();
  ~Memory();
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  void addBuffer(llvm::StringRef name, void *data, size_t bytes, bool writable);
  void releaseBuffer(const void *data);
  void removeBuffers() { buffers.clear(); }
  llvm::MutableArrayRef<MemoryRange> getBuffers() { return buffers; }

  /// Forgets accesses of an earlier launch.
  void beginLaunch(size_t sharedBytes);
  /// Fills shared memory with NaN of every type.
  void beginBlock();

  MemoryRange &getShared() { return shared; }
  char *getSharedBase() const { return arena; }
  /// The range that holds [address, address + bytes), or null.
  MemoryRange *find(uintptr_t address, size_t bytes);
  /// "'k' + 64 of 4096 bytes", or how far off the nearest range is.
  std::string describe(uintptr_t address, size_t bytes) const;

private:
  MemoryRange shared;
  std::vector<MemoryRange> buffers;
  size_t lastFound = 0;
  char *mapping = nullptr, *arena = nullptr;
};

} // namespace mlir::attn::emulator

#endif // ATTN_LIB_TARGET_NVPTX_EMULATOR_MEMORY_H
