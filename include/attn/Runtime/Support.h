//===- Support.h - The runtime support as assembly -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_SUPPORT_H
#define ATTN_RUNTIME_SUPPORT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace mlir::attn {

/// One source file of lib/Runtime as assembly for the architecture's baseline,
/// or for vectors of so many bits (x86_64_512).
/// All symbols are local to the module that it is added to, but for those that
/// any number of compiled objects share in a program, which are weak.
struct RuntimeSupport {
  llvm::StringRef name;         ///< Of the source, e.g. "Parallel".
  llvm::StringRef architecture; ///< As LLVM triples name it.
  llvm::StringRef assembly;
};

/// All of them, for every architecture.
llvm::ArrayRef<RuntimeSupport> getRuntimeSupport();

} // namespace mlir::attn

#endif // ATTN_RUNTIME_SUPPORT_H
