//===- LinearForm.h - Linear forms over the terms of a mask -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_ANALYSIS_LINEARFORM_H
#define ATTN_LIB_DIALECT_ATTN_ANALYSIS_LINEARFORM_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <optional>

namespace mlir::attn {

/// Wide enough for every sum of products that the analysis forms.
using Wide = __int128;

/// Inclusive bounds known at compile time.
struct StaticRange {
  Wide min, max;

  bool within(StaticRange outer) const {
    return outer.min <= min && max <= outer.max;
  }
};

/// Captured values and forms within these limits can be added, compared and
/// solved in i64 without wrapping; tiles with others are partial.
constexpr int64_t kTermLimit = int64_t(1) << 58;
constexpr int64_t kFormLimit = int64_t(1) << 60;

/// constant + sum of coefficient * term. Terms are ids in a MaskModel, sorted,
/// each once, with coefficients other than 0. It equals the value that the mask
/// computes where the premises (ids in a MaskModel, sorted) hold.
struct LinearForm {
  using Summand = std::pair<unsigned, int64_t>;
  llvm::SmallVector<Summand, 3> summands;
  int64_t constant = 0;
  llvm::SmallVector<unsigned, 2> premises;

  static LinearForm ofConstant(int64_t value);
  static LinearForm ofTerm(unsigned term);

  bool isConstant() const { return summands.empty(); }
  /// Equality of the sums; premises may differ.
  bool operator==(const LinearForm &other) const {
    return constant == other.constant && summands == other.summands;
  }
  /// Whether the form is exactly one term.
  std::optional<unsigned> getSingleTerm() const;
  LinearForm plus(int64_t value) const;
  LinearForm negated() const;
};

/// Merges sorted `from` into sorted `into`.
void mergePremises(llvm::SmallVectorImpl<unsigned> &into,
                   llvm::ArrayRef<unsigned> from);

/// lhs + factor * rhs, or nullopt where a coefficient leaves the analysis.
std::optional<LinearForm> addScaled(const LinearForm &lhs, int64_t factor,
                                    const LinearForm &rhs);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_ANALYSIS_LINEARFORM_H
