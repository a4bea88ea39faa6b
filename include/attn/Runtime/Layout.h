//===- Layout.h - What compiler and runtime agree on -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LAYOUT_H
#define ATTN_RUNTIME_LAYOUT_H

#include <stdint.h>

enum {
  ATTN_RT_FRAME_BYTES = 96,
  ATTN_RT_ALIGNMENT = 64,
  ATTN_RT_ERROR_BYTES = 512,
};

/// The specification of a function is an array of 64-bit integers: these
/// fields, then per argument the fields below, its sizes and its strides (-1
/// for any). Names lie in one string, each ended by a null character: that of
/// the function, then those of the arguments.
enum {
  ATTN_RT_SPEC_FEATURES, ///< Bits of CPU features that the code needs.
  ATTN_RT_SPEC_THREADS,  ///< Threads at most when the caller names none.
  ATTN_RT_SPEC_COUNT,    ///< Arguments.
  ATTN_RT_SPEC_HEADER
};

enum {
  ATTN_RT_ARGUMENT_CODE, ///< DLDataTypeCode.
  ATTN_RT_ARGUMENT_BITS,
  ATTN_RT_ARGUMENT_FLAGS, ///< ATTN_RT_OUTPUT, ATTN_RT_ON_GPU.
  ATTN_RT_ARGUMENT_RANK,
  ATTN_RT_ARGUMENT_HEADER
};

/// Bits of ATTN_RT_ARGUMENT_FLAGS.
enum {
  ATTN_RT_OUTPUT = 1, ///< The function writes it.
  ATTN_RT_ON_GPU = 2, ///< It lies in memory of a CUDA device.
};

/// Kinds of elements.
enum { ATTN_RT_F32, ATTN_RT_BF16, ATTN_RT_F16, ATTN_RT_F64 };

/// Bits of attn_rt_rows::form: how rows are computed again. Without any, scores
/// are dot products and weights their softmax.
enum {
  ATTN_RT_ADDITIVE = 1,
  ATTN_RT_DISTANCE = 2, ///< Minus the squared distance.
  ATTN_RT_SUM = 4,      ///< Weights are scores over their sum.
  ATTN_RT_NONE = 8,     ///< Weights are scores.
  ATTN_RT_BINARY = 16,  ///< Scores and maxima are exponents of 2.
};

/// Fields of attn_rt_rows, of 8 bytes each.
enum { ATTN_RT_ROWS_FIELDS = 36 };

/// Bits of ATTN_RT_SPEC_FEATURES: position, LLVM's name. x86-64 first.
#define ATTN_RT_X86_FEATURES(X)                                                \
  X(0, "sse4.2")                                                               \
  X(1, "popcnt")                                                               \
  X(2, "avx")                                                                  \
  X(3, "f16c")                                                                 \
  X(4, "fma")                                                                  \
  X(5, "bmi")                                                                  \
  X(6, "bmi2")                                                                 \
  X(7, "avx2")                                                                 \
  X(8, "avx512f")                                                              \
  X(9, "avx512dq")                                                             \
  X(10, "avx512cd")                                                            \
  X(11, "avx512bw")                                                            \
  X(12, "avx512vl")                                                            \
  X(13, "avx512vnni")                                                          \
  X(14, "avx512bf16")                                                          \
  X(15, "avx512fp16")                                                          \
  X(16, "amx-tile")                                                            \
  X(17, "amx-bf16")

/// The bits of x86-64 for code on tile registers. Only functions that have such
/// code need them, whatever their target offers.
#define ATTN_RT_X86_TILES (INT64_C(3) << 16)

/// Bits for AArch64.
#define ATTN_RT_AARCH64_FEATURES(X)                                            \
  X(0, "fullfp16")                                                             \
  X(1, "dotprod")                                                              \
  X(2, "sve")                                                                  \
  X(3, "bf16")                                                                 \
  X(4, "i8mm")

#endif // ATTN_RUNTIME_LAYOUT_H
