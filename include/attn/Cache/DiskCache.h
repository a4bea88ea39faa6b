//===- DiskCache.h - Compiled code kept between processes -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plain C++, without LLVM: loading its libraries takes longer than reading an
// entry, and the launcher of attnc does without them.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CACHE_DISKCACHE_H
#define ATTN_CACHE_DISKCACHE_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mlir::attn {

/// What the bytes of an entry depend on.
struct CacheKey {
  std::string compiler; ///< As getCompilerIdentity tells.
  std::string target;   ///< As given on a command line.
  unsigned threads = 0;
  bool debugChecks = false;
  std::string firstPhase = "raise", lastPhase = "lower";
  std::string kind;   ///< The extension of the output, or "jit".
  std::string source; ///< The module as written, text or bytecode.

  /// All of it in one string. A target that is this machine stands with what
  /// the operating system says of its CPU.
  std::string str() const;
};

/// Identifies the compiler: its version, and size and time of its file, a
/// library or a program, and of the libraries of MLIR and LLVM, so that a
/// rebuilt compiler shares no entry with the one before.
std::string getCompilerIdentity(const std::string &compiler);

/// A directory of entries, shared by any number of processes. A failure to read
/// or to write is never an error: the entry is then not there.
class DiskCache {
public:
  /// The cache in `place`; where that is empty, in what the environment
  /// variable ATTN_CACHE says, else in `attn` under XDG_CACHE_HOME or ~/.cache.
  /// "off" is none.
  static std::optional<DiskCache> open(std::string place);

  explicit DiskCache(std::string directory, bool isDefault = false)
      : directory(std::move(directory)), isDefaultPlace(isDefault) {}

  /// The bytes under `key`, whose time of use is set to now. An entry that is
  /// damaged is removed.
  std::optional<std::string> lookup(std::string_view key) const;

  /// Puts `bytes` under `key`. The entry appears whole, by renaming.
  bool insert(std::string_view key, std::string_view bytes) const;

  const std::string &getDirectory() const { return directory; }
  /// Whether neither `place` nor ATTN_CACHE named the directory.
  bool isDefault() const { return isDefaultPlace; }
  std::string getPath(std::string_view key) const;

private:
  std::string directory;
  bool isDefaultPlace;
};

/// Replaces the file `path` by renaming one that is complete.
bool replaceFile(const std::string &path, std::string_view bytes,
                 unsigned mode);

/// The bytes of a regular file.
std::optional<std::string> readWholeFile(const std::string &path);

} // namespace mlir::attn

#endif // ATTN_CACHE_DISKCACHE_H
