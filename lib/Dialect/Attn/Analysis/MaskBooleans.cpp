//===- MaskBooleans.cpp - Comparisons and logic of a mask -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskModel.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

/// A comparison is split at this many selects and maxima; those beyond are
/// taken as intervals.
static constexpr unsigned kMaxLifts = 4;

unsigned MaskModel::getBoolean(Value value, const GuardCase &guards) {
  Key key = keyOf(value, guards);
  auto found = booleans.find(key);
  if (found == booleans.end())
    found = booleans.emplace(key, computeBoolean(value, guards)).first;
  return found->second;
}

unsigned MaskModel::computeBoolean(Value value, const GuardCase &guards) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return addConstant(!constant.isZero());
  const Dependence depends = dependence(value, guards);
  Operation *op = value.getDefiningOp();
  if (!Dependence::isMixed(depends.bits)) {
    if (!depends.guards.empty()) {
      Value guard = depends.guards[0];
      unsigned node = getBoolean(guard, guards);
      unsigned held = getBoolean(value, extend(guards, guard, true));
      unsigned open = getBoolean(value, extend(guards, guard, false));
      return addCombination(
          Node::Kind::Or, addCombination(Node::Kind::And, node, held),
          addCombination(Node::Kind::And, addNot(node), open));
    }
    if (Dependence::isUniform(depends.bits))
      return makeLeafNode(Node::Kind::Uniform, value, guards);
    if (isWorthStructure(op))
      if (std::optional<unsigned> node = buildBoolean(op, guards);
          node && nodes[*node].structured)
        return *node;
    return makeLeafNode(Node::Kind::Table, value, guards);
  }
  if (std::optional<unsigned> node = buildBoolean(op, guards))
    return *node;
  note(op, "no transfer function for it over both i and j, or too large an "
           "expression");
  return makeUnknownNode();
}

unsigned MaskModel::makeUnknownNode() {
  Node node{Node::Kind::Unknown};
  node.structured = false;
  return addNode(std::move(node));
}

//===----------------------------------------------------------------------===//
// Comparisons
//===----------------------------------------------------------------------===//

std::optional<unsigned> MaskModel::findLiftable(const LinearForm &form,
                                                Term::Kind kind) const {
  for (auto [index, summand] : llvm::enumerate(form.summands))
    if (terms[summand.first].kind == kind)
      return index;
  return std::nullopt;
}

LinearForm MaskModel::substitute(const LinearForm &form, unsigned index,
                                 const LinearForm &value) const {
  LinearForm rest = form;
  int64_t coefficient = rest.summands[index].second;
  rest.summands.erase(rest.summands.begin() + index);
  // A term ranges over what its cases range over, so that this stays in range.
  return addScaled(rest, coefficient, value).value_or(form);
}

/// form >= 0, split at its maxima and selects.
unsigned MaskModel::buildAtLeastZero(const LinearForm &form, unsigned lifts) {
  if (lifts < kMaxLifts) {
    if (auto index = findLiftable(form, Term::Kind::Max)) {
      auto [id, coefficient] = form.summands[*index];
      unsigned lhs =
          buildAtLeastZero(substitute(form, *index, terms[id].lhs), lifts + 1);
      unsigned rhs =
          buildAtLeastZero(substitute(form, *index, terms[id].rhs), lifts + 1);
      return addCombination(coefficient > 0 ? Node::Kind::Or : Node::Kind::And,
                            lhs, rhs);
    }
    if (auto index = findLiftable(form, Term::Kind::Select)) {
      const Term term = terms[form.summands[*index].first];
      unsigned lhs =
          buildAtLeastZero(substitute(form, *index, term.lhs), lifts + 1);
      unsigned rhs =
          buildAtLeastZero(substitute(form, *index, term.rhs), lifts + 1);
      return addCombination(
          Node::Kind::Or, addCombination(Node::Kind::And, term.node, lhs),
          addCombination(Node::Kind::And, addNot(term.node), rhs));
    }
  }
  if (isUnbounded(form))
    return makeUnknownNode();
  Node node{Node::Kind::Atom};
  node.form = form;
  node.structured = isStructured(form);
  return addNode(std::move(node));
}

/// form == 0: selects are split before the two sides, so that both sides see
/// one case.
unsigned MaskModel::buildZero(const LinearForm &form, unsigned lifts) {
  if (lifts < kMaxLifts)
    if (auto index = findLiftable(form, Term::Kind::Select)) {
      const Term term = terms[form.summands[*index].first];
      unsigned lhs = buildZero(substitute(form, *index, term.lhs), lifts + 1);
      unsigned rhs = buildZero(substitute(form, *index, term.rhs), lifts + 1);
      return addCombination(
          Node::Kind::Or, addCombination(Node::Kind::And, term.node, lhs),
          addCombination(Node::Kind::And, addNot(term.node), rhs));
    }
  return addCombination(Node::Kind::And, buildAtLeastZero(form, lifts),
                        buildAtLeastZero(form.negated(), lifts));
}

unsigned MaskModel::buildCompare(arith::CmpIPredicate predicate,
                                 const LinearForm &lhs, const LinearForm &rhs) {
  using Predicate = arith::CmpIPredicate;
  std::optional<LinearForm> difference = addScaled(rhs, -1, lhs);
  if (!difference)
    return makeUnknownNode();
  switch (predicate) {
  case Predicate::eq:
    return buildZero(*difference);
  case Predicate::ne:
    return addNot(buildZero(*difference));
  case Predicate::sle:
    return buildAtLeastZero(*difference);
  case Predicate::slt:
    return buildAtLeastZero(difference->plus(-1));
  case Predicate::ule:
  case Predicate::ult: {
    // A negative lhs is greater than any rhs that is not.
    LinearForm sign = lhs;
    for (LinearForm *form : {&sign, &*difference})
      assumeAlso(*form, rhs, {0, kFormLimit});
    bool strict = predicate == Predicate::ult;
    return addCombination(Node::Kind::And, buildAtLeastZero(sign),
                          buildAtLeastZero(difference->plus(strict ? -1 : 0)));
  }
  case Predicate::sge:
    return buildCompare(Predicate::sle, rhs, lhs);
  case Predicate::sgt:
    return buildCompare(Predicate::slt, rhs, lhs);
  case Predicate::uge:
    return buildCompare(Predicate::ule, rhs, lhs);
  case Predicate::ugt:
    return buildCompare(Predicate::ult, rhs, lhs);
  }
  llvm_unreachable("all predicates of cmpi are handled");
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// The comparison of two booleans as logic; signed, true is below false.
static std::optional<bool> isReversed(arith::CmpIPredicate predicate) {
  using Predicate = arith::CmpIPredicate;
  switch (predicate) {
  case Predicate::ule:
  case Predicate::ult:
  case Predicate::sge:
  case Predicate::sgt:
    return false;
  case Predicate::uge:
  case Predicate::ugt:
  case Predicate::sle:
  case Predicate::slt:
    return true;
  default:
    return std::nullopt;
  }
}

unsigned MaskModel::addDifference(unsigned lhs, unsigned rhs) {
  using Kind = Node::Kind;
  return addCombination(Kind::Or, addCombination(Kind::And, lhs, addNot(rhs)),
                        addCombination(Kind::And, addNot(lhs), rhs));
}

unsigned MaskModel::buildLogicCompare(arith::CmpIPredicate predicate,
                                      unsigned lhs, unsigned rhs) {
  using Predicate = arith::CmpIPredicate;
  if (predicate == Predicate::ne)
    return addDifference(lhs, rhs);
  if (predicate == Predicate::eq)
    return addNot(addDifference(lhs, rhs));
  if (*isReversed(predicate))
    std::swap(lhs, rhs);
  bool strict = predicate == Predicate::ult || predicate == Predicate::ugt ||
                predicate == Predicate::slt || predicate == Predicate::sgt;
  // lhs <= rhs is "not lhs, or rhs"; lhs < rhs is "not lhs, and rhs".
  return addCombination(strict ? Node::Kind::And : Node::Kind::Or, addNot(lhs),
                        rhs);
}

unsigned MaskModel::buildBooleanLoad(LoadOp load, const GuardCase &guards) {
  Value guard = load.getGuard();
  for (auto [known, holds] : guards)
    if (guard == known) {
      if (!holds)
        return addConstant(false);
      guard = {};
    }
  if (guard)
    return addCombination(Node::Kind::And, getBoolean(guard, guards),
                          getBoolean(load, extend(guards, guard, true)));
  unsigned node = makeLeafNode(Node::Kind::Load, load, guards);
  SmallVector<LinearForm> indices;
  for (Value index : load.getIndices())
    indices.push_back(getInteger(index, guards));
  nodes[node].indices = std::move(indices);
  note(load, "its index depends on both i and j");
  return node;
}

std::optional<unsigned> MaskModel::buildBoolean(Operation *op,
                                                const GuardCase &guards) {
  using Kind = Node::Kind;
  if (!op || op->getNumResults() != 1)
    return std::nullopt;
  auto get = [&](unsigned index) {
    return getBoolean(op->getOperand(index), guards);
  };
  return TypeSwitch<Operation *, std::optional<unsigned>>(op)
      .Case<arith::AndIOp>(
          [&](auto) { return addCombination(Kind::And, get(0), get(1)); })
      .Case<arith::OrIOp>(
          [&](auto) { return addCombination(Kind::Or, get(0), get(1)); })
      .Case<arith::XOrIOp>([&](auto) { return addDifference(get(0), get(1)); })
      .Case<arith::SelectOp>([&](auto) {
        unsigned condition = get(0);
        return addCombination(
            Kind::Or, addCombination(Kind::And, condition, get(1)),
            addCombination(Kind::And, addNot(condition), get(2)));
      })
      .Case<arith::TruncIOp>([&](auto) -> std::optional<unsigned> {
        Integer bit = buildFloorMod(getInteger(op->getOperand(0), guards),
                                    LinearForm::ofConstant(2));
        if (!bit)
          return std::nullopt;
        return buildAtLeastZero(bit->plus(-1));
      })
      .Case<arith::CmpIOp>([&](arith::CmpIOp compare) {
        Value lhs = compare.getLhs(), rhs = compare.getRhs();
        if (lhs.getType().isInteger(1))
          return buildLogicCompare(compare.getPredicate(), get(0), get(1));
        return buildCompare(compare.getPredicate(), getInteger(lhs, guards),
                            getInteger(rhs, guards));
      })
      .Case<LoadOp>([&](LoadOp load) { return buildBooleanLoad(load, guards); })
      .Default(std::optional<unsigned>());
}
