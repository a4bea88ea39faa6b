//===- ScoreRange.h - Bounds on what score regions give ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_ANALYSIS_SCORERANGE_H
#define ATTN_DIALECT_ATTN_ANALYSIS_SCORERANGE_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Emits a bound on |s| for every score s that `score`, a region over (score,
/// b, h, i, j, captures...), yields from any score: of the score's type, the
/// same for all pairs, up to rounding of the region's own operations. Null,
/// with nothing emitted, where none is found. A score that is NaN obeys no
/// bound.
Value emitScoreBound(OpBuilder &builder, Location loc, Region &score,
                     ValueRange captures);

/// That bound where it is a number known at compile time.
std::optional<double> getScoreBound(Region &score);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_ANALYSIS_SCORERANGE_H
