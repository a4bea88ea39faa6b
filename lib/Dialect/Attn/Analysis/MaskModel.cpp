//===- MaskModel.cpp - Dependence, terms and nodes of a mask ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskModel.h"

#include "attn/Dialect/Attn/IR/RegionUtils.h"

using namespace mlir;
using namespace mlir::attn;

StaticRange attn::getTypeRange(Type type) {
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  Wide half = Wide(1) << (width - 1);
  if (width == 1)
    return {0, 1};
  return {-half, half - 1};
}

MaskModel::MaskModel(Region &mask, int64_t queryLimit, int64_t keyLimit,
                     ArrayRef<CaptureFacts> facts)
    : body(mask.front()),
      queryRange{0, (queryLimit > 0 ? queryLimit : positionLimit) - 1},
      keyRange{0, (keyLimit > 0 ? keyLimit : positionLimit) - 1}, facts(facts) {
  findSplits();
  root = getBoolean(body.getTerminator()->getOperand(0), {});
}

//===----------------------------------------------------------------------===//
// Dependence
//===----------------------------------------------------------------------===//

MaskModel::Key MaskModel::keyOf(Value value, const GuardCase &guards) {
  Key key{value.getAsOpaquePointer(), {}};
  for (auto [guard, holds] : guards)
    key.second.push_back({guard.getAsOpaquePointer(), holds});
  return key;
}

GuardCase MaskModel::extend(const GuardCase &guards, Value guard,
                            bool holds) const {
  GuardCase result = guards;
  result.push_back({guard, holds});
  llvm::sort(result, [](auto &lhs, auto &rhs) {
    return lhs.first.getAsOpaquePointer() < rhs.first.getAsOpaquePointer();
  });
  return result;
}

static std::optional<bool> lookup(const GuardCase &guards, Value guard) {
  for (auto [known, holds] : guards)
    if (known == guard)
      return holds;
  return std::nullopt;
}

const Dependence &MaskModel::dependence(Value value, const GuardCase &guards) {
  Key key = keyOf(value, guards);
  auto found = dependences.find(key);
  if (found == dependences.end())
    found = dependences.emplace(key, computeDependence(value, guards)).first;
  return found->second;
}

Dependence MaskModel::computeDependence(Value value, const GuardCase &guards) {
  Dependence result;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (argument.getOwner() == &body && argument.getArgNumber() < 4)
      result.bits = 1u << argument.getArgNumber();
    return result;
  }
  auto absorb = [&](Value operand) {
    const Dependence &other = dependence(operand, guards);
    result.bits |= other.bits;
    result.guards.insert(other.guards.begin(), other.guards.end());
  };
  Operation *op = value.getDefiningOp();
  auto load = dyn_cast<LoadOp>(op);
  if (!load || !load.getGuard()) {
    for (Value operand : op->getOperands())
      absorb(operand);
    return result;
  }
  std::optional<bool> known = lookup(guards, load.getGuard());
  if (known && !*known)
    return result;
  for (Value index : load.getIndices())
    absorb(index);
  if (known)
    return result;
  const Dependence &guard = dependence(load.getGuard(), guards);
  if (Dependence::isMixed(result.bits | guard.bits) || !guard.guards.empty())
    result.guards.insert(load.getGuard());
  else
    result.bits |= guard.bits;
  return result;
}

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

unsigned MaskModel::intern(Term term) {
  for (auto [id, known] : llvm::enumerate(terms))
    if (known.kind == term.kind && known.leaf == term.leaf &&
        known.lhs == term.lhs && known.rhs == term.rhs &&
        known.node == term.node && known.indices == term.indices &&
        term.kind != Term::Kind::Unknown)
      return id;
  terms.push_back(std::move(term));
  return terms.size() - 1;
}

std::optional<unsigned> MaskModel::findTerm(Term::Kind kind,
                                            const LinearForm &lhs,
                                            const LinearForm &rhs) const {
  for (auto [id, known] : llvm::enumerate(terms))
    if (known.kind == kind && known.lhs == lhs && known.rhs == rhs)
      return id;
  return std::nullopt;
}

StaticRange MaskModel::getRange(const LinearForm &form) const {
  StaticRange range{form.constant, form.constant};
  for (auto [term, coefficient] : form.summands) {
    Wide low = terms[term].range.min * coefficient;
    Wide high = terms[term].range.max * coefficient;
    range.min += std::min(low, high);
    range.max += std::max(low, high);
  }
  return range;
}

unsigned MaskModel::getDependence(const LinearForm &form) const {
  unsigned bits = 0;
  for (auto [term, coefficient] : form.summands)
    bits |= terms[term].dependence;
  return bits;
}

unsigned MaskModel::getSize(const LinearForm &form) const {
  unsigned size = 0;
  for (auto [term, coefficient] : form.summands)
    size += terms[term].size;
  return size;
}

bool MaskModel::isAffine(const LinearForm &form) const {
  return llvm::all_of(form.summands, [&](const LinearForm::Summand &summand) {
    Term::Kind kind = terms[summand.first].kind;
    return kind == Term::Kind::Query || kind == Term::Kind::Key ||
           kind == Term::Kind::Uniform;
  });
}

bool MaskModel::isStructured(const LinearForm &form) const {
  return llvm::all_of(form.summands, [&](const LinearForm::Summand &summand) {
    const Term &term = terms[summand.first];
    switch (term.kind) {
    case Term::Kind::Query:
    case Term::Kind::Key:
    case Term::Kind::Uniform:
      return true;
    case Term::Kind::FloorDiv:
    case Term::Kind::Max:
      return isStructured(term.lhs) && isStructured(term.rhs);
    case Term::Kind::FloorMod:
      return llvm::any_of(splits, [&](const Split &split) {
        unsigned argument = split.bit == Dependence::Query ? 2 : 3;
        auto position = integers.find(keyOf(body.getArgument(argument), {}));
        return term.rhs == split.divisor &&
               addScaled(term.lhs, -1, position->second) == split.offset;
      });
    default:
      return false;
    }
  });
}

//===----------------------------------------------------------------------===//
// Facts
//===----------------------------------------------------------------------===//

static unsigned getWidth(Type type) {
  return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
}

/// The value that `value` is, in a type as wide or wider.
static Value skipCasts(Value value) {
  Operation *op = value.getDefiningOp();
  while (isa_and_nonnull<arith::IndexCastOp, arith::ExtSIOp>(op) &&
         getWidth(op->getOperand(0).getType()) <= getWidth(value.getType())) {
    value = op->getOperand(0);
    op = value.getDefiningOp();
  }
  return value;
}

CaptureFacts MaskModel::getFacts(Value capture) const {
  auto argument = dyn_cast<BlockArgument>(capture);
  if (!argument || argument.getOwner() != &body ||
      argument.getArgNumber() < 4 || facts.empty())
    return {};
  return facts[argument.getArgNumber() - 4];
}

/// The values that the type of a leaf and the facts about it leave.
StaticRange MaskModel::getLeafRange(Value value) const {
  StaticRange range = getTypeRange(value.getType());
  Value source = skipCasts(value);
  auto load = source.getDefiningOp<LoadOp>();
  CaptureFacts known = getFacts(load ? load.getSource() : source);
  // What is not read is 0.
  constexpr int64_t none = 0;
  if (std::optional<int64_t> least = known.atLeast)
    range.min =
        std::max<Wide>(range.min, load ? std::min(*least, none) : *least);
  if (std::optional<int64_t> most = known.atMost)
    range.max = std::min<Wide>(range.max, load ? std::max(*most, none) : *most);
  return range;
}

std::optional<unsigned> MaskModel::findAscending(const Leaf &leaf) const {
  auto load = skipCasts(leaf.value).getDefiningOp<LoadOp>();
  if (!load || !getFacts(load.getSource()).ascending ||
      load.getIndices().back() != body.getArgument(3))
    return std::nullopt;
  if (load.getGuard() &&
      !llvm::is_contained(leaf.guards,
                          std::pair<Value, bool>(load.getGuard(), true)))
    return std::nullopt;
  for (Value index : load.getIndices().drop_back())
    if (!isa<BlockArgument>(index) || index == body.getArgument(3))
      return std::nullopt;
  return cast<BlockArgument>(load.getSource()).getArgNumber() - 4;
}

static constexpr StaticRange termLimits{-kTermLimit, kTermLimit};

bool MaskModel::hasLimits(const Term &leaf) const {
  return getLeafRange(leaf.leaf.value).within(termLimits);
}

/// A leaf as a term. Where its type allows values beyond the limit of terms,
/// that they stay within it is assumed.
LinearForm MaskModel::makeLeaf(Term::Kind kind, Value value,
                               const GuardCase &guards) {
  Term term;
  term.kind = kind;
  term.leaf = {value, guards, dependence(value, guards).bits};
  term.dependence = term.leaf.dependence;
  StaticRange range = getLeafRange(value);
  bool bounded = range.within(termLimits);
  term.range = bounded ? range : termLimits;
  LinearForm form = LinearForm::ofTerm(intern(std::move(term)));
  if (!bounded)
    addPremise(form, {form, termLimits});
  return form;
}

LinearForm MaskModel::makeUnknown(Value value, const Twine &reason) {
  if (Operation *op = value.getDefiningOp())
    note(op, reason);
  Term term;
  term.kind = Term::Kind::Unknown;
  term.dependence = Dependence::Query | Dependence::Key;
  StaticRange limit{-kTermLimit, kTermLimit};
  term.range = getTypeRange(value.getType());
  bool bounded = term.range.within(limit);
  if (!bounded)
    term.range = limit;
  term.isUnbounded = !bounded;
  return LinearForm::ofTerm(intern(std::move(term)));
}

bool MaskModel::isUnbounded(const LinearForm &form) const {
  return llvm::any_of(form.summands, [&](const LinearForm::Summand &summand) {
    const Term &term = terms[summand.first];
    return term.isUnbounded || isUnbounded(term.lhs) || isUnbounded(term.rhs);
  });
}

void MaskModel::assume(LinearForm &form, StaticRange range) {
  assumeAlso(form, form, range);
}

void MaskModel::assumeAlso(LinearForm &form, LinearForm other,
                           StaticRange range) {
  mergePremises(form.premises, other.premises);
  if (!getRange(other).within(range))
    addPremise(form, {other, range});
}

void MaskModel::addPremise(LinearForm &form, Premise premise) {
  for (auto [id, known] : llvm::enumerate(premises))
    if (known.form == premise.form && known.range.within(premise.range))
      return mergePremises(form.premises, {unsigned(id)});
  premises.push_back(std::move(premise));
  mergePremises(form.premises, {unsigned(premises.size() - 1)});
}

void MaskModel::note(Operation *op, const Twine &reason) {
  if (llvm::none_of(notes, [&](const AnalysisNote &n) { return n.op == op; }))
    notes.push_back({op, reason.str()});
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

/// Logic beyond is unknown: what is made of a node is made for each use of it.
static constexpr unsigned kMaxNodes = 1024;

unsigned MaskModel::addNode(Node node) {
  nodes.push_back(std::move(node));
  return nodes.size() - 1;
}

unsigned MaskModel::addConstant(bool value) {
  Node node{Node::Kind::Constant};
  node.value = value;
  return addNode(std::move(node));
}

unsigned MaskModel::addCombination(Node::Kind kind, unsigned lhs,
                                   unsigned rhs) {
  bool neutral = kind == Node::Kind::And;
  for (auto [one, other] : {std::pair(lhs, rhs), std::pair(rhs, lhs)})
    if (nodes[one].kind == Node::Kind::Constant)
      return nodes[one].value == neutral ? other : one;
  Node node{kind};
  node.lhs = lhs;
  node.rhs = rhs;
  node.structured = nodes[lhs].structured && nodes[rhs].structured;
  node.size = 1 + nodes[lhs].size + nodes[rhs].size;
  return node.size > kMaxNodes ? makeUnknownNode() : addNode(std::move(node));
}

unsigned MaskModel::addNot(unsigned operand) {
  if (nodes[operand].kind == Node::Kind::Constant)
    return addConstant(!nodes[operand].value);
  if (nodes[operand].kind == Node::Kind::Not)
    return nodes[operand].lhs;
  Node node{Node::Kind::Not};
  node.lhs = operand;
  node.size = nodes[operand].size;
  node.structured = nodes[operand].structured;
  return addNode(std::move(node));
}

unsigned MaskModel::makeLeafNode(Node::Kind kind, Value value,
                                 const GuardCase &guards) {
  for (auto [id, known] : llvm::enumerate(nodes))
    if (known.kind == kind && known.leaf.value == value &&
        known.leaf.guards == guards)
      return id;
  Node node{kind};
  node.leaf = {value, guards, dependence(value, guards).bits};
  node.structured = kind == Node::Kind::Uniform;
  return addNode(std::move(node));
}
