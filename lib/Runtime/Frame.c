//===- Frame.c - Memory and sentences of one call -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Runtime.h"

_Static_assert(sizeof(attn_rt_frame) <= ATTN_RT_FRAME_BYTES,
               "the compiler reserves this much");

//===----------------------------------------------------------------------===//
// Sentences
//===----------------------------------------------------------------------===//

static void copyError(const attn_context *context, const char *sentence) {
  if (!context || !context->error || !context->error_bytes)
    return;
  size_t i = 0;
  for (; i + 1 < context->error_bytes && sentence[i]; ++i)
    context->error[i] = sentence[i];
  context->error[i] = 0;
}

void attn_rt_report(const attn_rt_frame *frame, const char *format, ...) {
  char *buffer = attn_rt_error_buffer();
  int used = snprintf(buffer, ATTN_RT_ERROR_BYTES, "%s: ", frame->function);
  if (used > 0 && used < ATTN_RT_ERROR_BYTES) {
    __builtin_va_list list;
    __builtin_va_start(list, format);
    vsnprintf(buffer + used, (size_t)(ATTN_RT_ERROR_BYTES - used), format, list);
    __builtin_va_end(list);
  }
  copyError(frame->context, buffer);
}

int32_t attn_rt_refuse(attn_rt_frame *frame, const char *message,
                       const int64_t *values) {
  char sentence[ATTN_RT_ERROR_BYTES];
  size_t length = 0;
  for (const char *c = message; *c && length + 24 < sizeof(sentence); ++c) {
    if (c[0] == '{' && c[1] >= '0' && c[1] <= '9' && c[2] == '}') {
      length += (size_t)snprintf(sentence + length, 24, "%lld",
                                 (long long)values[c[1] - '0']);
      c += 2;
    } else {
      sentence[length++] = *c;
    }
  }
  sentence[length] = 0;
  attn_rt_report(frame, "%s", sentence);
  return ATTN_INVALID_ARGUMENT;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Lies in front of what attn_rt_alloc took from the heap.
typedef struct attn_rt_block {
  struct attn_rt_block *next, **link;
} __attribute__((aligned(ATTN_RT_ALIGNMENT))) attn_rt_block;

/// `bytes` rounded up to the alignment, at least one unit; 0 when there cannot
/// be as many.
static size_t roundUp(int64_t bytes) {
  if (bytes < 0 || bytes > INT64_MAX / 2)
    return 0;
  if (bytes == 0)
    bytes = 1;
  return ((size_t)bytes + ATTN_RT_ALIGNMENT - 1) &
         ~(size_t)(ATTN_RT_ALIGNMENT - 1);
}

static void noteOutOfMemory(attn_rt_frame *frame, int64_t bytes) {
  attn_rt_report(frame, "out of memory: %lld bytes of scratch are not to be had",
                 (long long)bytes);
  __atomic_store_n(&frame->status, ATTN_OUT_OF_MEMORY, __ATOMIC_RELAXED);
}

void *attn_rt_alloc(attn_rt_frame *frame, int64_t bytes) {
  size_t rounded = roundUp(bytes);
  if (rounded && rounded <= (size_t)(frame->limit - frame->cursor)) {
    void *pointer = frame->cursor;
    frame->cursor += rounded;
    return pointer;
  }
  attn_rt_block *block = 0;
  if (rounded)
    block = aligned_alloc(ATTN_RT_ALIGNMENT, rounded + sizeof(attn_rt_block));
  if (!block) {
    noteOutOfMemory(frame, bytes);
    return 0;
  }
  block->next = frame->blocks;
  block->link = &frame->blocks;
  if (block->next)
    block->next->link = &block->next;
  frame->blocks = block;
  return block + 1;
}

void attn_rt_free(attn_rt_frame *frame, void *pointer) {
  // Workspace is handed back whole, at the end of the call.
  attn_context *context = frame->context;
  char *begin = context ? context->workspace : 0;
  if (begin && (char *)pointer >= begin && (char *)pointer < frame->limit)
    return;
  attn_rt_block *block = (attn_rt_block *)pointer - 1;
  *block->link = block->next;
  if (block->next)
    block->next->link = block->link;
  free(block);
}

void *attn_rt_alloc_local(attn_rt_frame *frame, int64_t bytes) {
  size_t rounded = roundUp(bytes);
  void *pointer = rounded ? aligned_alloc(ATTN_RT_ALIGNMENT, rounded) : 0;
  if (!pointer)
    noteOutOfMemory(frame, bytes);
  return pointer;
}

void attn_rt_free_local(attn_rt_frame *frame, void *pointer) { free(pointer); }

int32_t attn_rt_leave(attn_rt_frame *frame, int32_t status) {
  if (frame->release_device)
    frame->release_device(frame);
  while (frame->blocks) {
    attn_rt_block *block = frame->blocks;
    frame->blocks = block->next;
    free(block);
  }
  return status ? status : frame->status;
}
