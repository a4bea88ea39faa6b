//===- Fiber.h - Execution on a stack of its own -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_NVPTX_EMULATOR_FIBER_H
#define ATTN_LIB_TARGET_NVPTX_EMULATOR_FIBER_H

#include <cstddef>

/// Saves in `*from` where the caller is and continues at `to`, which an earlier
/// switch saved or `prepareFiber` made. Costs a few nanoseconds, where the C
/// library's swapcontext asks the kernel.
extern "C" void attn_emulator_switch(void **from, void *to);

namespace mlir::attn::emulator {

/// A fiber that begins with `entry` on a stack that ends below `top`. `entry`
/// must not return.
void *prepareFiber(char *top, void (*entry)());

} // namespace mlir::attn::emulator

#endif // ATTN_LIB_TARGET_NVPTX_EMULATOR_FIBER_H
