//===- KernelPlan.h - Tiles, registers and shared memory of a kernel ----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_KERNELPLAN_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_KERNELPLAN_H

#include "../Instructions/SharedTile.h"

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Target/NVPTX/GPUSpec.h"

namespace mlir::attn {

/// How a block works on one tile of queries.
struct KernelPlan {
  /// The chip that has wgmma.
  static constexpr llvm::StringLiteral warpgroupChip = "sm_90a";
  /// Registers of a thread that computes for warpgroups.
  static constexpr int64_t computingRegisters = 208;

  int64_t queries, keys;       ///< Of a tile.
  int64_t registers = 0;       ///< Of a thread that computes, estimated.
  int64_t regionRegisters = 0; ///< Of these, to modify scores.
  bool keepQueries;            ///< Fragments of queries stay in registers.
  bool foldHeads = false;      ///< Queries of all heads of a group make a tile.
  bool pairwise = false;       ///< Scores are no product of matrices.
  bool warpgroups = false;     ///< wgmma, TMA, and blocks that stay.
  bool canSplit = true;        ///< Weights need the sums of all keys.
  bool splitKeys = false;      ///< Several blocks share the keys of a tile.
  int64_t parts = 1;    ///< Blocks that share the columns of a tile's output.
  int64_t valueColumns; ///< Of all blocks together.
  /// Shared memory: queries, whose place the output takes at the end, then two
  /// buffers of keys, then two of values.
  SharedLayout query, key, value, output;

  /// Columns of the output that a block computes; of the last block fewer.
  int64_t partColumns() const { return value.filled; }
  /// From a row of sums in scratch to the next.
  int64_t sumColumns() const;
  int64_t computingThreads() const { return queries / warpRows * warpSize; }
  int64_t threads() const;
  /// Registers of a thread that copies for warpgroups: what the others leave.
  int64_t copyingRegisters() const;
  int64_t keyBase() const;
  int64_t valueBase() const;
  /// Barriers of warpgroups.
  int64_t barrierBase() const;
  int64_t sharedBytes() const;
  /// Tiles of keys that are worth a block of their own where keys are split.
  int64_t splitTiles() const;

  /// Whether heads of a group have keys or values of their own.
  static bool hasKeysPerHead(AttendOp op);

  /// What was chosen, by which limits of `spec`.
  std::string describe(const GPUSpec &spec) const;

  /// The largest tiles whose fragments fit the registers of a thread and whose
  /// buffers fit the shared memory of a block; warpgroups only where TMA may
  /// read keys and values (`mayMap`). Head sizes are static and at most
  /// 256.
  static KernelPlan get(const GPUSpec &spec, AttendOp op, bool mayMap = true);
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_KERNELPLAN_H
