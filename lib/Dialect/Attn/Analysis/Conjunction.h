//===- Conjunction.h - Conditions that hold together ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_ANALYSIS_CONJUNCTION_H
#define ATTN_LIB_DIALECT_ATTN_ANALYSIS_CONJUNCTION_H

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

  size_t getSize() const { return atoms.size() + literals.size(); }
};

/// Puts conditions together. Where they contradict each other, under premises,
/// these are added to `decisive`.
class Conjoiner {
public:
  Conjoiner(const MaskModel &model, SmallVectorImpl<unsigned> &decisive)
      : model(model), decisive(decisive) {}

  /// False where `form >= 0` contradicts itself or another atom.
  bool add(Conjunction &conjunction, const LinearForm &form);
  /// nullopt where both contradict each other.
  std::optional<Conjunction> merge(Conjunction lhs, const Conjunction &rhs);
  /// Adds what follows from several atoms together: sums that hold neither i
  /// nor j any more, and bounds on i - j that follow from those on quotients.
  /// False where there is a contradiction.
  bool derive(Conjunction &conjunction);

private:
  bool hasPosition(const LinearForm &form) const;
  std::optional<LinearForm> replaceRemainders(LinearForm form) const;
  std::optional<LinearForm> relaxQuotients(const LinearForm &form) const;

  const MaskModel &model;
  SmallVectorImpl<unsigned> &decisive;
};

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_ANALYSIS_CONJUNCTION_H
