//===- Files.h - Reading inputs, writing outputs whole -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DRIVER_FILES_H
#define ATTN_DRIVER_FILES_H

#include "mlir/Support/LLVM.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

namespace mlir::attn {

/// Reads a file, or standard input for "-". The error names the file.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> readInput(StringRef path);

/// Writes a file, or standard output for "-". A file appears by renaming, whole
/// or not at all; `makeExecutable` as linkers do.
llvm::Error writeOutput(StringRef path, StringRef bytes,
                        bool makeExecutable = false);

/// Writes `directory`/`name`, the directory being made where it is missing.
llvm::Error writeFileIn(StringRef directory, StringRef name, StringRef bytes);

} // namespace mlir::attn

#endif // ATTN_DRIVER_FILES_H
