//===- Linker.h - Shared libraries -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DRIVER_LINKER_H
#define ATTN_LIB_DRIVER_LINKER_H

#include "attn/Target/CPU/TargetSpec.h"

namespace mlir::attn {

/// Links one object file to a shared library, whose bytes it returns, with a
/// linker found on the PATH. The error says which linkers were looked for, and
/// names the output `path`.
llvm::Expected<std::string> linkSharedLibrary(llvm::StringRef object,
                                              llvm::StringRef path,
                                              const TargetSpec &target);

} // namespace mlir::attn

#endif // ATTN_LIB_DRIVER_LINKER_H
