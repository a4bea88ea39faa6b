//===- Cache.h - Compilations kept on disk -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DRIVER_CACHE_H
#define ATTN_DRIVER_CACHE_H

#include "attn/Cache/DiskCache.h"
#include "attn/Driver/Compilation.h"

namespace mlir::attn {

/// Bytes of entries that a cache may hold; the longest unused go first.
inline constexpr uint64_t maxCacheBytes = uint64_t(256) << 20;

/// Inserts and removes what is beyond `maxBytes`. Returns whether there was a
/// directory to insert into.
bool insertBounded(const DiskCache &cache, StringRef key, StringRef bytes,
                   uint64_t maxBytes = maxCacheBytes);

/// What a compilation gave, or would have given.
struct CachedBytes {
  std::string bytes;
  bool hit = false;
};

/// The result of `make`, which compiles, under the name `kind`: from the cache
/// of the compilation's options where an earlier compilation of the same source
/// with equal options left it there.
llvm::Expected<CachedBytes>
getCached(Compilation &compilation, StringRef kind,
          llvm::function_ref<llvm::Expected<std::string>()> make);

} // namespace mlir::attn

#endif // ATTN_DRIVER_CACHE_H
