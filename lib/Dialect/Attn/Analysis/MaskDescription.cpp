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
/// A boolean as text, or what it joins.
struct Clause {
  std::string text;
  StringRef connective; ///< "and", "or"; empty for a text
  std::vector<Clause> parts;

  std::string inOneLine() const {
    if (parts.empty())
      return text;
    auto texts = llvm::map_range(parts, [](const Clause &part) {
      std::string line = part.inOneLine();
      return part.parts.empty() ? line : "(" + line + ")";
    });
    return llvm::join(texts, (" " + connective + " ").str());
  }

  /// Parts stand one below the other where a line is longer than `width`.
  std::string inLines(size_t indent, size_t width) const {
    std::string lines = inOneLine();
    if (parts.empty() || indent + lines.size() <= width)
      return lines;
    lines = connective == "and" ? "all of" : "any of";
    for (const Clause &part : parts)
      lines +=
          "\n" + std::string(indent + 2, ' ') + part.inLines(indent + 2, width);
    return lines;
  }
};

/// Writes the values and forms of one model.
class Describer {
public:
  Describer(const MaskModel &model, ArrayRef<std::string> captureNames)
      : model(model), captureNames(captureNames) {}

  Clause describe(unsigned id, bool holds = true) {
    const Node &node = model.getNode(id);
    switch (node.kind) {
    case Node::Kind::Not:
      return describe(node.lhs, !holds);
    case Node::Kind::And:
    case Node::Kind::Or:
      return combine(id, holds);
    case Node::Kind::Atom:
      return {compare(holds ? node.form : node.form.negated().plus(-1),
                      Relation::AtLeast)};
    case Node::Kind::Constant:
      return {node.value == holds ? "every pair" : "no pair"};
    case Node::Kind::Uniform:
    case Node::Kind::Table:
    case Node::Kind::Load:
      return {(holds ? "" : "not ") + value(node.leaf.value)};
    case Node::Kind::Unknown:
      return {"?"};
    }
    llvm_unreachable("all kinds of nodes are handled");
  }

private:
  enum class Relation { AtLeast, Equal, Unequal };

  /// The operands of nested nodes of one kind, each with whether it holds.
  void flatten(unsigned id, bool holds, bool conjunctive,
               SmallVectorImpl<std::pair<unsigned, bool>> &operands) {
    const Node &node = model.getNode(id);
    if (node.kind == Node::Kind::Not)
      return flatten(node.lhs, !holds, conjunctive, operands);
    bool joins = node.kind == Node::Kind::And || node.kind == Node::Kind::Or;
    if (!joins || ((node.kind == Node::Kind::And) == holds) != conjunctive) {
      operands.push_back({id, holds});
      return;
    }
    flatten(node.lhs, holds, conjunctive, operands);
    flatten(node.rhs, holds, conjunctive, operands);
  }

  /// Of two atoms that together say that a form is 0, or that it is not, only
  /// one is written. Each clause is written once.
  Clause combine(unsigned id, bool holds) {
    bool conjunctive = (model.getNode(id).kind == Node::Kind::And) == holds;
    SmallVector<std::pair<unsigned, bool>> operands;
    flatten(id, holds, conjunctive, operands);
    Clause result{"", conjunctive ? "and" : "or"};
    SmallVector<bool> done(operands.size(), false);
    for (auto [index, operand] : llvm::enumerate(operands)) {
      if (done[index])
        continue;
      Clause clause = describe(operand.first, operand.second);
      for (size_t other = index + 1; other < done.size(); ++other)
        if (isOpposite(operand, operands[other])) {
          done[other] = true;
          clause = {compare(model.getNode(operand.first).form,
                            conjunctive ? Relation::Equal : Relation::Unequal)};
        }
      if (llvm::none_of(result.parts, [&](const Clause &known) {
            return known.text == clause.text && known.parts.empty() &&
                   clause.parts.empty();
          }))
        result.parts.push_back(std::move(clause));
    }
    return result.parts.size() == 1 ? result.parts.front() : result;
  }

  bool isOpposite(std::pair<unsigned, bool> lhs,
                  std::pair<unsigned, bool> rhs) {
    const Node &one = model.getNode(lhs.first),
               &other = model.getNode(rhs.first);
    return one.kind == Node::Kind::Atom && other.kind == Node::Kind::Atom &&
           lhs.second == rhs.second && one.form == other.form.negated();
  }

  /// A form and 0: what is subtracted stands on the right, j alone on the left
  /// where its coefficient allows.
  std::string compare(const LinearForm &form, Relation relation) {
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
    StringRef symbol = relation == Relation::Equal     ? " == "
                       : relation == Relation::Unequal ? " != "
                       : key == -1                     ? " <= "
                                                       : " >= ";
    return sum(left) + symbol.str() + sum(right);
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
      return "(" + describe(term.node).inOneLine() + " ? " + sum(term.lhs) +
             " : " + sum(term.rhs) + ")";
    case Term::Kind::Unknown:
      return "?";
    }
    llvm_unreachable("all kinds of terms are handled");
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
    if (auto compare = dyn_cast<arith::CmpIOp>(op))
      return "(" + this->value(compare.getLhs()) + " " +
             symbolOf(compare.getPredicate()).str() + " " +
             this->value(compare.getRhs()) + ")";
    StringRef name = op->getName().stripDialect();
    StringRef infix = llvm::StringSwitch<StringRef>(name)
                          .Case("addi", " + ")
                          .Case("subi", " - ")
                          .Case("muli", "*")
                          .Case("andi", " and ")
                          .Case("ori", " or ")
                          .Default("");
    if (!infix.empty())
      return "(" + join(op->getOperands(), infix) + ")";
    name = llvm::StringSwitch<StringRef>(name)
               .Cases({"floordivsi", "divui"}, "floordiv")
               .Cases({"floormod", "remui"}, "mod")
               .Case("minsi", "min")
               .Case("maxsi", "max")
               .Case("absi", "abs")
               .Default(name);
    return name.str() + "(" + join(op->getOperands(), ", ") + ")";
  }

  static StringRef symbolOf(arith::CmpIPredicate predicate) {
    switch (predicate) {
    case arith::CmpIPredicate::eq:
      return "==";
    case arith::CmpIPredicate::ne:
      return "!=";
    case arith::CmpIPredicate::slt:
    case arith::CmpIPredicate::ult:
      return "<";
    case arith::CmpIPredicate::sle:
    case arith::CmpIPredicate::ule:
      return "<=";
    case arith::CmpIPredicate::sgt:
    case arith::CmpIPredicate::ugt:
      return ">";
    case arith::CmpIPredicate::sge:
    case arith::CmpIPredicate::uge:
      return ">=";
    }
    llvm_unreachable("all predicates of cmpi are handled");
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
                               ArrayRef<std::string> captureNames,
                               size_t width) {
  return Describer(model, captureNames)
      .describe(model.getRoot())
      .inLines(/*indent=*/0, width);
}
