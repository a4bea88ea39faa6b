//===- CacheTest.cpp - Compiled code kept between processes -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Cache.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"

#include "gtest/gtest.h"

#include <chrono>
#include <cstdlib>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace mlir::attn;

namespace {
class DiskCacheTest : public ::testing::Test {
protected:
  DiskCacheTest() {
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("attn-cache", root));
    cache.emplace((root + "/below/it").str());
  }
  ~DiskCacheTest() override { llvm::sys::fs::remove_directories(root); }

  /// Rewrites the entry of `key` by `change`.
  void damage(llvm::StringRef key,
              llvm::function_ref<void(std::string &)> change) {
    std::string path = cache->getPath(key);
    std::optional<std::string> entry = readWholeFile(path);
    ASSERT_TRUE(entry);
    change(*entry);
    ASSERT_TRUE(replaceFile(path, *entry, 0600));
  }

  llvm::SmallString<128> root;
  std::optional<DiskCache> cache;
};

CacheKey makeKey() {
  CacheKey key;
  key.compiler = "1";
  key.target = "native";
  key.kind = ".o";
  key.source = "module {}";
  return key;
}
} // namespace

TEST_F(DiskCacheTest, FindsWhatWasInserted) {
  EXPECT_FALSE(cache->lookup("key"));
  std::string bytes("a\0b", 3);
  EXPECT_TRUE(cache->insert("key", bytes));
  EXPECT_EQ(cache->lookup("key"), bytes);
  EXPECT_FALSE(cache->lookup("other"));
  EXPECT_TRUE(cache->insert("key", "new"));
  EXPECT_EQ(cache->lookup("key"), "new");
  EXPECT_TRUE(cache->insert("key", ""));
  EXPECT_EQ(cache->lookup("key"), "");
}

TEST_F(DiskCacheTest, RemovesDamagedEntries) {
  auto flip = [](std::string &entry) { entry.back() ^= 1; };
  auto cut = [](std::string &entry) { entry.pop_back(); };
  auto cutHeader = [](std::string &entry) { entry.resize(5); };
  auto grow = [](std::string &entry) { entry += 'x'; };
  auto wrongSize = [](std::string &entry) { entry[8] ^= 64; };
  for (llvm::function_ref<void(std::string &)> change :
       {llvm::function_ref<void(std::string &)>(flip),
        {cut},
        {cutHeader},
        {grow},
        {wrongSize}}) {
    ASSERT_TRUE(cache->insert("key", "bytes"));
    damage("key", change);
    EXPECT_FALSE(cache->lookup("key"));
    EXPECT_FALSE(llvm::sys::fs::exists(cache->getPath("key")));
  }
}

TEST_F(DiskCacheTest, WaitsForNoPipe) {
  ASSERT_TRUE(cache->insert("key", "bytes"));
  std::string path = cache->getPath("key");
  ASSERT_EQ(0, ::unlink(path.c_str()));
  ASSERT_EQ(0, ::mkfifo(path.c_str(), 0600));
  EXPECT_FALSE(cache->lookup("key"));
  EXPECT_TRUE(cache->insert("key", "bytes"));
  EXPECT_EQ(cache->lookup("key"), "bytes");
}

TEST_F(DiskCacheTest, TrustsTheKeyNotTheName) {
  ASSERT_TRUE(cache->insert("key", "bytes"));
  // As if both keys had one hash.
  ASSERT_EQ(0, ::rename(cache->getPath("key").c_str(),
                        cache->getPath("other").c_str()));
  EXPECT_FALSE(cache->lookup("other"));
  EXPECT_TRUE(llvm::sys::fs::exists(cache->getPath("other")));
}

TEST_F(DiskCacheTest, DropsTheLongestUnusedFirst) {
  std::string bytes(10000, 'x');
  auto wait = [] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  for (const char *key : {"a", "b", "c"}) {
    insertBounded(*cache, key, bytes, 100000);
    wait();
  }
  EXPECT_TRUE(cache->lookup("a"));
  wait();
  insertBounded(*cache, "d", bytes, 35000);
  EXPECT_TRUE(cache->lookup("a"));
  EXPECT_FALSE(cache->lookup("b"));
  EXPECT_TRUE(cache->lookup("c"));
  EXPECT_TRUE(cache->lookup("d"));
}

TEST_F(DiskCacheTest, IsSafeUnderConcurrentProcesses) {
  std::vector<pid_t> children;
  for (char who = 'a'; who < 'e'; ++who) {
    pid_t child = ::fork();
    if (child) {
      children.push_back(child);
      continue;
    }
    std::string mine(20000, who);
    for (int i = 0; i < 200; ++i) {
      if (!cache->insert("key", mine))
        ::_exit(1);
      std::optional<std::string> found = cache->lookup("key");
      // Of whichever process, but whole.
      if (!found || found->size() != mine.size() ||
          found->find_first_not_of(found->front()) != std::string::npos)
        ::_exit(2);
    }
    ::_exit(0);
  }
  for (pid_t child : children) {
    int status = 0;
    ASSERT_EQ(child, ::waitpid(child, &status, 0));
    EXPECT_EQ(0, status);
  }
  // One entry, nothing left beside it.
  std::error_code code;
  int files = 0;
  for (llvm::sys::fs::directory_iterator it(cache->getDirectory(), code), end;
       it != end && !code; it.increment(code))
    ++files;
  EXPECT_EQ(1, files);
}

TEST_F(DiskCacheTest, ReportsNothingWhereItCannotWrite) {
  ASSERT_TRUE(replaceFile((root + "/file").str(), "", 0600));
  DiskCache blocked((root + "/file/below").str());
  EXPECT_FALSE(blocked.insert("key", "bytes"));
  EXPECT_FALSE(blocked.lookup("key"));
}

TEST(CacheKeyTest, DiffersInEachPart) {
  std::string key = makeKey().str();
  EXPECT_EQ(key, makeKey().str());
  auto expectOther = [&](llvm::function_ref<void(CacheKey &)> change) {
    CacheKey other = makeKey();
    change(other);
    EXPECT_NE(key, other.str());
  };
  expectOther([](CacheKey &k) { k.compiler = "2"; });
  expectOther([](CacheKey &k) { k.target = "x86-64-v3"; });
  expectOther([](CacheKey &k) { k.threads = 1; });
  expectOther([](CacheKey &k) { k.firstPhase = "tile"; });
  expectOther([](CacheKey &k) { k.lastPhase = "tile"; });
  expectOther([](CacheKey &k) { k.kind = ".so"; });
  expectOther([](CacheKey &k) { k.source += ' '; });
  // Fields do not run into each other.
  expectOther([](CacheKey &k) {
    k.compiler += k.target;
    k.target.clear();
  });
}

TEST(CacheKeyTest, NamesTheMachineBehindNative) {
  CacheKey native = makeKey(), named = makeKey(), features = makeKey();
  named.target = "x86-64-v3";
  features.target = "native,+fma";
  EXPECT_GT(native.str().size(), named.str().size() + 20);
  EXPECT_GT(features.str().size(), named.str().size() + 20);
}

TEST(CompilerIdentityTest, FollowsTheLibrary) {
  llvm::SmallString<128> library;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("libAttn", "so", library));
  std::string path = library.str().str(), before = getCompilerIdentity(path);
  EXPECT_FALSE(before.empty());
  EXPECT_EQ(before, getCompilerIdentity(path));
  ASSERT_TRUE(replaceFile(path, "rebuilt", 0600));
  EXPECT_NE(before, getCompilerIdentity(path));
  llvm::sys::fs::remove(library);
  EXPECT_EQ("", getCompilerIdentity(path));
}

TEST(DiskCachePlaceTest, FollowsTheEnvironment) {
  ::setenv("HOME", "/home/x", 1);
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("ATTN_CACHE");
  EXPECT_EQ("/home/x/.cache/attn", DiskCache::open("")->getDirectory());
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  EXPECT_EQ("/home/x/.cache/attn", DiskCache::open("")->getDirectory());
  ::setenv("XDG_CACHE_HOME", "/xdg", 1);
  EXPECT_EQ("/xdg/attn", DiskCache::open("")->getDirectory());
  ::setenv("ATTN_CACHE", "/own", 1);
  EXPECT_EQ("/own", DiskCache::open("")->getDirectory());
  EXPECT_EQ("/given", DiskCache::open("/given")->getDirectory());
  ::setenv("ATTN_CACHE", "off", 1);
  EXPECT_FALSE(DiskCache::open(""));
  EXPECT_FALSE(DiskCache::open("off"));
  EXPECT_TRUE(DiskCache::open("/given"));
}
