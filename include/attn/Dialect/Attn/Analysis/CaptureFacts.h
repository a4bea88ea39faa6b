//===- CaptureFacts.h - What is known of a captured value -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_ANALYSIS_CAPTUREFACTS_H
#define ATTN_DIALECT_ATTN_ANALYSIS_CAPTUREFACTS_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// What attn.assume says of an integer, or of each element of a tensor.
struct CaptureFacts {
  /// A tensor does not fall along its last dimension.
  bool ascending = false;
  /// The compiler proved it; else the user states it.
  bool proved = true;
  std::optional<int64_t> atLeast, atMost;

  bool any() const { return ascending || atLeast || atMost; }

  /// All that is said of `value`.
  static CaptureFacts of(Value value);
};

/// Per capture, all that is said of it.
SmallVector<CaptureFacts> getCaptureFacts(ValueRange captures);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_ANALYSIS_CAPTUREFACTS_H
