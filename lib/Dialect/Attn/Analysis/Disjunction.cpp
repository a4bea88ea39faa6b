//===- Disjunction.cpp - A mask as a disjunction of conjunctions ----------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Disjunction.h"

using namespace mlir;
using namespace mlir::attn;

/// Beyond this many conjunctions, logic is not expanded but composed from the
/// (may, must) of its operands.
static constexpr size_t kMaxConjunctions = 16;

namespace {
class Expander {
public:
  explicit Expander(const MaskModel &model) : model(model) {}

  Disjunction expand(unsigned id, bool negated) {
    const Node &node = model.getNode(id);
    switch (node.kind) {
    case Node::Kind::Constant:
      return constant(node.value != negated);
    case Node::Kind::Atom:
      return atom(negated ? node.form.negated().plus(-1) : node.form);
    case Node::Kind::Not:
      return expand(node.lhs, !negated);
    case Node::Kind::And:
    case Node::Kind::Or: {
      Disjunction lhs = expand(node.lhs, negated);
      Disjunction rhs = expand(node.rhs, negated);
      bool conjunctive = (node.kind == Node::Kind::And) != negated;
      bool small = lhs.conjunctions.size() * rhs.conjunctions.size() <=
                   kMaxConjunctions * kMaxConjunctions;
      Disjunction whole = literal(id, !negated);
      inheritPremises(whole, lhs);
      inheritPremises(whole, rhs);
      if (!small)
        return whole;
      Disjunction result =
          conjunctive ? conjoin(lhs, rhs) : disjoin(std::move(lhs), rhs);
      return result.conjunctions.size() > kMaxConjunctions ? whole : result;
    }
    default:
      return literal(id, !negated);
    }
  }

private:
  static Disjunction constant(bool value) {
    Disjunction result;
    if (value)
      result.conjunctions.emplace_back();
    return result;
  }

  Disjunction atom(const LinearForm &form) {
    Disjunction result;
    result.premises.assign(form.premises.begin(), form.premises.end());
    Conjunction conjunction;
    if (addAtom(conjunction, form, result.decisive))
      result.conjunctions.push_back(std::move(conjunction));
    return result;
  }

  Disjunction literal(unsigned id, bool holds) {
    Disjunction result;
    for (const LinearForm &index : model.getNode(id).indices)
      mergePremises(result.premises, index.premises);
    result.conjunctions.emplace_back();
    result.conjunctions.back().literals.push_back({id, holds});
    return result;
  }

  static void add(Disjunction &disjunction, Conjunction conjunction) {
    for (const Conjunction &known : disjunction.conjunctions)
      if (known.atoms == conjunction.atoms &&
          known.literals == conjunction.literals)
        return;
    disjunction.conjunctions.push_back(std::move(conjunction));
  }

  Disjunction disjoin(Disjunction lhs, const Disjunction &rhs) {
    inheritPremises(lhs, rhs);
    for (const Conjunction &conjunction : rhs.conjunctions)
      add(lhs, conjunction);
    return lhs;
  }

  Disjunction conjoin(const Disjunction &lhs, const Disjunction &rhs) {
    Disjunction result;
    inheritPremises(result, lhs);
    inheritPremises(result, rhs);
    for (const Conjunction &left : lhs.conjunctions)
      for (const Conjunction &right : rhs.conjunctions)
        if (std::optional<Conjunction> both =
                merge(left, right, result.decisive))
          add(result, std::move(*both));
    return result;
  }

  std::optional<Conjunction> merge(Conjunction lhs, const Conjunction &rhs,
                                   SmallVectorImpl<unsigned> &decisive) {
    for (const LinearForm &form : rhs.atoms)
      if (!addAtom(lhs, form, decisive))
        return std::nullopt;
    for (Conjunction::Literal literal : rhs.literals) {
      if (llvm::is_contained(
              lhs.literals, Conjunction::Literal{literal.node, !literal.holds}))
        return std::nullopt;
      if (!llvm::is_contained(lhs.literals, literal))
        lhs.literals.push_back(literal);
    }
    return lhs;
  }

  static void inheritPremises(Disjunction &into, const Disjunction &from) {
    mergePremises(into.premises, from.premises);
    mergePremises(into.decisive, from.decisive);
  }

  /// False where `form >= 0` contradicts itself or another atom: under premises
  /// that are then `decisive`.
  bool addAtom(Conjunction &conjunction, const LinearForm &form,
               SmallVectorImpl<unsigned> &decisive) {
    StaticRange range = model.getRange(form);
    if (range.max < 0) {
      mergePremises(decisive, form.premises);
      return false;
    }
    if (range.min >= 0)
      return true;
    for (const LinearForm &known : conjunction.atoms) {
      std::optional<LinearForm> sum = addScaled(known, 1, form);
      if (sum && sum->isConstant() && sum->constant < 0) {
        mergePremises(decisive, sum->premises);
        return false;
      }
    }
    for (LinearForm &known : conjunction.atoms) {
      if (known.summands == form.summands) {
        known.constant = std::min(known.constant, form.constant);
        mergePremises(known.premises, form.premises);
        return true;
      }
    }
    conjunction.atoms.push_back(form);
    return true;
  }

  const MaskModel &model;
};
} // namespace

Disjunction attn::expand(const MaskModel &model, unsigned node, bool negated) {
  return Expander(model).expand(node, negated);
}
