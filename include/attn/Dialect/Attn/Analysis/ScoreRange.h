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

/// On attn.attend, f64: compatibilities times scale are within it, or NaN.
/// Whoever drops it loses speed, not results.
inline constexpr llvm::StringLiteral scoreBoundAttr = "attn.score_bound";

/// A bound on |s| for every score s that `score`, a region over (score, b, h,
/// i, j, captures...), yields from scores within `given`, or any; up to
/// rounding of the region's own operations; nullopt where none is found. A
/// score that is NaN obeys no bound.
std::optional<double> getScoreBound(Region &score,
                                    std::optional<double> given = {});
/// The same of an op.
std::optional<double> getScoreBound(AttendOp op);

/// On attn.attend_tile: scores are bounded so near the maximum that is given
/// that it may stay. Whoever drops it loses speed, not results.
inline constexpr llvm::StringLiteral boundedScoresAttr = "attn.bounded";

/// On attn.attend_tile: scores and maximum are exponents of 2, not of e.
inline constexpr llvm::StringLiteral binaryScoresAttr = "attn.binary";

/// On attn.attend_tile: where a score exceeds a maximum, those that are not
/// -inf may rise beyond the scores by `lazyMargin`, so that they rise seldom.
/// Whoever drops it loses speed, not results.
inline constexpr llvm::StringLiteral lazyMaximumAttr = "attn.lazy";

/// In exponents of 2. docs/Rationale/Formulation.md says why as much.
inline constexpr double lazyMargin = 4;

/// What weights are relative to in place of the running maximum, in natural
/// units, where scores are so bounded that these neither overflow nor vanish in
/// f32: within a factor of e^60 of 1. nullopt where they are not.
std::optional<double> getFixedMaximum(AttendOp op);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_ANALYSIS_SCORERANGE_H
