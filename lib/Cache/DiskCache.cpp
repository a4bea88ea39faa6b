//===- DiskCache.cpp - Compiled code kept between processes -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cache/DiskCache.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

namespace {
/// Closes a file descriptor.
struct Descriptor {
  explicit Descriptor(int number) : number(number) {}
  ~Descriptor() {
    if (number >= 0)
      ::close(number);
  }
  Descriptor(const Descriptor &) = delete;
  int number;
};
} // namespace

static bool writeAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    bytes.remove_prefix(written);
  }
  return true;
}

static std::optional<std::string> readAll(int file) {
  struct stat status;
  if (::fstat(file, &status) || !S_ISREG(status.st_mode))
    return std::nullopt;
  std::string bytes(status.st_size, '\0');
  size_t used = 0;
  while (used < bytes.size()) {
    ssize_t got = ::read(file, bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return std::nullopt;
    used += got;
  }
  return bytes;
}

std::optional<std::string> mlir::attn::readWholeFile(const std::string &path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number < 0)
    return std::nullopt;
  return readAll(file.number);
}

bool mlir::attn::replaceFile(const std::string &path, std::string_view bytes,
                             unsigned mode) {
  std::string temporary = path + ".tmpXXXXXX";
  Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.number < 0)
    return false;
  if (writeAll(file.number, bytes) && !::fchmod(file.number, mode) &&
      !::rename(temporary.c_str(), path.c_str()))
    return true;
  ::unlink(temporary.c_str());
  return false;
}

static bool makeDirectory(const std::string &path) {
  return !::mkdir(path.c_str(), 0700) || errno == EEXIST;
}

/// Makes a directory and those above it.
static bool makeDirectories(const std::string &path) {
  if (makeDirectory(path))
    return true;
  size_t slash = path.find_last_of('/');
  return errno == ENOENT && slash != std::string::npos && slash > 0 &&
         makeDirectories(path.substr(0, slash)) && makeDirectory(path);
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

/// FNV-1a.
static uint64_t hash(std::string_view bytes) {
  uint64_t value = 0xcbf29ce484222325;
  for (unsigned char byte : bytes)
    value = (value ^ byte) * 0x100000001b3;
  return value;
}

namespace {
/// Stands before key and bytes.
struct Header {
  char magic[8] = {'a', 't', 't', 'n', '-', 'c', '1', '\n'};
  uint64_t keySize = 0, size = 0, checksum = 0;
};
} // namespace

/// The bytes of an entry, if it is one of `key` and undamaged.
static std::optional<std::string> unpack(std::string_view entry,
                                         std::string_view key, bool &damaged) {
  Header header, expected;
  damaged = true;
  if (entry.size() < sizeof(header))
    return std::nullopt;
  std::memcpy(&header, entry.data(), sizeof(header));
  entry.remove_prefix(sizeof(header));
  if (std::memcmp(header.magic, expected.magic, sizeof(header.magic)) ||
      header.keySize > entry.size() ||
      header.size != entry.size() - header.keySize ||
      header.checksum != hash(entry))
    return std::nullopt;
  damaged = false;
  // Two keys may share a name.
  if (entry.substr(0, header.keySize) != key)
    return std::nullopt;
  return std::string(entry.substr(header.keySize));
}

std::optional<DiskCache> DiskCache::open(std::string place) {
  auto environment = [](const char *name) -> std::string {
    const char *value = std::getenv(name);
    return value ? value : "";
  };
  if (place.empty())
    place = environment("ATTN_CACHE");
  if (place == "off")
    return std::nullopt;
  if (!place.empty())
    return DiskCache(place);
  std::string home = environment("XDG_CACHE_HOME");
  // The specification ignores relative paths.
  if (home.empty() || home.front() != '/') {
    home = environment("HOME");
    if (home.empty())
      return std::nullopt;
    home += "/.cache";
  }
  return DiskCache(home + "/attn", /*isDefault=*/true);
}

/// The prefix is the one that llvm::pruneCache looks for.
std::string DiskCache::getPath(std::string_view key) const {
  static const char digits[] = "0123456789abcdef";
  std::string name;
  for (uint64_t value = hash(key), i = 0; i < 16; ++i, value >>= 4)
    name += digits[value & 15];
  return directory + "/llvmcache-" + name;
}

std::optional<std::string> DiskCache::lookup(std::string_view key) const {
  std::string path = getPath(key);
  // What is no file is not waited for.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number < 0)
    return std::nullopt;
  std::optional<std::string> entry = readAll(file.number);
  bool damaged = true;
  if (entry)
    entry = unpack(*entry, key, damaged);
  if (damaged)
    ::unlink(path.c_str());
  if (!entry)
    return std::nullopt;
  // The time of use decides what is removed first; file systems rarely keep it
  // by themselves.
  struct timespec times[] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  ::futimens(file.number, times);
  return entry;
}

bool DiskCache::insert(std::string_view key, std::string_view bytes) const {
  if (!makeDirectories(directory))
    return false;
  std::string entry(key);
  entry += bytes;
  Header header;
  header.keySize = key.size();
  header.size = bytes.size();
  header.checksum = hash(entry);
  entry.insert(0, reinterpret_cast<const char *>(&header), sizeof(header));
  return replaceFile(getPath(key), entry, 0600);
}
