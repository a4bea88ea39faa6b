// Code on tile registers asks the operating system for them, and says so where
// that refuses: Linux does while an alternate signal stack is too small for
// what they add to a frame.
//
// REQUIRES: amx
// RUN: attnc compile %S/Inputs/attend-bf16.mlir \
// RUN:   --target=x86-64:sapphirerapids --threads=1 -o %t.so
// RUN: %host_cc -D_GNU_SOURCE -std=c11 -Wall -Werror -I%attn_src/include \
// RUN:   %s -o %t -ldl
// RUN: %t %t.so | FileCheck %s

#include "attn-c/Runtime.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>

static uint16_t data[4][64 * 32];
static int64_t shape[2] = {64, 32};

int main(int count, char **words) {
  static char stack[8 * 1024];
  stack_t small = {.ss_sp = stack, .ss_size = sizeof stack};
  stack_t none = {.ss_flags = SS_DISABLE};
  void *library = dlopen(words[count - 1], RTLD_NOW);
  attn_function attend = (attn_function)dlsym(library, "attend");
  const char *(*lastError)(void) =
      (const char *(*)(void))dlsym(library, "attn_last_error");
  DLTensor tensors[4];
  const DLTensor *arguments[4];
  for (int i = 0; i < 4; ++i) {
    tensors[i] = (DLTensor){.data = data[i],
                            .device = {kDLCPU, 0},
                            .ndim = 2,
                            .dtype = {kDLBfloat, 16, 1},
                            .shape = shape};
    arguments[i] = &tensors[i];
  }
  if (sigaltstack(&small, NULL))
    return 1;
  // CHECK: 3 attend: was compiled for tile registers (amx-tile), which the
  // operating system does not let this process use
  int32_t status = attend(NULL, arguments, 4);
  printf("%d %s\n", status, lastError());
  if (sigaltstack(&none, NULL))
    return 1;
  // CHECK: 0
  printf("%d\n", attend(NULL, arguments, 4));
  return 0;
}
