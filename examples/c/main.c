//===- main.c - Calls a compiled function from C -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attention.h"

#include <stdio.h>

enum { HEADS = 2, LENGTH = 3, SIZE = 4 };

static float q[HEADS][LENGTH][SIZE], k[HEADS][LENGTH][SIZE];
static float v[HEADS][LENGTH][SIZE], out[HEADS][LENGTH][SIZE];

static DLTensor describe(void *data, int64_t *shape) {
  DLTensor tensor = {0};
  tensor.data = data;
  tensor.device.device_type = kDLCPU;
  tensor.ndim = 3;
  tensor.dtype.code = kDLFloat;
  tensor.dtype.bits = 32;
  tensor.dtype.lanes = 1;
  tensor.shape = shape;
  return tensor;
}

int main(void) {
  // Equal keys: each query takes the mean of the values up to its own.
  for (int h = 0; h < HEADS; ++h)
    for (int i = 0; i < LENGTH; ++i)
      for (int d = 0; d < SIZE; ++d)
        v[h][i][d] = (float)(2 * i + h);

  int64_t shape[3] = {HEADS, LENGTH, SIZE};
  DLTensor tensors[4] = {describe(q, shape), describe(k, shape),
                         describe(v, shape), describe(out, shape)};
  const DLTensor *arguments[4] = {&tensors[0], &tensors[1], &tensors[2],
                                  &tensors[3]};
  if (attention(NULL, arguments, 4) != ATTN_OK) {
    fprintf(stderr, "%s\n", attn_last_error());
    return 1;
  }
  for (int h = 0; h < HEADS; ++h)
    for (int i = 0; i < LENGTH; ++i)
      printf("head %d query %d: %.3f\n", h, i, out[h][i][0]);

  int64_t wrong[3] = {HEADS, LENGTH, SIZE + 1};
  tensors[1].shape = wrong;
  int32_t status = attention(NULL, arguments, 4);
  printf("status %d: %s\n", status, attn_last_error());
  return status == ATTN_INVALID_ARGUMENT ? 0 : 1;
}
