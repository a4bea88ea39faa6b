//===- Bitcode.cpp - The runtime support as LLVM bitcode -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Bitcode.h"

using namespace mlir::attn;

// Bitcode.def, written by CMake, names the files; the assembler reads them in.
#define ATTN_BITCODE(name, architecture, path)                                 \
  __asm__(".section .rodata,\"a\",@progbits\n"                                 \
          ".balign 16\n"                                                       \
          ".hidden attn_bitcode_" #name "_" #architecture "\n"                 \
          ".globl attn_bitcode_" #name "_" #architecture "\n"                  \
          "attn_bitcode_" #name "_" #architecture ":\n"                        \
          ".incbin \"" path "\"\n"                                             \
          ".hidden attn_bitcode_end_" #name "_" #architecture "\n"             \
          ".globl attn_bitcode_end_" #name "_" #architecture "\n"              \
          "attn_bitcode_end_" #name "_" #architecture ":\n"                    \
          ".text\n");                                                          \
  extern "C" const char attn_bitcode_##name##_##architecture[];                \
  extern "C" const char attn_bitcode_end_##name##_##architecture[];
#include "Bitcode.def"
#undef ATTN_BITCODE

llvm::ArrayRef<RuntimeBitcode> mlir::attn::getRuntimeBitcode() {
#define ATTN_BITCODE(name, architecture, path)                                 \
  {#name, #architecture,                                                       \
   llvm::StringRef(attn_bitcode_##name##_##architecture,                       \
                   attn_bitcode_end_##name##_##architecture -                  \
                       attn_bitcode_##name##_##architecture)},
  static const RuntimeBitcode all[] = {
#include "Bitcode.def"
  };
#undef ATTN_BITCODE
  return all;
}
