//===- SharedTile.h - Tiles in shared memory and their fragments --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_INSTRUCTIONS_SHAREDTILE_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_INSTRUCTIONS_SHAREDTILE_H

#include "KernelBuilder.h"

namespace mlir::attn {

/// Where the elements of a tile lie in shared memory. Rows are cut into chunks
/// of 16 bytes, what one lane copies and one row of ldmatrix. Chunks of eight
/// consecutive rows in one column lie in different banks: the number of a chunk
/// is exchanged by bits of its row's.
struct SharedLayout {
  int64_t rows;
  int64_t columns; ///< A multiple of 16: those of memory, then zeros.
  int64_t elementBytes;
  int64_t chunks;      ///< Per row.
  int64_t filled;      ///< Columns that come from memory.
  int64_t piece;       ///< Bytes that are copied at once.
  int64_t pitch;       ///< Chunks of a row in memory, a power of two or 8 n.
  int64_t panel;       ///< Of them those that lie together in each panel.
  int64_t mask, shift; ///< Chunk c of row r is c ^ ((r >> shift) & mask).

  static constexpr int64_t chunkBytes = 16;
  /// Of a row of a panel (getPanels).
  static constexpr int64_t panelBytes = 128;

  /// What rows of memory are multiples of, up to a chunk: bytes.
  static int64_t getPiece(int64_t columns, int64_t elementBytes);
  static SharedLayout get(int64_t rows, int64_t columns, int64_t elementBytes);
  /// Panels of all rows and 8 chunks follow each other, as wgmma takes them.
  static SharedLayout getPanels(int64_t rows, int64_t columns,
                                int64_t elementBytes);
  /// As `get`, for a tile that is written from fragments: of f32, four lanes
  /// fill two chunks of a row.
  static SharedLayout getForFragments(int64_t rows, int64_t columns,
                                      int64_t elementBytes);
  int64_t bytes() const { return rows * pitch * chunkBytes; }
};

/// A tile at `base` (i32, bytes) in shared memory.
struct SharedTile {
  SharedLayout layout;
  Value memory; ///< The start of shared memory.
  Value base;

  /// The address of a chunk, `rowsOn` rows and `chunksOn` chunks from another
  /// one. These leave the exchange as it is: rows are multiples of 8 or, where
  /// several share the banks, of 16, chunks of 8. What is read so far on is
  /// addressed by a constant, and takes no register.
  Value address(KernelBuilder &k, Value row, Value chunk, int64_t rowsOn = 0,
                int64_t chunksOn = 0) const;
  /// The address of the element in column 8 * group + offset, offset < 8.
  Value elementAddress(KernelBuilder &k, Value row, int64_t group, Value offset,
                       int64_t rowsOn = 0) const;

  /// Pieces of `bytes` each, numbered row by row.
  struct Piece {
    Value row, column;     ///< Elements.
    Value address, offset; ///< In shared memory; bytes from the row's start.
  };
  Piece getPiece(KernelBuilder &k, Value number, int64_t bytes) const;
};

/// Start of a row in global memory, and whether there is such a row.
struct RowSource {
  Value pointer, exists;
};

/// Requests copies of the first `rows` of a tile by `threads` threads; zeros
/// where a row does not exist, and from column `columns` (i32) on.
void copyToShared(KernelBuilder &k, const SharedTile &tile, int64_t rows,
                  Value thread, int64_t threads, Value columns,
                  function_ref<RowSource(Value row)> source);

/// A factor of a product. f32 is the sum of two tf32, whose products are exact;
/// a left factor of 16 bits can be a sum, too.
struct Factor {
  SmallVector<Value, 4> high, low; ///< Registers; `low` of what is a sum.
};

/// Products of matrices by mma.sync on f16 and bf16 (m16n8k16) or f32 (m16n8k8,
/// three products of tf32: that of the low parts is below f32's rounding), sums
/// in f32.
struct MatrixUnit {
  KernelBuilder &k;
  Type element;
  Value lane;

  /// Columns of the left factor of one product.
  int64_t depth() const { return element.isF32() ? 8 : 16; }

  /// Left factor: 16 rows from `row`, columns from `depth` * `step`.
  Factor loadLeft(const SharedTile &tile, Value row, int64_t step);
  /// Right factors of two products, transposed: 16 rows from `row` are the
  /// columns of the result, columns from `depth` * `step` the depth.
  Factor loadRight(const SharedTile &tile, int64_t row, int64_t step);
  /// Right factors of two products: rows from `row` are the depth, columns from
  /// 16 * `step` those of the result.
  Factor loadRightTransposed(const SharedTile &tile, int64_t row, int64_t step);
  /// Left factor of which a lane holds `values` as a product gave them: those
  /// of `depth` columns. For f32 columns 2 t and 2 t + 1 take the places t and
  /// t + 4 of the depth, as loadRightTransposed has it. `exact` ones in 16 bits
  /// are sums that are as near as f32's rounding.
  Factor toLeft(ArrayRef<Value> values, bool exact);
  /// Stores two neighbours in the element type.
  void storePair(Value low, Value high, Value pointer);
  /// sums + left * right, right being the first or second of two.
  void multiplyAdd(const Factor &left, const Factor &right, int64_t half,
                   MutableArrayRef<Value> sums);

private:
  Factor loadMatrices(const SharedTile &tile, Value row, int64_t rowsOn,
                      Value half, int64_t step, bool transposed);
  Value pack(Value low, Value high);
  Value toRegister(Value word);
  /// Appends a register of an element pair, or of one f32.
  void append(Factor &factor, Value word);
  void multiplyAdd(ArrayRef<Value> left, ArrayRef<Value> right,
                   MutableArrayRef<Value> sums);
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_INSTRUCTIONS_SHAREDTILE_H
