//===- Work.h - Floating-point work of a function -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DRIVER_WORK_H
#define ATTN_DRIVER_WORK_H

#include "attn/Dialect/Attn/IR/Attn.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::attn {

/// Sizes of one attention op in a call; -1 where the arguments do not tell.
struct AttentionSizes {
  int64_t batch = 1, heads = 1, keyHeads = 1;
  int64_t queries = -1, keys = -1, feature = -1, valueFeature = -1;

  bool areKnown() const;
  /// Multiplications and additions of both products over all pairs.
  double denseFlops() const;
};

/// The ops of a function that attend, attn.multi_head among them, in order.
SmallVector<Operation *> getAttentionOps(func::FuncOp function);

/// The sizes of such an op where the function's arguments have the given shapes
/// (-1 for unknown).
AttentionSizes getAttentionSizes(Operation *op,
                                 ArrayRef<SmallVector<int64_t>> shapes);

/// Multiplications and additions of a contraction, or of the projections and
/// the attention in `attn.multi_head` over all pairs; -1 where the arguments do
/// not tell.
double getContractionFlops(linalg::LinalgOp op,
                           ArrayRef<SmallVector<int64_t>> shapes);
double getMultiHeadFlops(MultiHeadOp op, ArrayRef<SmallVector<int64_t>> shapes);

/// The features that `attn.multi_head` projects, of queries, keys and values;
/// -1 where the arguments do not tell.
struct ProjectedFeatures {
  int64_t queries = -1, keys = -1, values = -1;
  int64_t bytes = 4; ///< Of an element.

  static ProjectedFeatures get(MultiHeadOp op,
                               ArrayRef<SmallVector<int64_t>> shapes);
};

/// What it would save and cost to project inside of the attention on tiles of
/// so many queries: queries are not written and read between, but the weights
/// of a head are read for each tile, and keys and values projected again. Empty
/// where sizes are not known.
std::string describeProjections(const ProjectedFeatures &features,
                                const AttentionSizes &sizes,
                                int64_t tileQueries);

} // namespace mlir::attn

#endif // ATTN_DRIVER_WORK_H
