//===- Disjunction.cpp - A mask as a disjunction of conjunctions ----------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Disjunction.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace mlir::attn;

/// Of a product of disjunctions, which grows with the size of both.
static constexpr size_t kMaxProduct = 16;
/// Of a disjunction.
static constexpr size_t kMaxConjunctions = 64;
/// Of a conjunction, whose conditions are looked at in pairs.
static constexpr size_t kMaxConditions = 48;

static void inheritPremises(Disjunction &into, const Disjunction &from) {
  mergePremises(into.premises, from.premises);
  mergePremises(into.decisive, from.decisive);
}

/// Whether `conjunction` implies `weaker`, condition by condition.
static bool implies(const Conjunction &conjunction, const Conjunction &weaker) {
  return llvm::all_of(weaker.atoms,
                      [&](const LinearForm &form) {
                        return llvm::any_of(
                            conjunction.atoms, [&](const LinearForm &known) {
                              return known.summands == form.summands &&
                                     known.constant <= form.constant;
                            });
                      }) &&
         llvm::all_of(weaker.literals, [&](Conjunction::Literal literal) {
           return llvm::is_contained(conjunction.literals, literal);
         });
}

/// Keeps the weakest of conjunctions that imply each other.
static void add(Disjunction &disjunction, Conjunction conjunction) {
  for (const Conjunction &known : disjunction.conjunctions)
    if (implies(conjunction, known))
      return;
  llvm::erase_if(disjunction.conjunctions, [&](const Conjunction &known) {
    return implies(known, conjunction);
  });
  disjunction.conjunctions.push_back(std::move(conjunction));
}

Disjunction Expansion::makeAtom(const LinearForm &form) const {
  Disjunction result;
  result.premises.assign(form.premises.begin(), form.premises.end());
  Conjunction conjunction;
  if (Conjoiner(model, result.decisive).add(conjunction, form))
    result.conjunctions.push_back(std::move(conjunction));
  return result;
}

Disjunction Expansion::makeLiteral(unsigned node, bool negated) const {
  Disjunction result;
  for (const LinearForm &index : model.getNode(node).indices)
    mergePremises(result.premises, index.premises);
  result.conjunctions.emplace_back();
  result.conjunctions.back().literals.push_back({node, !negated});
  return result;
}

std::optional<Disjunction> Expansion::conjoin(const Disjunction &lhs,
                                              const Disjunction &rhs) const {
  Disjunction result;
  inheritPremises(result, lhs);
  inheritPremises(result, rhs);
  size_t limit =
      std::max({kMaxProduct, lhs.conjunctions.size(), rhs.conjunctions.size()});
  Conjoiner conjoiner(model, result.decisive);
  for (const Conjunction &left : lhs.conjunctions)
    for (const Conjunction &right : rhs.conjunctions) {
      std::optional<Conjunction> both = conjoiner.merge(left, right);
      if (!both)
        continue;
      bool fits = both->getSize() <= kMaxConditions;
      add(result, std::move(*both));
      if (!fits || result.conjunctions.size() > limit)
        return std::nullopt;
    }
  return result;
}

std::optional<Disjunction> Expansion::disjoin(const Disjunction &lhs,
                                              const Disjunction &rhs) const {
  Disjunction result = lhs;
  inheritPremises(result, rhs);
  for (const Conjunction &conjunction : rhs.conjunctions)
    add(result, conjunction);
  if (result.conjunctions.size() > kMaxConjunctions)
    return std::nullopt;
  return result;
}

/// Where the whole is too large, the larger operand stays a literal; with one
/// conjunction of one condition, the whole is hardly larger than the other.
Disjunction Expansion::combine(unsigned id, bool negated) {
  const Node &node = model.getNode(id);
  const Disjunction &lhs = expand(node.lhs, negated);
  const Disjunction &rhs = expand(node.rhs, negated);
  bool conjunctive = (node.kind == Node::Kind::And) != negated;
  auto join = [&](const Disjunction &lhs, const Disjunction &rhs) {
    return conjunctive ? conjoin(lhs, rhs) : disjoin(lhs, rhs);
  };
  if (std::optional<Disjunction> whole = join(lhs, rhs))
    return *whole;
  auto getSize = [](const Disjunction &disjunction) {
    size_t size = 0;
    for (const Conjunction &conjunction : disjunction.conjunctions)
      size += 1 + conjunction.getSize();
    return size;
  };
  bool leftIsLarger = getSize(lhs) >= getSize(rhs);
  const Disjunction &larger = leftIsLarger ? lhs : rhs;
  const Disjunction &smaller = leftIsLarger ? rhs : lhs;
  Disjunction named = makeLiteral(leftIsLarger ? node.lhs : node.rhs, negated);
  inheritPremises(named, larger);
  if (std::optional<Disjunction> whole = join(named, smaller))
    return *whole;
  Disjunction other = makeLiteral(leftIsLarger ? node.rhs : node.lhs, negated);
  inheritPremises(other, smaller);
  return *join(named, other);
}

Disjunction Expansion::compute(unsigned id, bool negated) {
  const Node &node = model.getNode(id);
  switch (node.kind) {
  case Node::Kind::Constant: {
    Disjunction result;
    if (node.value != negated)
      result.conjunctions.emplace_back();
    return result;
  }
  case Node::Kind::Atom:
    return makeAtom(negated ? node.form.negated().plus(-1) : node.form);
  case Node::Kind::Not:
    return expand(node.lhs, !negated);
  case Node::Kind::And:
  case Node::Kind::Or:
    return combine(id, negated);
  default:
    return makeLiteral(id, negated);
  }
}

const Disjunction &Expansion::expand(unsigned node, bool negated) {
  auto found = expanded.find({node, negated});
  if (found == expanded.end())
    found = expanded.emplace(Key(node, negated), compute(node, negated)).first;
  return found->second;
}

const Disjunction &Expansion::get(unsigned node, bool negated) {
  auto [place, isNew] = closed.try_emplace({node, negated});
  Disjunction &result = place->second;
  if (!isNew)
    return result;
  result = expand(node, negated);
  Conjoiner conjoiner(model, result.decisive);
  llvm::erase_if(result.conjunctions, [&](Conjunction &conjunction) {
    return !conjoiner.derive(conjunction);
  });
  return result;
}

bool Expansion::isDisjunction(Conjunction::Literal literal) const {
  switch (model.getNode(literal.node).kind) {
  case Node::Kind::Atom:
  case Node::Kind::Not:
  case Node::Kind::And:
  case Node::Kind::Or:
    return true;
  default:
    return false;
  }
}

void Expansion::visitAll(const Disjunction &disjunction,
                         function_ref<void(const Disjunction &)> visit) {
  SmallVector<const Disjunction *> pending{&disjunction};
  DenseSet<const Disjunction *> seen;
  while (!pending.empty()) {
    const Disjunction *next = pending.pop_back_val();
    if (!seen.insert(next).second)
      continue;
    visit(*next);
    for (const Conjunction &conjunction : next->conjunctions)
      for (Conjunction::Literal literal : conjunction.literals)
        if (isDisjunction(literal))
          pending.push_back(&get(literal.node, !literal.holds));
  }
}
