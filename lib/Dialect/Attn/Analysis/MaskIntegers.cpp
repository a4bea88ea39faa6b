//===- MaskIntegers.cpp - Integer operations as linear forms ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskModel.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

LinearForm MaskModel::getInteger(Value value, const GuardCase &guards) {
  Key key = keyOf(value, guards);
  auto found = integers.find(key);
  if (found == integers.end())
    found = integers.emplace(key, computeInteger(value, guards)).first;
  return found->second;
}

/// Single-variable values worth keeping as forms, since these can be solved for
/// the variable; all others are tabled.
bool MaskModel::isWorthStructure(Operation *op) const {
  return op && !isa<LoadOp, arith::SelectOp>(op);
}

LinearForm MaskModel::computeInteger(Value value, const GuardCase &guards) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant))) {
    std::optional<int64_t> number = constant.trySExtValue();
    if (number && *number >= -kFormLimit && *number <= kFormLimit)
      return LinearForm::ofConstant(*number);
  }
  if (auto argument = dyn_cast<BlockArgument>(value);
      argument && argument.getOwner() == &body &&
      (argument.getArgNumber() == 2 || argument.getArgNumber() == 3)) {
    Term term;
    bool isQuery = argument.getArgNumber() == 2;
    term.kind = isQuery ? Term::Kind::Query : Term::Kind::Key;
    term.dependence = isQuery ? Dependence::Query : Dependence::Key;
    term.range = isQuery ? queryRange : keyRange;
    return LinearForm::ofTerm(intern(std::move(term)));
  }
  const Dependence depends = dependence(value, guards);
  Operation *op = value.getDefiningOp();
  if (!Dependence::isMixed(depends.bits)) {
    if (!depends.guards.empty()) {
      Value guard = depends.guards[0];
      unsigned node = getBoolean(guard, guards);
      Integer both =
          buildSelect(node, getInteger(value, extend(guards, guard, true)),
                      getInteger(value, extend(guards, guard, false)));
      return both ? *both : makeUnknown(value, "its cases are too many");
    }
    if (Dependence::isUniform(depends.bits))
      return makeLeaf(Term::Kind::Uniform, value, guards);
    if (isWorthStructure(op))
      if (Integer form = buildInteger(op, guards); form && isStructured(*form))
        return *form;
    return makeLeaf(Term::Kind::Table, value, guards);
  }
  if (Integer form = buildInteger(op, guards))
    return *form;
  return makeUnknown(value, "no transfer function for it over both i and j, "
                            "or too large an expression");
}

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

/// Terms beyond are unknown: intervals are emitted for each use of a term.
static constexpr unsigned kMaxTermSize = 128;

MaskModel::Integer MaskModel::makeTerm(Term term) {
  StaticRange limit{-kFormLimit, kFormLimit};
  term.size = 1 + getSize(term.lhs) + getSize(term.rhs);
  if (!term.range.within(limit) || term.size > kMaxTermSize)
    return std::nullopt;
  LinearForm lhs = term.lhs, rhs = term.rhs;
  LinearForm form = LinearForm::ofTerm(intern(std::move(term)));
  mergePremises(form.premises, lhs.premises);
  mergePremises(form.premises, rhs.premises);
  return form;
}

MaskModel::Integer MaskModel::buildProduct(const LinearForm &lhs,
                                           const LinearForm &rhs) {
  LinearForm zero = LinearForm::ofConstant(0);
  if (lhs.isConstant())
    return addScaled(zero, lhs.constant, rhs);
  if (rhs.isConstant())
    return addScaled(zero, rhs.constant, lhs);
  Term term;
  term.kind = Term::Kind::Product;
  term.dependence = getDependence(lhs) | getDependence(rhs);
  StaticRange a = getRange(lhs), b = getRange(rhs);
  constexpr Wide limit = kFormLimit;
  if (std::max(-a.min, a.max) > limit / std::max<Wide>({-b.min, b.max, 1}))
    return std::nullopt;
  Wide corners[] = {a.min * b.min, a.min * b.max, a.max * b.min, a.max * b.max};
  term.range = {*std::min_element(corners, corners + 4),
                *std::max_element(corners, corners + 4)};
  term.lhs = lhs;
  term.rhs = rhs;
  return makeTerm(std::move(term));
}

MaskModel::Integer MaskModel::buildFloorDiv(const LinearForm &lhs,
                                            const LinearForm &rhs) {
  if (rhs.isConstant()) {
    if (rhs.constant == 0)
      return std::nullopt;
    if (rhs.constant < 0)
      return buildFloorDiv(lhs.negated(), rhs.negated());
    if (rhs.constant == 1)
      return lhs;
  }
  Term term;
  term.kind = Term::Kind::FloorDiv;
  term.dependence = getDependence(lhs) | getDependence(rhs);
  StaticRange range = getRange(lhs);
  Wide divisor = rhs.isConstant() ? rhs.constant : 1;
  auto floorDiv = [&](Wide value) {
    Wide quotient = value / divisor;
    return quotient - (value % divisor < 0);
  };
  term.range = {floorDiv(range.min), floorDiv(range.max)};
  if (!rhs.isConstant())
    term.range = {std::min<Wide>(range.min, 0), std::max<Wide>(range.max, 0)};
  term.lhs = lhs;
  term.rhs = rhs;
  Integer form = makeTerm(std::move(term));
  if (form)
    assumeAlso(*form, rhs, {1, kFormLimit});
  return form;
}

MaskModel::Integer MaskModel::buildFloorMod(const LinearForm &lhs,
                                            const LinearForm &rhs) {
  if (rhs.isConstant()) {
    if (rhs.constant == 0)
      return std::nullopt;
    if (rhs.constant < 0) {
      Integer form = buildFloorMod(lhs.negated(), rhs.negated());
      return form ? Integer(form->negated()) : form;
    }
    if (rhs.constant == 1)
      return LinearForm::ofConstant(0);
  }
  Term term;
  term.kind = Term::Kind::FloorMod;
  term.dependence = getDependence(lhs) | getDependence(rhs);
  term.range = {0, getRange(rhs).max - 1};
  term.lhs = lhs;
  term.rhs = rhs;
  Integer form = makeTerm(std::move(term));
  if (form)
    assumeAlso(*form, rhs, {1, kFormLimit});
  return form;
}

/// Towards zero what `build` does downwards, by the sign of lhs.
MaskModel::Integer MaskModel::buildBySign(const LinearForm &lhs,
                                          const LinearForm &rhs,
                                          BuildInteger build) {
  if (getRange(lhs).min >= 0)
    return (this->*build)(lhs, rhs);
  Integer up = (this->*build)(lhs, rhs),
          down = (this->*build)(lhs.negated(), rhs);
  if (!up || !down)
    return std::nullopt;
  return buildSelect(buildAtLeastZero(lhs), *up, down->negated());
}

/// lhs divided by rhs towards zero.
MaskModel::Integer MaskModel::buildTruncDiv(const LinearForm &lhs,
                                            const LinearForm &rhs) {
  if (rhs.isConstant() && rhs.constant < 0) {
    Integer form = buildTruncDiv(lhs, rhs.negated());
    return form ? Integer(form->negated()) : form;
  }
  return buildBySign(lhs, rhs, &MaskModel::buildFloorDiv);
}

/// The remainder of that: it has the sign of lhs, whatever that of rhs.
MaskModel::Integer MaskModel::buildTruncRem(const LinearForm &lhs,
                                            const LinearForm &rhs) {
  if (rhs.isConstant() && rhs.constant < 0)
    return buildTruncRem(lhs, rhs.negated());
  return buildBySign(lhs, rhs, &MaskModel::buildFloorMod);
}

MaskModel::Integer MaskModel::buildMax(const LinearForm &lhs,
                                       const LinearForm &rhs) {
  Term term;
  term.kind = Term::Kind::Max;
  term.dependence = getDependence(lhs) | getDependence(rhs);
  StaticRange a = getRange(lhs), b = getRange(rhs);
  term.range = {std::max(a.min, b.min), std::max(a.max, b.max)};
  term.lhs = lhs;
  term.rhs = rhs;
  return makeTerm(std::move(term));
}

MaskModel::Integer MaskModel::buildSelect(unsigned node, const LinearForm &lhs,
                                          const LinearForm &rhs) {
  if (nodes[node].kind == Node::Kind::Constant)
    return nodes[node].value ? lhs : rhs;
  if (lhs == rhs)
    return lhs;
  Term term;
  term.kind = Term::Kind::Select;
  term.dependence = Dependence::Query | Dependence::Key;
  StaticRange a = getRange(lhs), b = getRange(rhs);
  term.range = {std::min(a.min, b.min), std::max(a.max, b.max)};
  term.lhs = lhs;
  term.rhs = rhs;
  term.node = node;
  return makeTerm(std::move(term));
}

MaskModel::Integer MaskModel::buildLoad(LoadOp load, const GuardCase &guards) {
  Value guard = load.getGuard();
  if (guard)
    for (auto [known, holds] : guards)
      if (known == guard) {
        if (!holds)
          return LinearForm::ofConstant(0);
        guard = {};
        break;
      }
  Value value = load.getResult();
  if (guard)
    return buildSelect(getBoolean(guard, guards),
                       getInteger(value, extend(guards, guard, true)),
                       LinearForm::ofConstant(0));
  SmallVector<LinearForm> indices;
  for (Value index : load.getIndices())
    indices.push_back(getInteger(index, guards));
  LinearForm form = makeLeaf(Term::Kind::Load, value, guards);
  for (const LinearForm &index : indices)
    mergePremises(form.premises, index.premises);
  terms[form.summands[0].first].indices = std::move(indices);
  note(load, "its index depends on both i and j");
  return form;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// The number that a constant of the region holds.
static std::optional<int64_t> getConstant(const LinearForm &form) {
  if (!form.isConstant())
    return std::nullopt;
  return form.constant;
}

/// 1 shifted left by a constant number of bits that forms have.
static std::optional<int64_t> getShiftedOne(const LinearForm &shift) {
  constexpr int64_t mostBits = 40;
  std::optional<int64_t> bits = getConstant(shift);
  if (!bits || *bits < 0 || *bits > mostBits)
    return std::nullopt;
  return int64_t(1) << *bits;
}

/// The bits of one side that the other, a constant 2^n - 1, keeps.
MaskModel::Integer MaskModel::buildLowBits(const LinearForm &lhs,
                                           const LinearForm &rhs) {
  for (auto [form, other] : {std::pair(&lhs, &rhs), {&rhs, &lhs}}) {
    int64_t mask = getConstant(*form).value_or(0);
    if (mask > 0 && mask < kTermLimit && (mask & (mask + 1)) == 0)
      return buildFloorMod(*other, LinearForm::ofConstant(mask + 1));
  }
  return std::nullopt;
}

/// 1 or -1 where a boolean that is extended holds, else 0.
MaskModel::Integer MaskModel::buildExtension(Operation *op,
                                             const GuardCase &guards) {
  bool isUnsigned = isa<arith::ExtUIOp, arith::IndexCastUIOp>(op);
  return buildSelect(getBoolean(op->getOperand(0), guards),
                     LinearForm::ofConstant(isUnsigned ? 1 : -1),
                     LinearForm::ofConstant(0));
}

MaskModel::Integer MaskModel::buildInteger(Operation *op,
                                           const GuardCase &guards) {
  if (!op || op->getNumResults() != 1)
    return std::nullopt;
  if (auto load = dyn_cast<LoadOp>(op))
    return buildLoad(load, guards);
  Type type = op->getResult(0).getType();
  StaticRange signedRange = getTypeRange(type);
  StaticRange positive{0, kFormLimit};
  auto get = [&](unsigned index) {
    return getInteger(op->getOperand(index), guards);
  };
  /// The form, under the premise that the machine's result does not wrap.
  auto exact = [&](Integer form) -> Integer {
    StaticRange limit{-kFormLimit, kFormLimit};
    if (!form || !getRange(*form).within(limit))
      return std::nullopt;
    assume(*form, signedRange);
    return form;
  };
  auto unsignedOperands = [&](Integer form) -> Integer {
    if (form)
      for (unsigned index : {0u, 1u})
        assumeAlso(*form, get(index), positive);
    return form;
  };
  bool fromBoolean =
      op->getNumOperands() == 1 && op->getOperand(0).getType().isInteger(1);
  if (fromBoolean && isa<arith::ExtUIOp, arith::ExtSIOp, arith::IndexCastOp,
                         arith::IndexCastUIOp>(op))
    return buildExtension(op, guards);

  return TypeSwitch<Operation *, Integer>(op)
      .Case<arith::AddIOp>(
          [&](auto) { return exact(addScaled(get(0), 1, get(1))); })
      .Case<arith::SubIOp>(
          [&](auto) { return exact(addScaled(get(0), -1, get(1))); })
      .Case<arith::MulIOp>(
          [&](auto) { return exact(buildProduct(get(0), get(1))); })
      .Case<arith::ExtSIOp>([&](auto) { return get(0); })
      .Case<arith::IndexCastOp, arith::TruncIOp>(
          [&](auto) { return exact(get(0)); })
      .Case<arith::ExtUIOp, arith::IndexCastUIOp>([&](auto) {
        LinearForm form = get(0);
        assume(form, positive);
        return exact(form);
      })
      .Case<arith::FloorDivSIOp>(
          [&](auto) { return exact(buildFloorDiv(get(0), get(1))); })
      .Case<arith::CeilDivSIOp>([&](auto) {
        Integer form = buildFloorDiv(get(0).negated(), get(1));
        return exact(form ? Integer(form->negated()) : form);
      })
      .Case<arith::DivSIOp>(
          [&](auto) { return exact(buildTruncDiv(get(0), get(1))); })
      .Case<arith::RemSIOp>(
          [&](auto) { return exact(buildTruncRem(get(0), get(1))); })
      .Case<arith::DivUIOp>([&](auto) {
        return unsignedOperands(exact(buildFloorDiv(get(0), get(1))));
      })
      .Case<arith::RemUIOp>([&](auto) {
        return unsignedOperands(exact(buildFloorMod(get(0), get(1))));
      })
      .Case<FloorModOp>(
          [&](auto) { return exact(buildFloorMod(get(0), get(1))); })
      .Case<arith::MaxSIOp>(
          [&](auto) { return exact(buildMax(get(0), get(1))); })
      .Case<arith::MaxUIOp>([&](auto) {
        return unsignedOperands(exact(buildMax(get(0), get(1))));
      })
      .Case<arith::MinSIOp, arith::MinUIOp>([&](auto) {
        Integer form = buildMax(get(0).negated(), get(1).negated());
        form = exact(form ? Integer(form->negated()) : form);
        return isa<arith::MinUIOp>(op) ? unsignedOperands(form) : form;
      })
      .Case<arith::SelectOp>([&](arith::SelectOp select) {
        return buildSelect(getBoolean(select.getCondition(), guards), get(1),
                           get(2));
      })
      .Case<arith::ShLIOp>([&](auto) -> Integer {
        std::optional<int64_t> power = getShiftedOne(get(1));
        if (!power)
          return std::nullopt;
        return exact(buildProduct(get(0), LinearForm::ofConstant(*power)));
      })
      .Case<arith::ShRSIOp, arith::ShRUIOp>([&](auto) -> Integer {
        std::optional<int64_t> power = getShiftedOne(get(1));
        if (!power)
          return std::nullopt;
        Integer form = buildFloorDiv(get(0), LinearForm::ofConstant(*power));
        if (form && isa<arith::ShRUIOp>(op))
          assumeAlso(*form, get(0), positive);
        return form;
      })
      .Case<arith::AndIOp>([&](auto) { return buildLowBits(get(0), get(1)); })
      .Case<math::AbsIOp>(
          [&](auto) { return exact(buildMax(get(0), get(0).negated())); })
      .Default(Integer());
}
