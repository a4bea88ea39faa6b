//===- Support.cpp - The runtime support as assembly -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Support.h"

using namespace mlir::attn;

// Support.def, written by CMake, names the files; the assembler reads them in.
#define ATTN_SUPPORT(name, architecture, path)                                 \
  __asm__(".section .rodata,\"a\",@progbits\n"                                 \
          ".balign 16\n"                                                       \
          ".hidden attn_support_" #name "_" #architecture "\n"                 \
          ".globl attn_support_" #name "_" #architecture "\n"                  \
          "attn_support_" #name "_" #architecture ":\n"                        \
          ".incbin \"" path "\"\n"                                             \
          ".hidden attn_support_end_" #name "_" #architecture "\n"             \
          ".globl attn_support_end_" #name "_" #architecture "\n"              \
          "attn_support_end_" #name "_" #architecture ":\n"                    \
          ".text\n");                                                          \
  extern "C" const char attn_support_##name##_##architecture[];                \
  extern "C" const char attn_support_end_##name##_##architecture[];
#include "Support.def"
#undef ATTN_SUPPORT

llvm::ArrayRef<RuntimeSupport> mlir::attn::getRuntimeSupport() {
#define ATTN_SUPPORT(name, architecture, path)                                 \
  {#name, #architecture,                                                       \
   llvm::StringRef(attn_support_##name##_##architecture,                       \
                   attn_support_end_##name##_##architecture -                  \
                       attn_support_##name##_##architecture)},
  static const RuntimeSupport all[] = {
#include "Support.def"
  };
#undef ATTN_SUPPORT
  return all;
}
