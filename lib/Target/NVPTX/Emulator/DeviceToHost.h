//===- DeviceToHost.h - Device code as host code -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_NVPTX_EMULATOR_DEVICETOHOST_H
#define ATTN_LIB_TARGET_NVPTX_EMULATOR_DEVICETOHOST_H

#include "Machine.h"

#include "llvm/IR/Module.h"

namespace mlir::attn::emulator {

/// Before a name, in the host module: the function that calls a kernel with
/// cuLaunchKernel's parameters; the handler of an instruction.
constexpr llvm::StringLiteral launchPrefix = "attn.emulator.launch.";
constexpr llvm::StringLiteral handlerPrefix = "attn.emulator.do.";
/// void(ptr address, i64 bytes, i1 store, i1 atomic, i64 alignment, i32 site).
constexpr llvm::StringLiteral accessFunction = "attn.emulator.access";

/// A device module after its conversion.
struct HostCode {
  SiteTable sites;
  /// Of all variables in shared memory whose sizes are known; dynamic shared
  /// memory follows.
  size_t staticSharedBytes = 0;
  std::vector<std::string> kernels;
};

/// Turns `module` from code for the triple nvptx64 into code for this machine:
/// device instructions become calls of their handlers, accesses announce
/// themselves, variables in shared memory become addresses from `sharedBase`
/// on. The error names the instruction that has no handler.
llvm::Expected<HostCode> convertToHost(llvm::Module &module,
                                       const llvm::DataLayout &layout,
                                       const llvm::Triple &triple,
                                       const char *sharedBase);

} // namespace mlir::attn::emulator

#endif // ATTN_LIB_TARGET_NVPTX_EMULATOR_DEVICETOHOST_H
