//===- MaskDescription.cpp - A mask in words of its pairs -----------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskDescription.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Writes the values and forms of one model.
class Describer {
public:
  Describer(const MaskModel &model, ArrayRef<std::string> captureNames)
      : model(model), captureNames(captureNames) {}

  std::string describe(const Disjunction &disjunction) {
    if (disjunction.conjunctions.empty())
      return "no pair";
    SmallVector<std::string> parts;
    for (const Conjunction &conjunction : disjunction.conjunctions)
      parts.push_back(describe(conjunction));
    return llvm::join(parts, " or ");
  }

private:
  std::string describe(const Conjunction &conjunction) {
    SmallVector<std::string> parts;
    SmallVector<bool> done(conjunction.atoms.size(), false);
    for (auto [index, atom] : llvm::enumerate(conjunction.atoms)) {
      if (done[index])
        continue;
      bool isEquality = false;
      for (size_t other = index + 1; other < done.size(); ++other)
        if (conjunction.atoms[other] == atom.negated())
          done[other] = isEquality = true;
      parts.push_back(compare(atom, isEquality));
    }
    for (Conjunction::Literal literal : conjunction.literals)
      parts.push_back((literal.holds ? "" : "not ") + node(literal.node));
    return parts.empty() ? "every pair" : llvm::join(parts, " and ");
  }

  /// form >= 0 or form == 0: what is subtracted stands on the right, j alone on
  /// the left where its coefficient allows.
  std::string compare(const LinearForm &form, bool isEquality) {
    LinearForm left, right;
    std::optional<int64_t> key;
    for (auto [id, coefficient] : form.summands)
      if (model.getTerm(id).kind == Term::Kind::Key &&
          std::abs(coefficient) == 1)
        key = coefficient;
    for (auto [id, coefficient] : form.summands) {
      bool isKey = key && model.getTerm(id).kind == Term::Kind::Key;
      bool onLeft = key ? isKey : coefficient > 0;
      int64_t sign = key ? -*key : -1;
      if (onLeft)
        left.summands.push_back({id, key ? 1 : coefficient});
      else
        right.summands.push_back({id, coefficient * sign});
    }
    right.constant = key ? -*key * form.constant : -form.constant;
    StringRef relation = isEquality ? " == " : key == -1 ? " <= " : " >= ";
    return sum(left) + relation.str() + sum(right);
  }

  std::string sum(const LinearForm &form) {
    std::string text;
    auto append = [&](int64_t factor, const std::string &what) {
      bool negative = factor < 0;
      text += text.empty() ? (negative ? "-" : "") : negative ? " - " : " + ";
      text += what;
    };
    for (auto [id, coefficient] : form.summands) {
      std::string scale = std::abs(coefficient) == 1
                              ? ""
                              : std::to_string(std::abs(coefficient)) + "*";
      append(coefficient, scale + term(id));
    }
    if (form.constant != 0 || text.empty())
      append(form.constant, std::to_string(std::abs(form.constant)));
    return text;
  }

  std::string term(unsigned id) {
    const Term &term = model.getTerm(id);
    auto call = [&](StringRef name) {
      return (name + "(" + sum(term.lhs) + ", " + sum(term.rhs) + ")").str();
    };
    switch (term.kind) {
    case Term::Kind::Query:
      return "i";
    case Term::Kind::Key:
      return "j";
    case Term::Kind::Uniform:
    case Term::Kind::Table:
    case Term::Kind::Load:
      return value(term.leaf.value);
    case Term::Kind::FloorDiv:
      return call("floordiv");
    case Term::Kind::FloorMod:
      return call("mod");
    case Term::Kind::Product:
      return "(" + sum(term.lhs) + ")*(" + sum(term.rhs) + ")";
    case Term::Kind::Max:
      return call("max");
    case Term::Kind::Select:
      return "(" + node(term.node) + " ? " + sum(term.lhs) + " : " +
             sum(term.rhs) + ")";
    case Term::Kind::Unknown:
      return "?";
    }
    llvm_unreachable("all kinds of terms are handled");
  }

  std::string node(unsigned id) {
    const Node &node = model.getNode(id);
    switch (node.kind) {
    case Node::Kind::Constant:
      return node.value ? "true" : "false";
    case Node::Kind::Atom:
      return compare(node.form, /*isEquality=*/false);
    case Node::Kind::Uniform:
    case Node::Kind::Table:
    case Node::Kind::Load:
      return value(node.leaf.value);
    case Node::Kind::Unknown:
      return "?";
    case Node::Kind::And:
      return "(" + this->node(node.lhs) + " and " + this->node(node.rhs) + ")";
    case Node::Kind::Or:
      return "(" + this->node(node.lhs) + " or " + this->node(node.rhs) + ")";
    case Node::Kind::Not:
      return "not " + this->node(node.lhs);
    }
    llvm_unreachable("all kinds of nodes are handled");
  }

  /// A value of the region as an expression.
  std::string value(Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      static constexpr StringRef indices[] = {"b", "h", "i", "j"};
      unsigned number = argument.getArgNumber();
      return number < 4 ? indices[number].str() : captureNames[number - 4];
    }
    APInt constant;
    if (matchPattern(value, m_ConstantInt(&constant)))
      return llvm::toString(constant, 10, /*Signed=*/true);
    Operation *op = value.getDefiningOp();
    if (isa<CastOpInterface>(op))
      return this->value(op->getOperand(0));
    if (auto load = dyn_cast<LoadOp>(op))
      return this->value(load.getSource()) + "[" +
             join(load.getIndices(), ", ") + "]";
    StringRef name = op->getName().stripDialect();
    StringRef infix = llvm::StringSwitch<StringRef>(name)
                          .Case("addi", " + ")
                          .Case("subi", " - ")
                          .Case("muli", "*")
                          .Default("");
    if (!infix.empty())
      return "(" + join(op->getOperands(), infix) + ")";
    return name.str() + "(" + join(op->getOperands(), ", ") + ")";
  }

  std::string join(ValueRange values, StringRef separator) {
    return llvm::join(
        llvm::map_range(values, [&](Value v) { return value(v); }), separator);
  }

  const MaskModel &model;
  ArrayRef<std::string> captureNames;
};
} // namespace

std::string attn::describeMask(const MaskModel &model,
                               const Disjunction &disjunction,
                               ArrayRef<std::string> captureNames) {
  return Describer(model, captureNames).describe(disjunction);
}
