//===- Runtime.h - What compiled functions call -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This support is compiled to assembly that the compiler adds to every module,
// so it uses nothing but a few functions of the C library, and every symbol of
// it, static ones too, begins with attn_.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_RUNTIME_RUNTIME_H
#define ATTN_LIB_RUNTIME_RUNTIME_H

#include "attn-c/Runtime.h"
#include "attn/Runtime/Layout.h"

/// One call of a compiled function. Lives on the stack of the entry; the
/// compiler knows only its size, ATTN_RT_FRAME_BYTES.
typedef struct attn_rt_frame {
  attn_context *context;
  const char *function;         ///< The name in sentences.
  struct attn_rt_block *blocks; ///< What attn_rt_alloc took from the heap.
  char *cursor;                 ///< Free part of the caller's workspace.
  char *limit;
  int32_t threads; ///< At most; 0 for all.
  int32_t status;  ///< Set by a loop body that fails.
  int32_t device;  ///< CUDA device of the tensors, -1 while none was seen.
  struct attn_rt_device_block *device_blocks;     ///< Scratch on the device.
  void (*release_device)(struct attn_rt_frame *); ///< Frees that, unless null.
} attn_rt_frame;

/// Starts a call: checks `arguments` against `spec` (Layout.h) and fills
/// `descriptors`, per argument pointer, pointer, 0, sizes, strides.
int32_t attn_rt_enter(attn_rt_frame *frame, attn_context *context,
                      const DLTensor *const *arguments, int32_t count,
                      const int64_t *spec, const char *names,
                      int64_t *descriptors);

/// Ends a call: frees what is left and returns `status`, or the failure that a
/// loop body noted.
int32_t attn_rt_leave(attn_rt_frame *frame, int32_t status);

/// Reports `message`, `{0}`, `{1}`, ... standing for `values`, and returns
/// ATTN_INVALID_ARGUMENT.
int32_t attn_rt_refuse(attn_rt_frame *frame, const char *message,
                       const int64_t *values);

/// Scratch for the whole call: from the caller's workspace or the heap, aligned
/// to ATTN_RT_ALIGNMENT. Null, and the failure noted, when there is none.
void *attn_rt_alloc(attn_rt_frame *frame, int64_t bytes);
void attn_rt_free(attn_rt_frame *frame, void *pointer);

/// Scratch of a loop body, from any thread.
void *attn_rt_alloc_local(attn_rt_frame *frame, int64_t bytes);
void attn_rt_free_local(attn_rt_frame *frame, void *pointer);

/// Runs `body` over [0, count), on several threads where that pays.
void attn_rt_parallel_for(attn_rt_frame *frame, int64_t count,
                          attn_parallel_body body, void *data);

/// Rows of attention that are computed again: query q of head g of a group is
/// row q * group + g. Strides count elements; kinds are those of Layout.h.
typedef struct attn_rt_rows {
  int64_t form; ///< Bits of Layout.h.
  double scale;
  int64_t begin, end; ///< The keys that the mask reaches.
  int64_t queries, group, features, value_features;
  const char *query;
  int64_t query_kind, query_query, query_head, query_feature;
  const char *key;
  int64_t key_kind, key_key, key_feature;
  const char *value;
  int64_t value_kind, value_key, value_feature;
  char *output;
  int64_t output_kind, output_query, output_head, output_feature;
  const char *weight; ///< Of features, for additive scores.
  int64_t weight_kind, weight_feature;
  const char *sink; ///< Or null.
  int64_t sink_kind, sink_head;
  /// Of the rows, in the accumulator type, written; or null.
  void *maximum, *sum;
  /// What becomes of the scaled score of (query, head, key): real (data, query,
  /// head, key, score). Null where it stays.
  void *pair, *data;
} attn_rt_rows;

/// Computes outputs, maxima and sums of rows again, key by key, where a pair
/// without weight adds nothing. By the type of their sums.
void attn_rt_recompute_f32(const attn_rt_rows *rows);
void attn_rt_recompute_f64(const attn_rt_rows *rows);

/// PTX for devices of a compute capability, 80 for 8.0, and, unless `exact`,
/// later ones.
typedef struct attn_rt_image {
  int32_t capability;
  int32_t exact;
  const char *ptx;
} attn_rt_image;

/// The kernels of a compiled module, and where they are loaded. Written by the
/// compiler, all zero but for the images.
typedef struct attn_rt_kernels {
  struct attn_rt_loaded *loaded;
  int64_t count;
  const attn_rt_image *images;
} attn_rt_kernels;

/// Starts a kernel on the device of the frame and the stream of the context:
/// `blocks` (none is right) of `threads` with `shared` bytes of dynamic shared
/// memory. `parameters` point to its arguments. Returns a status.
int32_t attn_rt_launch(attn_rt_frame *frame, attn_rt_kernels *kernels,
                       const char *kernel, int64_t blocks, int64_t threads,
                       int64_t shared, void **parameters);

/// The compute capability of the frame's device, 90 for 9.0; 0, and the failure
/// noted, where there is none.
int32_t attn_rt_capability(attn_rt_frame *frame);

/// Writes to `map`, 128 bytes at a multiple of 64, how TMA reads a tensor of
/// elements of 16 bits on the device: `memref` describes it (pointer, pointer,
/// offset, sizes, strides; outermost first, no stride negative, those of
/// dimensions of size 1 without meaning), `box` the sizes of what one copy
/// takes, whose rows of 128 bytes are swizzled. Copies that reach beyond the
/// tensor give 0. Of an empty tensor there is no map, and no copy either.
/// Returns a status.
int32_t attn_rt_tensor_map(attn_rt_frame *frame, void *map,
                           const int64_t *memref, int64_t rank,
                           const int64_t *box);

/// Scratch on the device, in the order of the stream. Null, and the failure
/// noted, when there is none.
void *attn_rt_device_alloc(attn_rt_frame *frame, int64_t bytes);
void attn_rt_device_free(attn_rt_frame *frame, void *pointer);

/// The name of a CPU feature of `mask` (Layout.h) that this machine lacks, or
/// null.
const char *attn_rt_missing_feature(int64_t mask);

/// Whether the operating system lets this process use tile registers, which
/// Linux grants to those alone that ask, as this does.
int attn_rt_may_use_tiles(void);

/// Where this thread's sentence lies, ATTN_RT_ERROR_BYTES long.
char *attn_rt_error_buffer(void);

/// Puts a sentence, formatted as printf does after the function's name, where
/// the caller finds it.
void attn_rt_report(const attn_rt_frame *frame, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// The C library, declared here so that the same source serves every target.
extern int snprintf(char *, size_t, const char *, ...);
extern int vsnprintf(char *, size_t, const char *, __builtin_va_list);
extern void *aligned_alloc(size_t, size_t);
extern void free(void *);
extern void *dlopen(const char *, int);
extern void *dlsym(void *, const char *);
extern char *dlerror(void);

#endif // ATTN_LIB_RUNTIME_RUNTIME_H
