//===- BrainFloat.c - Rounding to bf16 -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM calls these on CPUs without instructions for bf16, and compiler support
// libraries older than GCC 13's lack them.
//
//===----------------------------------------------------------------------===//

#include "Runtime.h"

#define ATTN_SUPPORT __attribute__((weak, used, visibility("hidden")))

/// Rounds to nearest, ties to even; a NaN stays one.
ATTN_SUPPORT __bf16 __truncsfbf2(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof(bits));
  uint16_t rounded;
  if ((bits & 0x7fffffff) > 0x7f800000)
    rounded = (uint16_t)(bits >> 16 | 0x40);
  else
    rounded = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  __bf16 result;
  __builtin_memcpy(&result, &rounded, sizeof(result));
  return result;
}

/// Rounds once: to odd in f32, which keeps what decides between neighbours.
ATTN_SUPPORT __bf16 __truncdfbf2(double value) {
  float nearest = (float)value;
  uint32_t bits;
  __builtin_memcpy(&bits, &nearest, sizeof(bits));
  if ((double)nearest != value && value == value && !(bits & 1)) {
    // Towards the value from a neighbour that is even; an infinity steps back.
    int outward = (double)nearest > 0 ? value > (double)nearest
                                      : value < (double)nearest;
    if (nearest == 0)
      bits |= 1;
    else
      bits += outward ? 1 : -1;
    __builtin_memcpy(&nearest, &bits, sizeof(bits));
  }
  return __truncsfbf2(nearest);
}
