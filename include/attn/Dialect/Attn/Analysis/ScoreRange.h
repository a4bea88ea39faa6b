//===- ScoreRange.h - Bounds on what score regions give ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_ANALYSIS_SCORERANGE_H
#define ATTN_DIALECT_ATTN_ANALYSIS_SCORERANGE_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/AttributeNames.h"

namespace mlir::attn {

/// A bound on |s| for every score s that `score`, a region over (score, b, h,
/// i, j, captures...), yields from scores within `given`, or any; up to
/// rounding of the region's own operations; nullopt where none is found. A
/// score that is NaN obeys no bound.
std::optional<double> getScoreBound(Region &score,
                                    std::optional<double> given = {});
/// The same of an op.
std::optional<double> getScoreBound(AttendOp op);

/// How far a maximum may rise beyond the scores, in exponents of 2, where that
/// is left to the tile (`lazyMaximumAttr`). docs/Rationale/Formulation.md says
/// why as much.
inline constexpr double lazyMargin = 4;

/// What weights are relative to in place of the running maximum, in natural
/// units, where scores are so bounded that these neither overflow nor vanish in
/// f32: within a factor of e^60 of 1. nullopt where they are not.
std::optional<double> getFixedMaximum(AttendOp op);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_ANALYSIS_SCORERANGE_H
