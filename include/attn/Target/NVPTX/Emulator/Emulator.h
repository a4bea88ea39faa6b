//===- Emulator.h - Runs CUDA kernels on the CPU, and checks them -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Executes the LLVM IR that becomes PTX, one fiber per CUDA thread, block after
// block. It answers whether a kernel is right, not how fast it is: shared
// memory starts as NaN, asynchronous copies arrive as early or as late as they
// may, every access is checked against the buffers, and unordered accesses of
// two threads to the same bytes are reported.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_NVPTX_EMULATOR_EMULATOR_H
#define ATTN_TARGET_NVPTX_EMULATOR_EMULATOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class Module;
} // namespace llvm

namespace mlir::attn::emulator {

/// When the data of asynchronous copies arrive. A kernel is right only if it is
/// right under each of them.
enum class CopySchedule {
  Eager,        ///< At once.
  Lazy,         ///< When somebody waits, in the order of issue.
  LazyReversed, ///< When somebody waits, last issued first; warps run last
                ///< first.
};
llvm::ArrayRef<CopySchedule> getCopySchedules();
llvm::StringRef getName(CopySchedule schedule);

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
};

/// What cuLaunchKernel takes beside the parameters.
struct Launch {
  std::string kernel;
  Dim3 grid, block;
  unsigned sharedBytes = 0; ///< Dynamic shared memory.
  CopySchedule schedule = CopySchedule::Eager;
};

/// Something that a kernel must not do.
struct Finding {
  enum Kind {
    OutOfBounds, ///< An access outside of every buffer. Ends the launch.
    Misaligned,  ///< An address that the instruction refuses. Ends the launch.
    ReadOnly,    ///< A store to an input. Ends the launch.
    Race,        ///< Two accesses, one a store, that nothing orders.
    Pending,    ///< Access to bytes whose asynchronous copy was not waited for.
    Divergence, ///< Lanes of a warp at different instructions. Ends the launch.
    Deadlock,   ///< No thread can go on. Ends the launch.
  };
  Kind kind;
  std::string sentence; ///< Names kernel, block, thread, address, instruction.
};

/// Bytes that a kernel moved between one buffer and its threads.
struct BufferTraffic {
  std::string name;
  int64_t loadedBytes = 0, storedBytes = 0;
};

/// Shared-memory accesses of one instruction of the kernel.
struct SharedAccess {
  std::string instruction;
  int64_t warps = 0;      ///< Warps that executed it.
  int64_t wavefronts = 0; ///< Passes over the 32 banks that they took.
  int64_t conflicts = 0;  ///< Those that a free choice of addresses spares.
};

/// What a kernel did.
struct Counts {
  int64_t blocks = 0;
  int64_t barriers = 0;    ///< Of a whole block.
  int64_t tensorFlops = 0; ///< Multiplications and additions of mma and wgmma.
  int64_t loadedBytes = 0, storedBytes = 0; ///< Global, as threads asked.
  /// Global, as the memory system moves it: 32 bytes each.
  int64_t loadedSectors = 0, storedSectors = 0;
  int64_t sharedWavefronts = 0, bankConflicts = 0;

  Counts &operator+=(const Counts &other);
};

struct Report {
  std::vector<Finding> findings;
  Counts counts;
  std::vector<int64_t> blockFlops;    ///< On tensor cores, of each block.
  std::vector<BufferTraffic> buffers; ///< In the order of addBuffer.
  std::vector<SharedAccess> shared;   ///< In the order of the code.

  bool isClean() const { return findings.empty(); }
  bool has(Finding::Kind kind) const;
};

/// Writes to `map`, of 128 bytes, how copies of boxes read a tensor, as the
/// driver's cuTensorMapEncodeTiled does: dimensions from the innermost, strides
/// of all but that in bytes, boxes with rows of 128 bytes, swizzled. Fails
/// where the driver refuses.
llvm::Error encodeTensorMap(void *map, void *data,
                            llvm::ArrayRef<int64_t> sizes,
                            llvm::ArrayRef<int64_t> strides,
                            llvm::ArrayRef<int64_t> box, unsigned elementBytes);

/// A device module, ready to run.
class Emulator {
public:
  /// Takes a module for the triple nvptx64, as the PTX backend would get it.
  /// The error names the instruction that the emulator lacks.
  static llvm::Expected<std::unique_ptr<Emulator>>
  create(const llvm::Module &device);
  ~Emulator();

  /// Memory that kernels may access, `writable` or not. It stays the caller's.
  void addBuffer(llvm::StringRef name, void *data, size_t bytes, bool writable);
  /// Kernels may no longer access the buffer that begins at `data`.
  void releaseBuffer(const void *data);
  void removeBuffers();

  /// Runs a kernel; `parameters` are pointers to its arguments, as
  /// cuLaunchKernel takes them. Fails where it cannot be launched at all.
  llvm::Expected<Report> launch(const Launch &launch, void *const *parameters);

private:
  struct State;
  explicit Emulator(std::unique_ptr<State> state);

  std::unique_ptr<State> state;
};

} // namespace mlir::attn::emulator

#endif // ATTN_TARGET_NVPTX_EMULATOR_EMULATOR_H
