// Scratch comes from the caller where it fits, and its lack is reported.
//
// RUN: attnc compile %S/Inputs/scratch.mlir --start-from=lower --threads=1 -o %t.so
// RUN: %host_cc -std=gnu11 -Wall -Werror -I%attn_src/include %s -o %t -ldl
// RUN: %t %t.so | FileCheck %s

#include "attn-c/Runtime.h"

#include <dlfcn.h>
#include <stdio.h>

static float workspace[64] __attribute__((aligned(64)));

int main(int argc, char **argv) {
  void *library = dlopen(argv[1], RTLD_NOW);
  attn_function fill = (attn_function)dlsym(library, "fill");
  attn_workspace_function bytes =
      (attn_workspace_function)dlsym(library, "fill_workspace");
  const char *(*lastError)(void) =
      (const char *(*)(void))dlsym(library, "attn_last_error");
  int64_t size = 17;
  float out[2] = {0, 0};
  int64_t two = 2;
  DLTensor tensors[2] = {
      {.data = &size, .device = {kDLCPU, 0}, .dtype = {kDLInt, 64, 1}},
      {.data = out, .device = {kDLCPU, 0}, .ndim = 1,
       .dtype = {kDLFloat, 32, 1}, .shape = &two}};
  const DLTensor *arguments[2] = {&tensors[0], &tensors[1]};

  // CHECK: 128 bytes
  printf("%d bytes\n", (int)bytes(arguments, 2));
  attn_context context = {.version = ATTN_CONTEXT_VERSION};
  context.workspace = workspace;
  context.workspace_bytes = sizeof(workspace);
  // CHECK-NEXT: 0: 3, workspace 3
  int32_t status = fill(&context, arguments, 2);
  printf("%d: %g, workspace %g\n", status, out[0], workspace[16]);

  // Too small a workspace is left alone.
  context.workspace_bytes = 64;
  workspace[16] = -1;
  // CHECK-NEXT: 0: 3, workspace -1
  status = fill(&context, arguments, 2);
  printf("%d: %g, workspace %g\n", status, out[0], workspace[16]);

  size = INT64_C(1) << 58;
  // CHECK-NEXT: 2: fill: out of memory
  status = fill(NULL, arguments, 2);
  printf("%d: %s\n", status, lastError());
  return 0;
}
