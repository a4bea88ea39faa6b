//===- Parallel.c - The parallel loop, through OpenMP -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Runtime.h"

extern int omp_get_max_threads(void);
extern void kmp_set_blocktime(int);

static int threadCount(const attn_rt_frame *frame) {
  int available = omp_get_max_threads();
  if (frame->context && frame->context->threads > 0)
    return frame->context->threads;
  if (frame->threads > 0)
    return frame->threads;
  return available;
}

void attn_rt_parallel_for(attn_rt_frame *frame, int64_t count,
                          attn_parallel_body body, void *data) {
  if (count <= 0)
    return;
  attn_context *context = frame->context;
  if (context && context->parallel) {
    context->parallel(context->pool, count, body, data);
    return;
  }
  int threads = threadCount(frame);
  if (count < threads)
    threads = (int)count;
  if (threads <= 1) {
    body(data, 0, count);
    return;
  }
  // Idle threads sleep at once: a host's own pool may want the cores.
  kmp_set_blocktime(0);
  // Several chunks a thread, since iterations differ in work.
  int64_t chunk = count / ((int64_t)threads * 8);
  if (chunk < 1)
    chunk = 1;
  int64_t next = 0;
#pragma omp parallel num_threads(threads)
  for (;;) {
    int64_t begin = __atomic_fetch_add(&next, chunk, __ATOMIC_RELAXED);
    if (begin >= count)
      break;
    body(data, begin, begin + chunk < count ? begin + chunk : count);
  }
}
