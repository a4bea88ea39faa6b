//===- MaskModel.h - A mask region as logic over linear forms ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_ANALYSIS_MASKMODEL_H
#define ATTN_LIB_DIALECT_ATTN_ANALYSIS_MASKMODEL_H

#include "LinearForm.h"
#include "attn/Dialect/Attn/Analysis/CaptureFacts.h"
#include "attn/Dialect/Attn/Analysis/TileClassification.h"
#include "mlir/IR/Region.h"
#include "llvm/ADT/SetVector.h"
#include <map>

namespace mlir::attn {

/// Guards of loads that are taken as holding or not.
using GuardCase = SmallVector<std::pair<Value, bool>, 2>;

/// What a value depends on. A guard over both i and j, of a load whose index
/// is not, is kept apart: the value is then analysed once per case of it.
struct Dependence {
  enum Bit : unsigned { Batch = 1, Head = 2, Query = 4, Key = 8 };
  unsigned bits = 0;
  llvm::SmallSetVector<Value, 2> guards;

  static bool isMixed(unsigned bits) { return (bits & Query) && (bits & Key); }
  static bool isUniform(unsigned bits) { return !(bits & (Query | Key)); }
};

/// A value of the region under a case of its guards, evaluated by cloning.
struct Leaf {
  Value value;
  GuardCase guards;
  unsigned dependence = 0;

  bool operator==(const Leaf &other) const {
    return value == other.value && guards == other.guards;
  }
};

/// An integer that linear forms are made of.
struct Term {
  enum class Kind {
    Query,    ///< i
    Key,      ///< j
    Uniform,  ///< one value per tile: `leaf`
    Table,    ///< a function of i alone or of j alone: `leaf`
    FloorDiv, ///< lhs floordiv rhs, rhs >= 1
    FloorMod, ///< lhs - rhs * (lhs floordiv rhs), rhs >= 1
    Product,  ///< lhs * rhs
    Max,      ///< max(lhs, rhs)
    Select,   ///< node ? lhs : rhs
    Load,     ///< an element of a capture, at indices over i and j
    Unknown   ///< anything within `range`
  };
  Kind kind;
  unsigned dependence = 0;
  StaticRange range;
  Leaf leaf;
  LinearForm lhs, rhs;
  unsigned node = 0;
  SmallVector<LinearForm> indices;
  /// Not even `range` holds: nothing may be concluded from it.
  bool isUnbounded = false;
  /// Terms in it, where those that are shared count each time.
  unsigned size = 1;
};

/// A boolean: logic over `form >= 0` and over leaves.
struct Node {
  enum class Kind {
    Constant, ///< `value`
    Atom,     ///< form >= 0
    Uniform,  ///< one value per tile: `leaf`
    Table,    ///< a function of i alone or of j alone: `leaf`
    Load,     ///< an element of a capture, at `indices` over i and j
    Unknown,  ///< nothing is known
    And,
    Or,
    Not
  };
  Kind kind;
  bool value = false;
  LinearForm form;
  Leaf leaf;
  SmallVector<LinearForm> indices;
  unsigned lhs = 0, rhs = 0;
  /// Whether it needs no table: forms over i, j, uniforms and their quotients.
  bool structured = true;
  /// Nodes in it, where those that are shared count each time.
  unsigned size = 1;
};

/// The mask of one region. Reads the region; emits nothing.
class MaskModel {
public:
  /// Queries and keys are below the limits where those are known (-1: not).
  /// `facts` are those of the captures, or none.
  MaskModel(Region &mask, int64_t queryLimit, int64_t keyLimit,
            ArrayRef<CaptureFacts> facts);

  Block &getBody() const { return body; }
  unsigned getRoot() const { return root; }
  const Term &getTerm(unsigned id) const { return terms[id]; }
  const Node &getNode(unsigned id) const { return nodes[id]; }

  /// `form` lies within `range` on all of a tile. Where a premise of an answer
  /// does not hold, the tile is partial.
  struct Premise {
    LinearForm form;
    StaticRange range;
  };
  const Premise &getPremise(unsigned id) const { return premises[id]; }
  ArrayRef<AnalysisNote> getNotes() const { return notes; }

  /// Where i (or j), plus `offset`, is both divided by `divisor` and taken
  /// modulo it: rectangles are then split where that is a multiple of it.
  struct Split {
    unsigned bit;
    LinearForm offset, divisor;
    bool operator==(const Split &other) const {
      return bit == other.bit && offset == other.offset &&
             divisor == other.divisor;
    }
  };
  ArrayRef<Split> getSplits() const { return splits; }

  StaticRange getRange(const LinearForm &form) const;
  unsigned getDependence(const LinearForm &form) const;
  unsigned getSize(const LinearForm &form) const;
  /// The term of that kind with these operands, where there is one.
  std::optional<unsigned> findTerm(Term::Kind kind, const LinearForm &lhs,
                                   const LinearForm &rhs) const;
  /// Whether it is a sum over i, j and values that are one for a tile.
  bool isAffine(const LinearForm &form) const;

  /// The number of the capture whose element at j `leaf` is, over keys, where a
  /// fact says that it ascends.
  std::optional<unsigned> findAscending(const Leaf &leaf) const;
  /// Whether the range of a leaf holds without a premise.
  bool hasLimits(const Term &leaf) const;

private:
  /// A value as a linear form. Null where there is none.
  using Integer = std::optional<LinearForm>;

  // MaskModel.cpp: dependence, terms, nodes.
  const Dependence &dependence(Value value, const GuardCase &guards);
  Dependence computeDependence(Value value, const GuardCase &guards);
  GuardCase extend(const GuardCase &guards, Value guard, bool holds) const;
  unsigned intern(Term term);
  unsigned addNode(Node node);
  unsigned addCombination(Node::Kind kind, unsigned lhs, unsigned rhs);
  unsigned addNot(unsigned operand);
  unsigned addConstant(bool value);
  /// Adds the premise that `form` lies within `range`, unless it must.
  void assume(LinearForm &form, StaticRange range);
  /// Adds to `form` that `other` lies within `range`, unless it must.
  void assumeAlso(LinearForm &form, LinearForm other, StaticRange range);
  void addPremise(LinearForm &form, Premise premise);
  void note(Operation *op, const Twine &reason);
  void findSplits();
  bool isUniform(Value value);
  bool isShift(Value value, unsigned argument);
  std::optional<Split> getSplit(Operation *division, unsigned argument);
  LinearForm makeLeaf(Term::Kind kind, Value value, const GuardCase &guards);
  StaticRange getLeafRange(Value value) const;
  CaptureFacts getFacts(Value capture) const;
  unsigned makeLeafNode(Node::Kind kind, Value value, const GuardCase &guards);
  bool isStructured(const LinearForm &form) const;
  bool isUnbounded(const LinearForm &form) const;
  unsigned makeUnknownNode();
  LinearForm makeUnknown(Value value, const Twine &reason);

  // MaskIntegers.cpp: integer operations.
  LinearForm getInteger(Value value, const GuardCase &guards);
  LinearForm computeInteger(Value value, const GuardCase &guards);
  Integer buildInteger(Operation *op, const GuardCase &guards);
  Integer buildProduct(const LinearForm &lhs, const LinearForm &rhs);
  Integer buildFloorDiv(const LinearForm &lhs, const LinearForm &rhs);
  Integer buildFloorMod(const LinearForm &lhs, const LinearForm &rhs);
  using BuildInteger = Integer (MaskModel::*)(const LinearForm &lhs,
                                              const LinearForm &rhs);
  Integer buildBySign(const LinearForm &lhs, const LinearForm &rhs,
                      BuildInteger build);
  Integer buildTruncDiv(const LinearForm &lhs, const LinearForm &rhs);
  Integer buildTruncRem(const LinearForm &lhs, const LinearForm &rhs);
  Integer buildMax(const LinearForm &lhs, const LinearForm &rhs);
  Integer buildSelect(unsigned node, const LinearForm &lhs,
                      const LinearForm &rhs);
  Integer buildLowBits(const LinearForm &lhs, const LinearForm &rhs);
  Integer buildExtension(Operation *op, const GuardCase &guards);
  Integer buildLoad(LoadOp load, const GuardCase &guards);
  Integer makeTerm(Term term);
  bool isWorthStructure(Operation *op) const;

  // MaskBooleans.cpp: booleans and comparisons.
  unsigned getBoolean(Value value, const GuardCase &guards);
  unsigned computeBoolean(Value value, const GuardCase &guards);
  std::optional<unsigned> buildBoolean(Operation *op, const GuardCase &guards);
  unsigned addDifference(unsigned lhs, unsigned rhs);
  unsigned buildLogicCompare(arith::CmpIPredicate predicate, unsigned lhs,
                             unsigned rhs);
  unsigned buildBooleanLoad(LoadOp load, const GuardCase &guards);
  unsigned buildCompare(arith::CmpIPredicate predicate, const LinearForm &lhs,
                        const LinearForm &rhs);
  unsigned buildAtLeastZero(const LinearForm &form, unsigned lifts = 0);
  unsigned buildZero(const LinearForm &form, unsigned lifts = 0);
  std::optional<unsigned> findLiftable(const LinearForm &form,
                                       Term::Kind kind) const;
  LinearForm substitute(const LinearForm &form, unsigned term,
                        const LinearForm &value) const;

  Block &body;
  StaticRange queryRange, keyRange;
  SmallVector<CaptureFacts> facts;
  unsigned root = 0;
  std::vector<Term> terms;
  std::vector<Node> nodes;
  SmallVector<Premise> premises;
  SmallVector<Split> splits;
  SmallVector<AnalysisNote> notes;
  using Key = std::pair<void *, std::vector<std::pair<void *, bool>>>;
  static Key keyOf(Value value, const GuardCase &guards);
  std::map<Key, Dependence> dependences;
  std::map<Key, LinearForm> integers;
  std::map<Key, unsigned> booleans;
};

/// Signed values of an integer type or index.
StaticRange getTypeRange(Type type);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_ANALYSIS_MASKMODEL_H
