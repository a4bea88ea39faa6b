//===- CPUFeatures.c - What this machine's CPU lacks -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Runtime.h"

#define ATTN_NAME(position, name) [position] = name,

#if defined(__x86_64__)
#include <cpuid.h>

static const char *const attn_rt_names[] = {ATTN_RT_X86_FEATURES(ATTN_NAME)};

static int64_t bit(unsigned word, int position) { return word >> position & 1; }

/// The registers that the operating system saves: bit 1 SSE, 2 AVX, 5-7
/// AVX-512, 17-18 tiles.
static unsigned savedState(void) {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static int64_t present(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d))
    return 0;
  int64_t mask = bit(c, 20) << 0 | bit(c, 23) << 1;
  unsigned saved = bit(c, 27) ? savedState() : 0;
  int avx = (saved & 0x6) == 0x6, avx512 = avx && (saved & 0xe0) == 0xe0;
  if (avx)
    mask |= bit(c, 28) << 2 | bit(c, 29) << 3 | bit(c, 12) << 4;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
    return mask;
  mask |= bit(b, 3) << 5 | bit(b, 8) << 6;
  if (avx)
    mask |= bit(b, 5) << 7;
  if ((saved & 0x60000) == 0x60000)
    mask |= bit(d, 24) << 16 | bit(d, 22) << 17;
  if (!avx512)
    return mask;
  mask |= bit(b, 16) << 8 | bit(b, 17) << 9 | bit(b, 28) << 10 |
          bit(b, 30) << 11 | bit(b, 31) << 12 | bit(c, 11) << 13 |
          bit(d, 23) << 15;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d))
    mask |= bit(a, 5) << 14;
  return mask;
}

int attn_rt_may_use_tiles(void) {
  enum { ArchPrctl = 158, RequestPermission = 0x1023, TileData = 18 };
  // What was granted once holds for all threads of the process.
  static int granted;
  if (__atomic_load_n(&granted, __ATOMIC_RELAXED))
    return 1;
  long result = ArchPrctl;
  __asm__ volatile("syscall"
                   : "+a"(result)
                   : "D"((long)RequestPermission), "S"((long)TileData)
                   : "rcx", "r11", "memory");
  if (result == 0)
    __atomic_store_n(&granted, 1, __ATOMIC_RELAXED);
  return result == 0;
}

#elif defined(__aarch64__)

static const char *const attn_rt_names[] = {
    ATTN_RT_AARCH64_FEATURES(ATTN_NAME)};

extern unsigned long getauxval(unsigned long);

static int64_t present(void) {
  unsigned long hwcap = getauxval(16), hwcap2 = getauxval(26);
  return (int64_t)((hwcap >> 10 & 1) << 0 | (hwcap >> 20 & 1) << 1 |
                   (hwcap >> 22 & 1) << 2 | (hwcap2 >> 14 & 1) << 3 |
                   (hwcap2 >> 13 & 1) << 4);
}

int attn_rt_may_use_tiles(void) { return 1; }

#endif

const char *attn_rt_missing_feature(int64_t mask) {
  // Racing threads compute the same value. Bit 62 says that it is there.
  static int64_t cache;
  int64_t have = __atomic_load_n(&cache, __ATOMIC_RELAXED);
  if (!have) {
    have = present() | INT64_C(1) << 62;
    __atomic_store_n(&cache, have, __ATOMIC_RELAXED);
  }
  int64_t missing = mask & ~have;
  return missing ? attn_rt_names[__builtin_ctzll((uint64_t)missing)] : 0;
}
