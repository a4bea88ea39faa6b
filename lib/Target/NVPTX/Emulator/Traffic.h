//===- Traffic.h - What the accesses of a warp cost -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The memory system serves the 32 lanes of an instruction together. Fibers run
// lanes one after another, so accesses are kept until the warp meets again and
// are then put together: the n-th execution of an instruction by one lane
// belongs to the n-th of the others.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_NVPTX_EMULATOR_TRAFFIC_H
#define ATTN_LIB_TARGET_NVPTX_EMULATOR_TRAFFIC_H

#include "attn/Target/NVPTX/Emulator/Emulator.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

namespace mlir::attn::emulator {

/// Passes over the 32 banks of 4 bytes for one instruction; see
/// `countWavefronts`.
struct Wavefronts {
  int64_t needed = 0, spare = 0;
};

/// The cost of an instruction whose lanes access `bytes` each at `addresses`.
/// Lanes that move 4 bytes or less go together, of 8 bytes half of a warp, of
/// 16 bytes a quarter; each such group takes as many passes as one bank has
/// different words in it, and could do with one.
Wavefronts countWavefronts(llvm::ArrayRef<uintptr_t> addresses, unsigned bytes);

/// The access of one lane.
struct LaneAccess {
  uint32_t site;
  uint32_t occurrence; ///< Since the warp last met.
  uint32_t lane;
  uint32_t bytes;
  uintptr_t address;
  bool shared, store;
};

/// Puts accesses together and counts.
class TrafficCounter {
public:
  void begin(size_t warps, size_t sites);
  /// One lane accesses memory.
  void note(unsigned warp, unsigned lane, uint32_t site, uintptr_t address,
            unsigned bytes, bool shared, bool store);
  /// The lanes of `warp` have met.
  void flush(unsigned warp);
  /// TMA reads a row of global memory.
  void noteBulkLoad(uintptr_t address, unsigned bytes);
  /// All lanes of a warp access shared memory in one instruction.
  void noteShared(uint32_t site, llvm::ArrayRef<uintptr_t> addresses,
                  unsigned bytes);

  /// Totals of the launch.
  Counts counts;
  /// Per site.
  std::vector<SharedAccess> sites;

private:
  void countGroup(llvm::ArrayRef<LaneAccess> group);

  struct WarpBuffer {
    llvm::SmallVector<LaneAccess, 0> accesses;
    llvm::DenseMap<uint64_t, uint32_t> occurrences; ///< By site, space, lane.
  };
  std::vector<WarpBuffer> warps;
};

} // namespace mlir::attn::emulator

#endif // ATTN_LIB_TARGET_NVPTX_EMULATOR_TRAFFIC_H
