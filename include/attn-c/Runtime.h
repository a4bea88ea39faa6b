//===- Runtime.h - The ABI of compiled functions -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_C_RUNTIME_H
#define ATTN_C_RUNTIME_H

#include "attn-c/dlpack.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What a compiled function returns.
enum {
  ATTN_OK = 0,
  ATTN_INVALID_ARGUMENT = 1, ///< A tensor has the wrong rank, type, size, ...
  ATTN_OUT_OF_MEMORY = 2,
  ATTN_UNSUPPORTED = 3, ///< This machine cannot run the function.
};

/// Runs `body(data, begin, end)` over disjoint ranges that cover [0, count).
typedef void (*attn_parallel_body)(void *data, int64_t begin, int64_t end);
typedef void (*attn_parallel_for)(void *pool, int64_t count,
                                  attn_parallel_body body, void *data);

/// What a caller may lend to a compiled function; null fields are defaults.
typedef struct attn_context {
  uint32_t version;            ///< ATTN_CONTEXT_VERSION.
  void *workspace;             ///< Scratch of `workspace_bytes`, 64-aligned.
  size_t workspace_bytes;
  void *stream;                ///< GPU stream.
  attn_parallel_for parallel;  ///< The caller's own threads.
  void *pool;                  ///< Passed to `parallel`.
  int32_t threads;             ///< Threads at most; 0 for all.
  char *error;                 ///< Receives the sentence of a failure.
  size_t error_bytes;
} attn_context;

#define ATTN_CONTEXT_VERSION 1

/// A compiled function: DLPack tensors, inputs then outputs. `context` may be
/// null. Returns a status; outputs are unwritten unless it is ATTN_OK.
typedef int32_t (*attn_function)(attn_context *context,
                                 const DLTensor *const *arguments,
                                 int32_t count);

/// `F_shapes`: the sizes of the outputs, one after the other, that `F` would
/// write for these inputs (`count` inputs, no outputs). Returns a status.
typedef int32_t (*attn_shapes_function)(attn_context *context,
                                        const DLTensor *const *inputs,
                                        int32_t count, int64_t *sizes);

/// `F_workspace`: the bytes of scratch that `F` would take from
/// `context->workspace` for these arguments; 0 where `F` would refuse them.
typedef size_t (*attn_workspace_function)(const DLTensor *const *arguments,
                                          int32_t count);

/// The sentence of the last failure of a compiled function on this thread.
const char *attn_last_error(void);

#ifdef __cplusplus
}
#endif

#endif // ATTN_C_RUNTIME_H
