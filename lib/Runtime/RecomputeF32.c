//===- RecomputeF32.c - Rows with sums in f32 -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#define ATTN_REAL float
#define ATTN_BITS int32_t
#define ATTN_NAME(name) name##_f32
#define ATTN_HALF

#include "Recompute.h"
