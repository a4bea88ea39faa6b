//===- Files.cpp - Reading inputs, writing outputs whole -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Files.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::attn;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
attn::readInput(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path);
  if (!buffer)
    return makeError("cannot read '" + path +
                     "': " + buffer.getError().message());
  return std::move(*buffer);
}

llvm::Error attn::writeOutput(StringRef path, StringRef bytes,
                              bool makeExecutable) {
  if (path == "-") {
    llvm::outs() << bytes;
    llvm::outs().flush();
    return llvm::Error::success();
  }
  unsigned mode = llvm::sys::fs::all_read | llvm::sys::fs::all_write;
  if (makeExecutable)
    mode |= llvm::sys::fs::all_exe;
  auto file = llvm::sys::fs::TempFile::create(path + ".tmp%%%%%%", mode);
  if (!file)
    return makeError("cannot write '" + path +
                     "': " + toString(file.takeError()));
  llvm::raw_fd_ostream stream(file->FD, /*shouldClose=*/false);
  stream << bytes;
  stream.flush();
  if (std::error_code code = stream.error()) {
    stream.clear_error();
    llvm::consumeError(file->discard());
    return makeError("cannot write '" + path + "': " + code.message());
  }
  if (llvm::Error error = file->keep(path))
    return makeError("cannot write '" + path +
                     "': " + toString(std::move(error)));
  return llvm::Error::success();
}

llvm::Error attn::writeFileIn(StringRef directory, StringRef name,
                              StringRef bytes) {
  if (std::error_code code = llvm::sys::fs::create_directories(directory))
    return makeError("cannot make the directory '" + directory +
                     "': " + code.message());
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(path, name);
  return writeOutput(path, bytes);
}
