//===- AttnOps.td - All ops of the attn dialect -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_OPS_TD
#define ATTN_OPS_TD

include "attn/Dialect/Attn/IR/AttnAttendOps.td"
include "attn/Dialect/Attn/IR/AttnGraphOps.td"
include "attn/Dialect/Attn/IR/AttnMaskOps.td"
include "attn/Dialect/Attn/IR/AttnScoreOps.td"

#endif // ATTN_OPS_TD
