//===- Contraction.h - Matrix products in tiles -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_TILING_CONTRACTION_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_TILING_CONTRACTION_H

#include "attn/Target/CPU/TargetSpec.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <optional>

namespace mlir::attn {

/// c[row, lane] += rows[row, k] * lanes[k, lane] for all values of other loops;
/// lanes are innermost in c. Dimensions of inputs are in any order.
struct Contraction {
  linalg::LinalgOp op;
  unsigned rowDim, laneDim, reductionDim;
  /// Further dimensions that are added up.
  SmallVector<unsigned> outerReductions;
  /// The inputs that have rows and lanes: 0 or 1.
  unsigned rowInput, laneInput;
  /// Of sums; inputs and c may be narrower.
  Type accumulator;

  /// Reads `op` so, if it is a product of matrices of floats.
  static std::optional<Contraction> match(linalg::LinalgOp op);
  /// Whether c is narrower than the sums.
  bool isNarrow();
  /// The static size of a loop, or dynamic.
  int64_t sizeOf(unsigned dim);
};

/// Tile sizes: a packed panel of `lanes` columns and `reductions` rows stays in
/// the second-level cache while `rows` rows stream past it. For few rows
/// nothing is packed: each element of the other input is read once or twice.
struct ContractionPlan {
  int64_t rows, lanes, reductions;
  bool packs;

  static ContractionPlan get(const TargetSpec &target, Contraction contraction);
};

/// Emits a contraction whose loops are within one tile of the plan, its other
/// loops of size 1, onto zeros. Its result has the accumulator type.
Value emitContractionTile(OpBuilder &builder, Contraction tile,
                          const ContractionPlan &plan);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_TILING_CONTRACTION_H
