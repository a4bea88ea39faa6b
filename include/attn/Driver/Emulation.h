//===- Emulation.h - Compiled functions on an emulated GPU -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DRIVER_EMULATION_H
#define ATTN_DRIVER_EMULATION_H

#include "attn/Driver/Call.h"
#include "attn/Target/NVPTX/Emulator/Emulator.h"

namespace mlir::attn {

/// One launch of a kernel.
struct EmulatedLaunch {
  emulator::Launch launch;
  emulator::Report report;
};

/// What a function did on the emulated GPU.
struct EmulationReport {
  std::string function;
  /// Under the first schedule of asynchronous copies.
  std::vector<EmulatedLaunch> launches;
  /// What is wrong, under any schedule: sentences.
  std::vector<std::string> findings;

  std::string getText() const;
  std::string getJSON() const;
};

/// A module compiled for a GPU, its host code loaded, its kernels emulated.
class EmulatedModule {
public:
  /// Fails where the target is no GPU.
  static llvm::Expected<std::unique_ptr<EmulatedModule>>
  compile(Compilation &compilation);
  ~EmulatedModule();

  LoadedModule &getHost() { return *host; }

  /// Calls a function once for each schedule of asynchronous copies. Results
  /// that depend on the schedule are a finding. Fails where the function
  /// refuses its arguments or a kernel cannot be launched.
  llvm::Expected<EmulationReport> call(const FunctionSignature &signature,
                                       std::vector<HostTensor> &inputs,
                                       std::vector<HostTensor> &outputs);

  /// What loaded code calls of the runtime (lib/Runtime/Runtime.h): the
  /// emulator for calls of an emulated module, else the CUDA driver.
  static int32_t launch(void *frame, void *kernels, const char *kernel,
                        int64_t blocks, int64_t threads, int64_t shared,
                        void **parameters);
  static int32_t getCapability(void *frame);
  static int32_t encodeTensorMap(void *frame, void *map, const int64_t *memref,
                                 int64_t rank, const int64_t *box);
  static void *allocate(void *frame, int64_t bytes);
  static void release(void *frame, void *pointer);

private:
  EmulatedModule() = default;
  void registerBuffers(const FunctionSignature &signature,
                       std::vector<HostTensor> &inputs,
                       std::vector<HostTensor> &outputs);
  llvm::Error callOnce(const FunctionSignature &signature,
                       std::vector<HostTensor> &inputs,
                       std::vector<HostTensor> &outputs,
                       emulator::CopySchedule schedule,
                       EmulationReport &report);

  std::unique_ptr<LoadedModule> host;
  std::unique_ptr<emulator::Emulator> device;
  unsigned capability = 0; ///< Of the device.
  std::vector<std::unique_ptr<char[]>> scratch;
  emulator::CopySchedule schedule = emulator::CopySchedule::Eager;
  std::vector<EmulatedLaunch> launches; ///< Of the call under way.
  std::string failure;                  ///< Why a launch was refused.
};

} // namespace mlir::attn

#endif // ATTN_DRIVER_EMULATION_H
