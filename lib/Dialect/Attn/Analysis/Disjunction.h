//===- Disjunction.h - A mask as a disjunction of conjunctions --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_ANALYSIS_DISJUNCTION_H
#define ATTN_LIB_DIALECT_ATTN_ANALYSIS_DISJUNCTION_H

#include "Conjunction.h"

namespace mlir::attn {

/// Any of `conjunctions`, under premises (ids in the model).
struct Disjunction {
  SmallVector<Conjunction> conjunctions;
  SmallVector<unsigned, 4> premises;
  /// Those of the premises by which conjunctions were dropped.
  SmallVector<unsigned, 4> decisive;

  bool isFalse() const { return conjunctions.empty() && premises.empty(); }
};

/// The nodes of a model, or their negations, as disjunctions. What contradicts
/// itself is dropped. Disjunctions are bounded in size as they are made: where
/// one would be too large, its larger operand stays a literal, of which there
/// is another disjunction. All of them together are about as large as the
/// logic, times a constant.
class Expansion {
public:
  explicit Expansion(const MaskModel &model) : model(model) {}

  /// Made once. With what follows from the conditions of each conjunction.
  const Disjunction &get(unsigned node, bool negated);

  /// Calls `visit` for `disjunction` and for those that its literals, and their
  /// literals, stand for.
  void visitAll(const Disjunction &disjunction,
                function_ref<void(const Disjunction &)> visit);
  /// Whether a literal stands for a disjunction.
  bool isDisjunction(Conjunction::Literal literal) const;

private:
  const Disjunction &expand(unsigned node, bool negated);
  Disjunction compute(unsigned node, bool negated);
  Disjunction makeAtom(const LinearForm &form) const;
  Disjunction makeLiteral(unsigned node, bool negated) const;
  Disjunction combine(unsigned node, bool negated);
  std::optional<Disjunction> conjoin(const Disjunction &lhs,
                                     const Disjunction &rhs) const;
  std::optional<Disjunction> disjoin(const Disjunction &lhs,
                                     const Disjunction &rhs) const;

  const MaskModel &model;
  using Key = std::pair<unsigned, bool>;
  std::map<Key, Disjunction> expanded, closed;
};

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_ANALYSIS_DISJUNCTION_H
