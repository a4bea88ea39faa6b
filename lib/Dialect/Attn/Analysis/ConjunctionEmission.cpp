//===- ConjunctionEmission.cpp - Intervals under a conjunction --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileEmission.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Intervals
//===----------------------------------------------------------------------===//

std::optional<Interval>
ConjunctionEmitter::getInterval(const LinearForm &form) {
  Value constant = s.integer(form.constant);
  Interval sum{constant, constant};
  for (auto [id, coefficient] : form.summands) {
    std::optional<Interval> term = getTerm(id);
    if (!term)
      return std::nullopt;
    if (coefficient < 0)
      std::swap(term->lower, term->upper);
    // One value where both bounds are: others ask whether they are one.
    bool isSingle = sum.lower == sum.upper && term->lower == term->upper;
    Value factor = s.integer(coefficient);
    sum.lower = s.add(sum.lower, s.mul(term->lower, factor));
    sum.upper =
        isSingle ? sum.lower : s.add(sum.upper, s.mul(term->upper, factor));
  }
  return sum;
}

std::optional<Interval> ConjunctionEmitter::getTerm(unsigned id) {
  const Term &term = model.getTerm(id);
  switch (term.kind) {
  case Term::Kind::Query:
    return i;
  case Term::Kind::Key:
    return j;
  case Term::Kind::Uniform:
  case Term::Kind::Table: {
    if (auto here = scanned.find(id); here != scanned.end())
      return here->second;
    auto known = tile.termIntervals.find(id);
    if (known == tile.termIntervals.end())
      return std::nullopt;
    return known->second;
  }
  case Term::Kind::FloorDiv:
    return getQuotient(term);
  case Term::Kind::FloorMod:
    return getRemainder(term);
  case Term::Kind::Product:
    return getProduct(term);
  case Term::Kind::Max:
  case Term::Kind::Select: {
    std::optional<Interval> lhs = getInterval(term.lhs);
    std::optional<Interval> rhs = getInterval(term.rhs);
    if (!lhs || !rhs)
      return std::nullopt;
    Value upper = s.max(lhs->upper, rhs->upper);
    if (term.kind == Term::Kind::Max)
      return Interval{s.max(lhs->lower, rhs->lower), upper};
    return Interval{s.min(lhs->lower, rhs->lower), upper};
  }
  case Term::Kind::Load:
    return getLoad(id);
  case Term::Kind::Unknown:
    if (term.isUnbounded)
      return std::nullopt;
    return Interval{s.integer(term.range.min), s.integer(term.range.max)};
  }
  llvm_unreachable("all kinds of terms are handled");
}

std::optional<Interval>
ConjunctionEmitter::getArgument(const LinearForm &form) {
  std::optional<Interval> interval = getInterval(form);
  if (!interval)
    return std::nullopt;
  auto getUniform = [&](std::optional<LinearForm> rest) -> Value {
    auto isUniform = [&](const LinearForm::Summand &summand) {
      return model.getTerm(summand.first).kind == Term::Kind::Uniform;
    };
    if (!rest || !llvm::all_of(rest->summands, isUniform))
      return {};
    return getInterval(*rest)->lower;
  };
  for (const LinearForm &atom : atoms) {
    // form >= form - atom, and form <= form + atom, where atom >= 0.
    if (Value bound = getUniform(addScaled(form, -1, atom)))
      interval->lower = s.max(interval->lower, bound);
    if (Value bound = getUniform(addScaled(form, 1, atom)))
      interval->upper = s.min(interval->upper, bound);
  }
  return interval;
}

std::optional<Interval> ConjunctionEmitter::getQuotient(const Term &term) {
  std::optional<Interval> lhs = getArgument(term.lhs);
  std::optional<Interval> rhs = getInterval(term.rhs);
  if (!lhs || !rhs)
    return std::nullopt;
  Value one = s.integer(1);
  Value small = s.max(rhs->lower, one);
  if (rhs->lower == rhs->upper)
    return Interval{s.floorDiv(lhs->lower, small),
                    s.floorDiv(lhs->upper, small)};
  Value large = s.max(rhs->upper, one);
  return Interval{
      s.min(s.floorDiv(lhs->lower, small), s.floorDiv(lhs->lower, large)),
      s.max(s.floorDiv(lhs->upper, small), s.floorDiv(lhs->upper, large))};
}

std::optional<Interval> ConjunctionEmitter::getRemainder(const Term &term) {
  std::optional<Interval> lhs = getArgument(term.lhs);
  std::optional<Interval> rhs = getInterval(term.rhs);
  if (!lhs || !rhs)
    return std::nullopt;
  Value one = s.integer(1), zero = s.integer(0);
  Value divisor = s.max(rhs->upper, one);
  Value last = s.sub(divisor, one);
  if (rhs->lower != rhs->upper)
    return Interval{zero, last};
  Value quotient = s.floorDiv(lhs->lower, divisor);
  Value inOnePeriod = s.compare(arith::CmpIPredicate::eq, quotient,
                                s.floorDiv(lhs->upper, divisor));
  Value base = s.mul(quotient, divisor);
  return Interval{s.select(inOnePeriod, s.sub(lhs->lower, base), zero),
                  s.select(inOnePeriod, s.sub(lhs->upper, base), last)};
}

std::optional<Interval> ConjunctionEmitter::getProduct(const Term &term) {
  std::optional<Interval> lhs = getInterval(term.lhs);
  std::optional<Interval> rhs = getInterval(term.rhs);
  if (!lhs || !rhs)
    return std::nullopt;
  Value corners[] = {
      s.mul(lhs->lower, rhs->lower), s.mul(lhs->lower, rhs->upper),
      s.mul(lhs->upper, rhs->lower), s.mul(lhs->upper, rhs->upper)};
  return Interval{
      s.min(s.min(corners[0], corners[1]), s.min(corners[2], corners[3])),
      s.max(s.max(corners[0], corners[1]), s.max(corners[2], corners[3]))};
}

/// A load over i and j: known where all of its indices are.
std::optional<Interval> ConjunctionEmitter::getLoad(unsigned id) {
  auto known = tile.termIntervals.find(id);
  if (known == tile.termIntervals.end())
    return std::nullopt;
  return known->second;
}

//===----------------------------------------------------------------------===//
// Narrowing
//===----------------------------------------------------------------------===//

bool ConjunctionEmitter::isNarrowable(unsigned id) const {
  const Term &term = model.getTerm(id);
  if (term.kind == Term::Kind::FloorDiv)
    return Dependence::isUniform(model.getDependence(term.rhs)) &&
           llvm::any_of(term.lhs.summands, [&](const auto &summand) {
             return isNarrowable(summand.first);
           });
  return term.kind == Term::Kind::Query || term.kind == Term::Kind::Key ||
         (isLastRound && getSearched(id));
}

const LeafTable *ConjunctionEmitter::getSearched(unsigned id) const {
  const Term &term = model.getTerm(id);
  const LeafTable *table =
      term.kind == Term::Kind::Table ? tile.findTable(term.leaf) : nullptr;
  if (!table)
    return nullptr;
  bool isSearched = scanAxis
                        ? !(term.dependence & scanAxis)
                        : tile.rectangle.keys == AllKeys && table->isOverKeys();
  return isSearched ? table : nullptr;
}

/// Keys before the first tile that reaches `bound` cannot, nor can keys from
/// the first tile on that lies above it.
void ConjunctionEmitter::narrowBySearch(const LeafTable &table, Value bound,
                                        bool isLower) {
  const LeafTable::Level &tiles = table.levels[TileOfKeys];
  Value size = s.integer(tile.sizes.tileKeys), one = s.integer(1);
  if (isLower) {
    Value first =
        tile.searchTiles(table, tiles.maximum, bound, s.toIndex(s.integer(0)));
    j.lower = s.max(j.lower, s.mul(s.toInteger(first), size));
    return;
  }
  Value end =
      tile.searchTiles(table, tiles.minimum, s.add(bound, one), table.tiles);
  j.upper = s.min(j.upper, s.sub(s.mul(s.toInteger(end), size), one));
}

bool ConjunctionEmitter::isChecked(const LinearForm &form) {
  return llvm::all_of(form.premises, [&](unsigned id) {
    return getInterval(model.getPremise(id).form).has_value();
  });
}

void ConjunctionEmitter::narrowAtLeast(const LinearForm &form, Value bound) {
  for (auto [index, summand] : llvm::enumerate(form.summands)) {
    auto [id, coefficient] = summand;
    if (!isNarrowable(id))
      continue;
    LinearForm rest = form;
    rest.summands.erase(rest.summands.begin() + index);
    std::optional<Interval> others = getInterval(rest);
    if (!others)
      continue;
    // coefficient * term >= bound - others.
    Value least = s.sub(bound, others->upper);
    if (coefficient > 0) {
      Value negated = s.sub(s.integer(0), least);
      Value quotient = s.floorDiv(negated, s.integer(coefficient));
      narrowTerm(id, s.sub(s.integer(0), quotient), /*isLower=*/true);
    } else {
      Value negated = s.sub(s.integer(0), least);
      narrowTerm(id, s.floorDiv(negated, s.integer(-coefficient)),
                 /*isLower=*/false);
    }
  }
}

void ConjunctionEmitter::narrowTerm(unsigned id, Value bound, bool isLower) {
  const Term &term = model.getTerm(id);
  if (const LeafTable *table = getSearched(id))
    return scanAxis ? narrowByHalving(*table, bound, isLower)
                    : narrowBySearch(*table, bound, isLower);
  if (term.kind != Term::Kind::FloorDiv) {
    Interval &range = term.kind == Term::Kind::Query ? i : j;
    Value &end = isLower ? range.lower : range.upper;
    end = isLower ? s.max(end, bound) : s.min(end, bound);
    return;
  }
  std::optional<Interval> range = getTerm(id);
  std::optional<Interval> divisor = getInterval(term.rhs);
  if (!range || !divisor)
    return;
  // One beyond the range is as good as any bound further off, and cannot wrap.
  Value one = s.integer(1);
  bound = s.max(bound, s.sub(range->lower, one));
  bound = s.min(bound, s.add(range->upper, one));
  Value size = s.max(divisor->lower, one);
  if (isLower)
    return narrowAtLeast(term.lhs, s.mul(bound, size));
  // lhs <= bound * size + size - 1.
  Value last = s.sub(s.add(s.mul(bound, size), size), one);
  narrowAtLeast(term.lhs.negated(), s.sub(s.integer(0), last));
}

/// Atoms over one side first: what these cut is seen by those over both, which
/// then see what each other cut.
void ConjunctionEmitter::narrow() {
  SmallVector<const LinearForm *> single, mixed;
  for (const LinearForm &atom : atoms)
    (Dependence::isMixed(model.getDependence(atom)) ? mixed : single)
        .push_back(&atom);
  unsigned rounds = atoms.size() > 1 ? 2 : 1;
  Value zero = s.integer(0);
  isLastRound = true;
  for (const LinearForm *atom : single)
    narrowAtLeast(*atom, zero);
  for (unsigned round = 0; round < rounds; ++round) {
    isLastRound = round + 1 == rounds;
    for (const LinearForm *atom : mixed)
      narrowAtLeast(*atom, zero);
  }
}

//===----------------------------------------------------------------------===//
// Whether the conjunction may hold
//===----------------------------------------------------------------------===//

/// For two atoms: their sum, where it is the same for all pairs, is not
/// negative; and two tabled functions that are to be equal share a hash.
Value ConjunctionEmitter::emitPairChecks() {
  Value may = s.boolean(true);
  for (auto [index, lhs] : llvm::enumerate(atoms))
    for (const LinearForm &rhs : ArrayRef(atoms).drop_front(index + 1)) {
      std::optional<LinearForm> sum = addScaled(lhs, 1, rhs);
      if (!sum || !Dependence::isUniform(model.getDependence(*sum)))
        continue;
      if (!sum->isConstant())
        if (std::optional<Interval> value = getInterval(*sum))
          may = s.both(may, s.atMost(s.integer(0), value->upper));
      std::pair<unsigned, unsigned> terms;
      if (!isTableEquality(model, lhs, rhs, terms))
        continue;
      Value one = tile.signatures.lookup(terms.first);
      Value other = tile.signatures.lookup(terms.second);
      if (!one || !other)
        continue;
      Value common = s.both(one, other);
      may = s.both(may,
                   s.compare(arith::CmpIPredicate::ne, common, s.integer(0)));
    }
  return may;
}

Value ConjunctionEmitter::emitInRange() {
  return s.both(s.atMost(i.lower, i.upper), s.atMost(j.lower, j.upper));
}

Value ConjunctionEmitter::emitHolds() {
  Value may = s.boolean(true);
  for (Conjunction::Literal literal : conjunction.literals)
    may = s.both(may, emitMayLiteral(literal));
  for (const LinearForm &atom : atoms)
    if (std::optional<Interval> value = getInterval(atom))
      may = s.both(may, s.atMost(s.integer(0), value->upper));
  return may;
}

Value ConjunctionEmitter::emitMay(bool narrowed) {
  for (const LinearForm &atom : conjunction.atoms)
    if (isChecked(atom))
      atoms.push_back(atom);
  Value may = s.boolean(true);
  if (narrowed || atoms.size() > 1) {
    narrow();
    may = s.both(emitInRange(), emitPairChecks());
  }
  return s.both(may, emitHolds());
}
