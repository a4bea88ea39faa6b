//===- SharedTile.h - Tiles in shared memory and their fragments -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_SHAREDTILE_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_SHAREDTILE_H

#include "KernelBuilder.h"

namespace mlir::attn {

/// Where the elements of a tile lie in shared memory. Rows are cut into chunks
/// of 16 bytes, what one lane copies and one row of ldmatrix. Chunks of eight
/// consecutive rows in one column lie in different banks: the number of a chunk
/// is exchanged by bits of its row's, or, where the number of chunks per row is
/// not fit for that, rows are one odd pitch apart.
struct SharedLayout {
  int64_t rows;
  int64_t chunks; ///< Per row; a whole number of products of depth 16.
  int64_t filled; ///< Chunks per row that come from memory.
  int64_t pitch;  ///< Chunks from row to row.
  int64_t mask, shift; ///< Chunk c of row r is c ^ ((r >> shift) & mask).

  static constexpr int64_t chunkBytes = 16;

  /// Of rows of `columns` elements of 16 bits.
  static SharedLayout get(int64_t rows, int64_t columns);
  int64_t bytes() const { return rows * pitch * chunkBytes; }
};

/// A tile at `base` (i32, bytes) in shared memory.
struct SharedTile {
  SharedLayout layout;
  Value memory; ///< The start of shared memory.
  Value base;

  Value address(KernelBuilder &k, Value row, Value chunk) const;
};

/// Start of a row in global memory, and whether there is such a row.
struct RowSource {
  Value pointer, exists;
};

/// Requests copies of all rows of a tile by all `threads` of a block; zeros
/// where a row does not exist.
void copyToShared(KernelBuilder &k, const SharedTile &tile, Value thread,
                  int64_t threads, function_ref<RowSource(Value row)> source);

/// The operands of mma.sync.m16n8k16 on elements of 16 bits, f32 sums.
struct MatrixUnit {
  KernelBuilder &k;
  Type element; ///< f16 or bf16.
  Value lane;

  /// Registers of 16 bits x 2: as i32, or vectors for f16.
  using Registers = SmallVector<Value, 4>;

  /// Left operand: 16 rows from `row`, 16 columns from 16 * `step`.
  Registers loadLeft(const SharedTile &tile, Value row, int64_t step);
  /// Right operands of two products, transposed: 16 rows from `row` are the
  /// columns of the result, columns from 16 * `step` the depth.
  Registers loadRight(const SharedTile &tile, int64_t row, int64_t step);
  /// Right operands of two products: 16 rows from `row` are the depth, columns
  /// from 16 * `step` those of the result.
  Registers loadRightTransposed(const SharedTile &tile, int64_t row,
                                int64_t step);
  /// Two f32 as one register.
  Value pack(Value low, Value high);
  /// sums + left * right, right being registers 2 * half and 2 * half + 1.
  void multiplyAdd(ArrayRef<Value> left, ArrayRef<Value> right, int64_t half,
                   MutableArrayRef<Value> sums);

private:
  Registers loadMatrices(const SharedTile &tile, Value row, Value chunk,
                         bool transposed);
  Value toRegister(Value word);
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_SHAREDTILE_H
