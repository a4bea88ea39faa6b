//===- Disjunction.h - A mask as a disjunction of conjunctions --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_ANALYSIS_DISJUNCTION_H
#define ATTN_LIB_DIALECT_ATTN_ANALYSIS_DISJUNCTION_H

#include "MaskModel.h"

namespace mlir::attn {

/// All of `form >= 0` for the atoms, and all of the literals.
struct Conjunction {
  /// A leaf node of the model, or (for logic too large to expand) any node.
  struct Literal {
    unsigned node;
    bool holds;
    bool operator==(const Literal &other) const {
      return node == other.node && holds == other.holds;
    }
  };
  SmallVector<LinearForm> atoms;
  SmallVector<Literal> literals;
};

/// Any of `conjunctions`, under premises (ids in the model).
struct Disjunction {
  SmallVector<Conjunction> conjunctions;
  SmallVector<unsigned, 4> premises;
  /// Those of the premises by which conjunctions were dropped.
  SmallVector<unsigned, 4> decisive;

  bool isFalse() const { return conjunctions.empty() && premises.empty(); }
};

/// The node, or its negation, with what contradicts itself dropped.
Disjunction expand(const MaskModel &model, unsigned node, bool negated);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_ANALYSIS_DISJUNCTION_H
