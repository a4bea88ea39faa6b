//===- Fiber.cpp - Execution on a stack of its own -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fiber.h"

#include <cstdint>
#include <cstring>

// Pushes what a call preserves, exchanges the stack pointers, pops it.
#if defined(__x86_64__)
constexpr unsigned savedWords = 8;
constexpr unsigned returnWord = 6;
__asm__(".text\n"
        ".hidden attn_emulator_switch\n"
        ".globl attn_emulator_switch\n"
        ".type attn_emulator_switch,@function\n"
        "attn_emulator_switch:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n"
        "  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n"
        "  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  retq\n"
        ".size attn_emulator_switch, .-attn_emulator_switch\n");
#elif defined(__aarch64__)
constexpr unsigned savedWords = 20;
constexpr unsigned returnWord = 11;
__asm__(".text\n"
        ".hidden attn_emulator_switch\n"
        ".globl attn_emulator_switch\n"
        ".type attn_emulator_switch,%function\n"
        "attn_emulator_switch:\n"
        "  sub sp, sp, #160\n"
        "  stp x19, x20, [sp]\n  stp x21, x22, [sp, #16]\n"
        "  stp x23, x24, [sp, #32]\n  stp x25, x26, [sp, #48]\n"
        "  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n"
        "  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
        "  mov x9, sp\n  str x9, [x0]\n  mov sp, x1\n"
        "  ldp x19, x20, [sp]\n  ldp x21, x22, [sp, #16]\n"
        "  ldp x23, x24, [sp, #32]\n  ldp x25, x26, [sp, #48]\n"
        "  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n"
        "  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
        "  add sp, sp, #160\n"
        "  ret\n"
        ".size attn_emulator_switch, .-attn_emulator_switch\n");
#else
#error "the emulator's fibers are written for x86-64 and AArch64"
#endif

void *mlir::attn::emulator::prepareFiber(char *top, void (*entry)()) {
  auto end = reinterpret_cast<uintptr_t>(top) & ~uintptr_t(15);
  auto *words = reinterpret_cast<uintptr_t *>(end) - savedWords;
  std::memset(words, 0, savedWords * sizeof(uintptr_t));
  words[returnWord] = reinterpret_cast<uintptr_t>(entry);
  return words;
}
