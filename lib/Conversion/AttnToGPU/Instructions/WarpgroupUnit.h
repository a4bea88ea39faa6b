//===- WarpgroupUnit.h - Instructions of warpgroups -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_INSTRUCTIONS_WARPGROUPUNIT_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_INSTRUCTIONS_WARPGROUPUNIT_H

#include "SharedTile.h"

namespace mlir::attn {

/// Threads of a warpgroup, and rows of its products.
inline constexpr int64_t warpgroupSize = 128;
inline constexpr int64_t warpgroupRows = 64;

/// Products of matrices by wgmma, f16 or bf16 with sums in f32, and barriers in
/// shared memory (sm_90a). Sums lie in a warp's registers as those of mma.sync
/// do. A product is under way until `await`; its operands may not change until
/// then.
struct WarpgroupUnit {
  KernelBuilder &k;
  Type element;

  /// Columns of the left factor of one product.
  static constexpr int64_t depth = 16;

  /// Rows and columns of what a product gives: 64 rows of `left` from `row` on
  /// by all rows of `right`, over all columns of both.
  SmallVector<Value> multiply(const SharedTile &left, Value row,
                              const SharedTile &right);
  /// sums + left * right: of `left` a lane holds one register per pair of
  /// neighbours, four for each 16 columns, which are the rows of `right`.
  void multiplyAdd(ArrayRef<Value> left, const SharedTile &right,
                   SmallVectorImpl<Value> &sums);
  /// Before the first product after other code has changed its registers.
  void fence();
  void commit();
  /// All but the `pending` last groups of products are done; `values` are the
  /// same afterwards, but no earlier.
  void await(int64_t pending, SmallVectorImpl<Value> &values);

  // Barriers of 8 bytes at `address`: after `count` arrivals a phase ends.
  void initBarrier(Value address, int64_t count);
  void arrive(Value address);
  /// Arrives, and lets the phase wait for `bytes` (i32) of copies, too.
  void arriveExpecting(Value address, Value bytes);
  /// Makes initialized barriers visible to copies.
  void fenceBarriers();
  /// Waits until a phase of that parity (i32, 0 for the first) has ended.
  void waitForPhase(Value address, Value parity);
  /// Makes what this thread wrote to shared memory visible to products.
  void fenceShared();
  /// Barrier `id` (i32) of `threads` threads, which wait there or only arrive.
  void syncThreads(Value id, int64_t threads);
  void arriveThreads(Value id, int64_t threads);
  /// How many registers each thread of the warpgroup needs from now on.
  void setRegisters(int64_t count, bool more);

private:
  void callBarrier(StringRef name, Value id, int64_t threads);
  Value place(const SharedTile &tile, int64_t columnDistance);
  Value descriptor(Value place);
  SmallVector<Value> product(ArrayRef<Value> left, Value right, int64_t columns,
                             ArrayRef<Value> sums, bool rowsAreDepth);
  SmallVector<Value> assembly(StringRef text, StringRef constraints,
                              ArrayRef<Value> operands, int64_t results);
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_INSTRUCTIONS_WARPGROUPUNIT_H
