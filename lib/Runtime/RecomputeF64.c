//===- RecomputeF64.c - Rows with sums in f64 -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#define ATTN_REAL double
#define ATTN_BITS int64_t
#define ATTN_NAME(name) name##_f64

#include "Recompute.h"
