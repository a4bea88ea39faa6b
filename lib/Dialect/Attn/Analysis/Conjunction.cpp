//===- Conjunction.cpp - Conditions that hold together ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Conjunction.h"

#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace mlir::attn;

bool Conjoiner::add(Conjunction &conjunction, const LinearForm &form) {
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

std::optional<Conjunction> Conjoiner::merge(Conjunction lhs,
                                            const Conjunction &rhs) {
  for (const LinearForm &form : rhs.atoms)
    if (!add(lhs, form))
      return std::nullopt;
  for (Conjunction::Literal literal : rhs.literals) {
    if (llvm::is_contained(lhs.literals,
                           Conjunction::Literal{literal.node, !literal.holds}))
      return std::nullopt;
    if (!llvm::is_contained(lhs.literals, literal))
      lhs.literals.push_back(literal);
  }
  return lhs;
}

//===----------------------------------------------------------------------===//
// What follows
//===----------------------------------------------------------------------===//

/// Whether i or j stands in the sum as itself.
bool Conjoiner::hasPosition(const LinearForm &form) const {
  return llvm::any_of(form.summands, [&](const LinearForm::Summand &summand) {
    Term::Kind kind = model.getTerm(summand.first).kind;
    return kind == Term::Kind::Query || kind == Term::Kind::Key;
  });
}

/// x mod c as x - c * (x floordiv c), where the mask has that quotient too.
/// nullopt where there is no remainder, or another one.
std::optional<LinearForm> Conjoiner::replaceRemainders(LinearForm form) const {
  bool replaced = false;
  for (auto [id, coefficient] : LinearForm(form).summands) {
    const Term &term = model.getTerm(id);
    if (term.kind != Term::Kind::FloorMod)
      continue;
    std::optional<unsigned> quotient =
        model.findTerm(Term::Kind::FloorDiv, term.lhs, term.rhs);
    if (!term.rhs.isConstant() || !quotient)
      return std::nullopt;
    std::optional<LinearForm> sum = form;
    for (auto [factor, part] :
         {std::pair<int64_t, LinearForm>(-1, LinearForm::ofTerm(id)),
          {1, term.lhs},
          {-term.rhs.constant, LinearForm::ofTerm(*quotient)}})
      if (sum)
        sum = addScaled(*sum, factor * coefficient, part);
    if (!sum)
      return std::nullopt;
    form = *sum;
    replaced = true;
  }
  return replaced ? std::optional<LinearForm>(form) : std::nullopt;
}

/// What is left of `form >= 0` once x floordiv c is bounded by x: c * (x
/// floordiv c) lies between x - c + 1 and x. nullopt where not all terms over
/// positions are quotients by one constant.
std::optional<LinearForm>
Conjoiner::relaxQuotients(const LinearForm &form) const {
  int64_t divisor = 0;
  for (auto [id, coefficient] : form.summands) {
    const Term &term = model.getTerm(id);
    if (Dependence::isUniform(term.dependence))
      continue;
    if (term.kind != Term::Kind::FloorDiv || !term.rhs.isConstant() ||
        (divisor && divisor != term.rhs.constant))
      return std::nullopt;
    divisor = term.rhs.constant;
  }
  if (!divisor)
    return std::nullopt;
  std::optional<LinearForm> sum =
      addScaled(LinearForm::ofConstant(0), divisor, form);
  for (auto [id, coefficient] : form.summands) {
    const Term &term = model.getTerm(id);
    if (Dependence::isUniform(term.dependence) || !sum)
      continue;
    LinearForm bound = coefficient > 0 ? term.lhs : term.lhs.plus(1 - divisor);
    sum = addScaled(*sum, -coefficient * divisor, LinearForm::ofTerm(id));
    if (sum)
      sum = addScaled(*sum, coefficient, bound);
  }
  return sum;
}

/// The strongest condition on integers that `form >= 0` is.
static LinearForm tighten(LinearForm form) {
  int64_t divisor = 0;
  for (auto [id, coefficient] : form.summands)
    divisor = std::gcd(divisor, coefficient);
  if (divisor <= 1)
    return form;
  for (auto &summand : form.summands)
    summand.second /= divisor;
  form.constant = llvm::divideFloorSigned(form.constant, divisor);
  return form;
}

bool Conjoiner::derive(Conjunction &conjunction) {
  SmallVector<LinearForm> atoms = conjunction.atoms, relaxed, derived;
  for (const LinearForm &atom : conjunction.atoms) {
    if (!Dependence::isMixed(model.getDependence(atom)))
      continue;
    if (std::optional<LinearForm> form = replaceRemainders(atom))
      atoms.push_back(*form);
    else if (std::optional<LinearForm> form = relaxQuotients(atom))
      relaxed.push_back(*form);
  }
  for (auto [index, lhs] : llvm::enumerate(atoms))
    for (const LinearForm &rhs : ArrayRef(atoms).drop_front(index + 1)) {
      std::optional<LinearForm> sum = addScaled(lhs, 1, rhs);
      if (sum && !sum->isConstant() && hasPosition(lhs) && hasPosition(rhs) &&
          !hasPosition(*sum) && Dependence::isMixed(model.getDependence(*sum)))
        derived.push_back(tighten(*sum));
    }
  // A bound from quotients tells something where it meets one of i and j.
  for (const LinearForm &form : relaxed)
    for (const LinearForm &atom : conjunction.atoms) {
      std::optional<LinearForm> sum = addScaled(form, 1, atom);
      if (!sum || !Dependence::isUniform(model.getDependence(*sum)) ||
          (sum->isConstant() && sum->constant >= 0))
        continue;
      derived.push_back(form);
      break;
    }
  StaticRange limit{-kFormLimit, kFormLimit};
  return llvm::all_of(derived, [&](const LinearForm &form) {
    if (!model.getRange(form).within(limit))
      return true;
    bool known = llvm::any_of(conjunction.atoms, [&](const LinearForm &atom) {
      return atom.summands == form.summands && atom.constant <= form.constant;
    });
    return known || add(conjunction, form);
  });
}
