//===- LastError.c - The sentence of the last failure -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Runtime.h"

// Weak, so that any number of compiled objects share one in a program.
__attribute__((weak)) char *attn_rt_error_buffer(void) {
  static _Thread_local char buffer[ATTN_RT_ERROR_BYTES];
  return buffer;
}

__attribute__((weak, visibility("default"))) const char *attn_last_error(void) {
  return attn_rt_error_buffer();
}
