// What a compiled function accepts and refuses, from a plain C program.
//
// RUN: attnc compile %S/Inputs/scale.mlir -o %t.so
// RUN: %host_cc -std=c11 -Wall -Werror -I%attn_src/include %s -o %t -ldl
// RUN: %t %t.so | FileCheck %s
// RUN: attnc compile %S/Inputs/scale.mlir --threads=1 -o %t.single.so
// RUN: %t %t.single.so | FileCheck %s

#include "attn-c/Runtime.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static float data[4][64] __attribute__((aligned(64)));
static float scalar = 2;
static int64_t rows;
static int64_t shapes[4][2], strides[4][2];
static DLTensor tensors[5];
static const DLTensor *arguments[5];
static attn_function scale;
static const char *(*lastError)(void);

static void reset(void) {
  for (int t = 0; t < 4; ++t)
    for (int i = 0; i < 64; ++i)
      data[t][i] = t == 2 ? -1 : (float)i;
  memset(tensors, 0, sizeof(tensors));
  for (int t = 0; t < 5; ++t) {
    tensors[t].device.device_type = kDLCPU;
    tensors[t].dtype = (DLDataType){kDLFloat, 32, 1};
    arguments[t] = &tensors[t];
  }
  int of[3] = {0, 1, 3};
  for (int t = 0; t < 3; ++t) {
    tensors[of[t]].ndim = 2;
    tensors[of[t]].data = data[t];
    shapes[t][0] = 2;
    shapes[t][1] = 4;
    strides[t][0] = 8;
    strides[t][1] = 1;
    tensors[of[t]].shape = shapes[t];
    tensors[of[t]].strides = strides[t];
  }
  tensors[2].data = &scalar;
  tensors[4].data = &rows;
  tensors[4].dtype = (DLDataType){kDLInt, 64, 1};
}

static void call(attn_context *context, int32_t count) {
  int32_t status = scale(context, arguments, count);
  if (status)
    printf("%d %s\n", status, lastError());
  else
    printf("ok %g %g %g, %d rows\n", data[2][0], data[2][3], data[2][8],
           (int)rows);
  if (status && data[2][0] != -1)
    printf("an output was written\n");
  reset();
}

static int64_t iterations;

static void serially(void *pool, int64_t count, attn_parallel_body body,
                     void *body_data) {
  iterations = count;
  for (int64_t i = 0; i < count; ++i)
    body(body_data, i, i + 1);
}

int main(int argc, char **argv) {
  void *library = dlopen(argv[1], RTLD_NOW);
  if (!library) {
    printf("%s\n", dlerror());
    return 1;
  }
  *(void **)&scale = dlsym(library, "scale");
  *(void **)&lastError = dlsym(library, "attn_last_error");
  reset();

  // CHECK: ok 0 12 32, 2 rows
  call(NULL, 5);

  // Null strides are compact.
  // CHECK-NEXT: ok 0 12 -1, 2 rows
  for (int t = 0; t < 5; ++t)
    tensors[t].strides = NULL;
  call(NULL, 5);

  // CHECK-NEXT: ok 8 20 40, 2 rows
  tensors[0].byte_offset = 16;
  call(NULL, 5);

  // Rows of one input may be the same row.
  // CHECK-NEXT: ok 0 12 16, 2 rows
  strides[0][0] = 0;
  call(NULL, 5);

  // No rows, and no data.
  // CHECK-NEXT: ok -1 -1 -1, 0 rows
  for (int t = 0; t < 3; ++t)
    shapes[t][0] = 0;
  tensors[0].data = NULL;
  call(NULL, 5);

  // CHECK-NEXT: 1 scale: 4 arguments were given; expected 5, inputs then outputs
  call(NULL, 4);
  // CHECK-NEXT: 1 scale: argument 1 'b' is null
  arguments[1] = NULL;
  call(NULL, 5);
  // CHECK-NEXT: 1 scale: argument 0 'a' has rank 1; expected 2
  tensors[0].ndim = 1;
  call(NULL, 5);
  // CHECK-NEXT: 1 scale: argument 0 'a' has size 5 in dimension 1; expected 4
  shapes[0][1] = 5;
  call(NULL, 5);
  // CHECK-NEXT: 1 scale: argument 1 'b' has element type bfloat16; expected float32
  tensors[1].dtype = (DLDataType){kDLBfloat, 16, 1};
  call(NULL, 5);
  // CHECK-NEXT: 1 scale: argument 1 'b' has elements of 2 lanes; expected 1
  tensors[1].dtype.lanes = 2;
  call(NULL, 5);
  // CHECK-NEXT: 1 scale: argument 0 'a' has stride 2 in dimension 1; expected 1
  strides[0][1] = 2;
  call(NULL, 5);
  // CHECK-NEXT: 1 scale: argument 0 'a' lies at an address that is not a multiple of 4
  tensors[0].byte_offset = 2;
  call(NULL, 5);
  // CHECK-NEXT: 1 scale: argument 0 'a' has no data
  tensors[0].data = NULL;
  call(NULL, 5);
  // CHECK-NEXT: 1 scale: argument 0 'a' lies on a device of type 2; expected the CPU
  tensors[0].device.device_type = kDLCUDA;
  call(NULL, 5);
  // CHECK-NEXT: 1 scale: argument 3 'result0' has stride 0 in dimension 0; an output's elements must be distinct
  strides[2][0] = 0;
  call(NULL, 5);
  // CHECK-NEXT: 1 scale: argument 3 'result0' is an output that overlaps argument 0 'a'
  tensors[3].data = data[0] + 4;
  call(NULL, 5);
  // CHECK-NEXT: 1 scale: a has 2 rows, b has 3
  shapes[1][0] = 3;
  call(NULL, 5);
  // CHECK-NEXT: 1 scale: output 0 has 3 in dimension 0; it must have 2
  shapes[2][0] = 3;
  call(NULL, 5);

  char error[19];
  attn_context context = {.version = 7, .error = error,
                          .error_bytes = sizeof(error)};
  // CHECK-NEXT: 1 scale: the context has version 7; expected 1
  call(&context, 5);
  context.version = ATTN_CONTEXT_VERSION;
  // CHECK-NEXT: 1 scale: 0 arguments were given; expected 5
  call(&context, 0);
  // CHECK-NEXT: scale: 0 arguments{{$}}
  printf("%s\n", error);
  context.workspace = data[3] + 1;
  // CHECK-NEXT: 1 scale: the workspace lies at an address that is not a multiple of 64
  call(&context, 5);
  context.workspace = NULL;
  context.threads = 2;
  // CHECK-NEXT: ok 0 12 32, 2 rows
  call(&context, 5);
  context.parallel = serially;
  // CHECK-NEXT: ok 0 12 32, 2 rows
  call(&context, 5);

  attn_shapes_function sizesOf;
  attn_workspace_function workspaceOf;
  *(void **)&sizesOf = dlsym(library, "scale_shapes");
  *(void **)&workspaceOf = dlsym(library, "scale_workspace");
  int64_t sizes[2];
  // CHECK-NEXT: shapes 0: 2 4; workspace 0
  printf("shapes %d: ", sizesOf(NULL, arguments, 3, sizes));
  printf("%d %d; workspace %d\n", (int)sizes[0], (int)sizes[1],
         (int)workspaceOf(arguments, 5));
  // CHECK-NEXT: shapes 1: scale: the destination of the sizes is null
  printf("shapes %d: ", sizesOf(NULL, arguments, 3, NULL));
  puts(lastError());
  // CHECK-NEXT: shapes 1: scale: 0 arguments were given; expected 3
  printf("shapes %d: ", sizesOf(NULL, NULL, 3, sizes));
  puts(lastError());
  // CHECK-NEXT: workspace 0: scale: 0 arguments were given; expected 5
  printf("workspace %d: ", (int)workspaceOf(NULL, 5));
  puts(lastError());
  // 2^62 by 4 elements are not none, which is what their product wraps to.
  shapes[0][0] = INT64_C(1) << 62;
  // CHECK-NEXT: 1 scale: argument 0 'a' has more elements than memory has room for
  call(NULL, 5);
  return 0;
}
