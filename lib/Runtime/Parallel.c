//===- Parallel.c - The parallel loop, through OpenMP -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Runtime.h"

extern int omp_get_max_threads(void);
extern int kmp_get_blocktime(void);
extern void kmp_set_blocktime(int);

static int threadCount(const attn_rt_frame *frame) {
  int available = omp_get_max_threads();
  if (frame->context && frame->context->threads > 0)
    return frame->context->threads;
  if (frame->threads > 0)
    return frame->threads;
  return available;
}

/// Takes the next iterations, [*begin, *begin + result); none are left at 0.
/// Each chunk is a share of what is left: large at first, single in the end, so
/// that threads finish together though iterations differ in work. The last
/// iterations go first: under a causal mask they have most work.
static int64_t takeChunk(int64_t *taken, int64_t count, int64_t threads,
                         int64_t *begin) {
  int64_t from = __atomic_load_n(taken, __ATOMIC_RELAXED), chunk;
  do {
    if (from >= count)
      return 0;
    chunk = (count - from) / (threads * 4);
    if (chunk < 1)
      chunk = 1;
  } while (!__atomic_compare_exchange_n(taken, &from, from + chunk, 1,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  *begin = count - from - chunk;
  return chunk;
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
  int blocktime = kmp_get_blocktime();
  kmp_set_blocktime(0);
  int64_t taken = 0;
#pragma omp parallel num_threads(threads)
  {
    int64_t begin, chunk;
    while ((chunk = takeChunk(&taken, count, threads, &begin)))
      body(data, begin, begin + chunk);
  }
  kmp_set_blocktime(blocktime);
}
