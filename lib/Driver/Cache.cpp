//===- Cache.cpp - Compilations kept on disk -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Cache.h"

#include "llvm/Support/CachePruning.h"

#include <dlfcn.h>
#include <link.h>
#include <mutex>

using namespace mlir;
using namespace mlir::attn;

bool attn::insertBounded(const DiskCache &cache, StringRef key, StringRef bytes,
                         uint64_t maxBytes) {
  if (!cache.insert(key, bytes))
    return false;
  llvm::CachePruningPolicy policy;
  policy.Interval = std::chrono::seconds(0);
  policy.MaxSizeBytes = maxBytes;
  llvm::pruneCache(cache.getDirectory(), policy);
  return true;
}

/// Says once per process that the place that a user named keeps nothing.
static void warnOfPlace(const DiskCache &cache) {
  static std::once_flag said;
  std::call_once(said, [&] {
    llvm::errs() << "attn: warning: the cache '" << cache.getDirectory()
                 << "' is no directory that can be written to; nothing is "
                    "kept\n";
  });
}

/// The library or the program that this code is part of.
static std::string getCompilerPath() {
  Dl_info info;
  link_map *map;
  if (!::dladdr1(reinterpret_cast<void *>(&getCompilerPath), &info,
                 reinterpret_cast<void **>(&map), RTLD_DL_LINKMAP))
    return {};
  return *map->l_name ? map->l_name : "/proc/self/exe";
}

/// The cache and the key of a compilation; none where nothing is to be kept.
static std::optional<DiskCache> openCache(Compilation &compilation,
                                          StringRef kind, std::string &key) {
  const CompileOptions &options = compilation.getOptions();
  // A hit would leave the directory of dumps empty.
  if (!options.dumpDirectory.empty())
    return std::nullopt;
  std::optional<DiskCache> cache = DiskCache::open(options.cache);
  CacheKey parts;
  if (cache)
    parts.compiler = getCompilerIdentity(getCompilerPath());
  if (parts.compiler.empty())
    return std::nullopt;
  parts.target = options.target;
  parts.threads = options.threads;
  parts.debugChecks = options.debugChecks;
  parts.firstPhase = getPhaseName(options.startFrom);
  parts.lastPhase = getPhaseName(options.stopAfter.value_or(Phase::Lower));
  parts.kind = kind;
  parts.source = compilation.getSourceText();
  key = parts.str();
  return cache;
}

llvm::Expected<CachedBytes>
attn::getCached(Compilation &compilation, StringRef kind,
                llvm::function_ref<llvm::Expected<std::string>()> make) {
  std::string key;
  std::optional<DiskCache> cache = openCache(compilation, kind, key);
  if (cache)
    if (std::optional<std::string> bytes = cache->lookup(key))
      return CachedBytes{std::move(*bytes), /*hit=*/true};
  llvm::Expected<std::string> bytes = make();
  if (!bytes)
    return bytes.takeError();
  if (cache && !insertBounded(*cache, key, *bytes) && !cache->isDefault())
    warnOfPlace(*cache);
  return CachedBytes{std::move(*bytes), /*hit=*/false};
}
