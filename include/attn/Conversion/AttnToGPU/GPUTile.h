//===- GPUTile.h - Tile sizes of an attend op on a GPU ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_ATTNTOGPU_GPUTILE_H
#define ATTN_CONVERSION_ATTNTOGPU_GPUTILE_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Target/NVPTX/GPUSpec.h"

namespace mlir::attn {

/// Queries and keys that a block works on at once.
struct GPUTile {
  int64_t queries, keys;
};

/// The tile that convert-attn-to-gpu takes for `op`. Fails where there is
/// none, without a word: the conversion says why.
FailureOr<GPUTile> getGPUTile(const GPUSpec &spec, AttendOp op);

} // namespace mlir::attn

#endif // ATTN_CONVERSION_ATTNTOGPU_GPUTILE_H
