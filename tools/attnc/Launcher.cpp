//===- Launcher.cpp - attnc, where the result is in the cache -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loading the libraries of MLIR and LLVM takes longer than copying a file from
// the cache, so this program does that without them. Whatever it does not find
// or does not understand it leaves to the compiler, in whose place it starts.
//
//===----------------------------------------------------------------------===//

#include "attn/Cache/DiskCache.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir::attn;

/// The options of `attnc compile` that the result depends on, by name, and ""
/// for the input. Nothing if there are others, or one twice.
static std::optional<std::map<std::string, std::string>>
parseCompileCommand(int argc, char **argv) {
  std::map<std::string, std::string> options;
  if (argc < 2 || std::strcmp(argv[1], "compile"))
    return std::nullopt;
  for (int i = 2; i < argc; ++i) {
    std::string word = argv[i], name, value = word;
    if (word.size() > 1 && word[0] == '-') {
      word.erase(0, word[1] == '-' ? 2 : 1);
      size_t equals = word.find('=');
      name = word.substr(0, equals);
      if (name != "o" && name != "target" && name != "threads" &&
          name != "start-from" && name != "stop-after" && name != "cache")
        return std::nullopt;
      if (equals == word.npos && ++i == argc)
        return std::nullopt;
      value = equals == word.npos ? argv[i] : word.substr(equals + 1);
    }
    if (value.empty() || !options.emplace(name, value).second)
      return std::nullopt;
  }
  return options;
}

/// Writes the output of a compile command from the cache.
static bool copyFromCache(int argc, char **argv, const std::string &directory) {
  auto options = parseCompileCommand(argc, argv);
  if (!options || !options->count("") || !options->count("o"))
    return false;
  auto get = [&](const char *name, const char *otherwise) {
    auto found = options->find(name);
    return found == options->end() ? std::string(otherwise) : found->second;
  };
  const std::string &output = (*options)["o"];
  size_t name = output.find_last_of('/') + 1, dot = output.find_last_of('.');
  // An archive depends on its name.
  if (dot == output.npos || dot <= name || output.substr(dot) == ".a")
    return false;
  std::optional<DiskCache> cache = DiskCache::open(get("cache", ""));
  std::optional<std::string> source = readWholeFile((*options)[""]);
  if (!cache || !source)
    return false;
  CacheKey key;
  char *end;
  std::string threads = get("threads", "0");
  key.threads = std::strtoul(threads.c_str(), &end, 10);
  if (*end || std::to_string(key.threads) != threads)
    return false;
  key.compiler = getCompilerIdentity(directory + ATTN_COMPILER);
  key.target = get("target", "native");
  key.firstPhase = get("start-from", "raise");
  key.lastPhase = get("stop-after", "lower");
  key.kind = output.substr(dot);
  key.source = std::move(*source);
  std::optional<std::string> bytes;
  if (!key.compiler.empty())
    bytes = cache->lookup(key.str());
  mode_t mask = ::umask(0);
  ::umask(mask);
  return bytes &&
         replaceFile(output, *bytes, (key.kind == ".so" ? 0777 : 0666) & ~mask);
}

int main(int argc, char **argv) {
  char self[4096];
  ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self));
  std::string path(self, length > 0 ? length : 0);
  std::string directory = path.substr(0, path.find_last_of('/') + 1);
  if (copyFromCache(argc, argv, directory))
    return 0;
  std::string compiler = directory + ATTN_COMPILER;
  // A compilation takes memory in huge pages where the system lets it: half of
  // the page faults go. What the others measure stays as it is.
  if (argc > 1 && !std::strcmp(argv[1], "compile"))
    ::setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", /*overwrite=*/0);
  ::execv(compiler.c_str(), argv);
  std::fprintf(stderr, "attnc: error: cannot start '%s': %s\n",
               compiler.c_str(), std::strerror(errno));
  return 1;
}
