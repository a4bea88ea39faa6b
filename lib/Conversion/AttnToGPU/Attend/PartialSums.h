//===- PartialSums.h - What blocks that share keys sum up -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_PARTIALSUMS_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_PARTIALSUMS_H

#include "../Arguments/AttendArguments.h"
#include "../Instructions/KernelBuilder.h"

namespace mlir::attn {

/// Of the weights of a row, in f32: the largest score in natural units (without
/// softmax nothing), the sum under it.
struct RowStatistics {
  Value maximum, sum;
};

/// What turns an accumulator into a result: 0 for an empty row.
Value normalizingFactor(KernelBuilder &k, Normalizer normalizer, Value sum);

/// maximum + log(sum), -inf for an empty row; log(sum) without a maximum.
Value logOfSum(KernelBuilder &k, Normalizer normalizer,
               const RowStatistics &row);

/// Memory of f32 that `arguments` name: for each split, for each row of all
/// heads and batches, `columns` sums of weighted values; then for each row, for
/// each split, its statistics.
struct PartialSums {
  KernelBuilder &k;
  const AttendArguments &arguments;
  int64_t columns;

  /// Rows of all heads and batches: i64.
  Value rowCount() const;
  /// The sums of a row (i32, or i64) in a split.
  Value accumulator(Value split, Value row) const;
  void storeStatistics(Value split, Value row,
                       const RowStatistics &statistics) const;
  RowStatistics loadStatistics(Value split, Value row) const;

private:
  Value statistics(Value split, Value row) const;
};

/// Emits what a block does to merge the sums of all splits into output and LSE:
/// each of its warps takes one row.
class MergeKernel {
public:
  static constexpr int64_t threads = 128;
  static constexpr int64_t rowsPerBlock = threads / warpSize;

  /// `arguments` are bound to the kernel at the builder; `sumColumns` as in the
  /// plan.
  MergeKernel(OpBuilder &builder, AttendOp op, AttendArguments arguments,
              int64_t sumColumns);
  void emit();

private:
  void mergeRow(Value row);
  RowStatistics mergeStatistics(Value row);
  Value weigh(const RowStatistics &part, Value maximum);
  bool isSoftmax() { return op.getNormalizer() == Normalizer::Softmax; }

  KernelBuilder k;
  AttendOp op;
  AttendArguments arguments;
  int64_t columns;
  PartialSums partials;
  Value lane, splits;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_PARTIALSUMS_H
