//===- Bitcode.h - The runtime support as LLVM bitcode -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_BITCODE_H
#define ATTN_RUNTIME_BITCODE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace mlir::attn {

/// One source file of lib/Runtime, compiled.
struct RuntimeBitcode {
  llvm::StringRef name;         ///< Of the source, e.g. "Parallel".
  llvm::StringRef architecture; ///< As LLVM triples name it.
  llvm::StringRef bytes;
};

/// All of them, for every architecture.
llvm::ArrayRef<RuntimeBitcode> getRuntimeBitcode();

} // namespace mlir::attn

#endif // ATTN_RUNTIME_BITCODE_H
