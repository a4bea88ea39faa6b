//===- LeafEmission.cpp - Leaves of a mask as IR, and tables of them ----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LeafEmission.h"
#include "TableBuilder.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Cloning
//===----------------------------------------------------------------------===//

namespace {
/// Clones one leaf.
class LeafCloner {
public:
  LeafCloner(OpBuilder &builder, Location loc, const Leaf &leaf, Block &body,
             ValueRange arguments)
      : builder(builder), loc(loc), leaf(leaf) {
    mapping.map(body.getArguments(), arguments);
  }

  Value clone(Value value) {
    if (Value known = mapping.lookupOrNull(value))
      return known;
    Value result = cloneOp(value.getDefiningOp(), value);
    mapping.map(value, result);
    return result;
  }

private:
  Value cloneOp(Operation *op, Value value) {
    auto load = dyn_cast<LoadOp>(op);
    bool unguarded = false;
    if (load && load.getGuard())
      for (auto [guard, holds] : leaf.guards)
        if (guard == load.getGuard()) {
          if (!holds)
            return arith::ConstantOp::create(
                builder, loc, builder.getZeroAttr(load.getType()));
          unguarded = true;
        }
    if (unguarded) {
      SmallVector<Value> indices;
      for (Value index : load.getIndices())
        indices.push_back(clone(index));
      return LoadOp::create(builder, loc, clone(load.getSource()), indices,
                            /*guard=*/Value());
    }
    for (Value operand : op->getOperands())
      clone(operand);
    Operation *copy = builder.clone(*op, mapping);
    makeDivisionTotal(*copy);
    return copy->getResult(cast<OpResult>(value).getResultNumber());
  }

  OpBuilder &builder;
  Location loc;
  const Leaf &leaf;
  IRMapping mapping;
};
} // namespace

Value attn::emitLeaf(OpBuilder &builder, Location loc, const MaskModel &model,
                     const Leaf &leaf, ValueRange arguments) {
  return LeafCloner(builder, loc, leaf, model.getBody(), arguments)
      .clone(leaf.value);
}

//===----------------------------------------------------------------------===//
// Walking
//===----------------------------------------------------------------------===//

namespace {
class LeafWalker {
public:
  LeafWalker(const MaskModel &model, function_ref<void(unsigned)> visitTerm,
             function_ref<void(unsigned)> visitNode)
      : model(model), visitTerm(visitTerm), visitNode(visitNode) {}

  void walk(const Disjunction &disjunction) {
    for (const Conjunction &conjunction : disjunction.conjunctions)
      walk(conjunction);
    for (unsigned premise : disjunction.premises)
      walk(model.getPremise(premise).form);
  }

  void walk(const Conjunction &conjunction) {
    for (const LinearForm &atom : conjunction.atoms)
      walk(atom);
    for (Conjunction::Literal literal : conjunction.literals)
      walkNode(literal.node);
  }

private:
  void walk(const LinearForm &form) {
    for (auto [id, coefficient] : form.summands) {
      if (!terms.insert(id).second)
        continue;
      const Term &term = model.getTerm(id);
      walk(term.lhs);
      walk(term.rhs);
      for (const LinearForm &index : term.indices)
        walk(index);
      visitTerm(id);
    }
  }

  void walkNode(unsigned id) {
    if (!nodes.insert(id).second)
      return;
    const Node &node = model.getNode(id);
    switch (node.kind) {
    case Node::Kind::Atom:
      return walk(node.form);
    case Node::Kind::Not:
      return walkNode(node.lhs);
    case Node::Kind::And:
    case Node::Kind::Or:
      walkNode(node.lhs);
      return walkNode(node.rhs);
    default:
      for (const LinearForm &index : node.indices)
        walk(index);
      visitNode(id);
    }
  }

  const MaskModel &model;
  function_ref<void(unsigned)> visitTerm, visitNode;
  DenseSet<unsigned> terms, nodes;
};
} // namespace

void attn::walkLeaves(const MaskModel &model, const Disjunction &disjunction,
                      function_ref<void(unsigned)> visitTerm,
                      function_ref<void(unsigned)> visitNode) {
  LeafWalker(model, visitTerm, visitNode).walk(disjunction);
}

void attn::walkLeaves(const MaskModel &model, const Conjunction &conjunction,
                      function_ref<void(unsigned)> visitTerm,
                      function_ref<void(unsigned)> visitNode) {
  LeafWalker(model, visitTerm, visitNode).walk(conjunction);
}

bool attn::isTableEquality(const MaskModel &model, const LinearForm &lhs,
                           const LinearForm &rhs,
                           std::pair<unsigned, unsigned> &terms) {
  if (lhs.constant != 0 || lhs.summands.size() != 2 || !(lhs.negated() == rhs))
    return false;
  auto [first, firstFactor] = lhs.summands[0];
  auto [second, secondFactor] = lhs.summands[1];
  const Term &one = model.getTerm(first), &other = model.getTerm(second);
  terms = {first, second};
  return firstFactor == -secondFactor && std::abs(firstFactor) == 1 &&
         one.kind == Term::Kind::Table && other.kind == Term::Kind::Table &&
         Dependence::isMixed(one.dependence | other.dependence);
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

namespace {
/// One pass over the positions of one side, for tables of equal dependence.
class TablePass {
public:
  TablePass(OpBuilder &builder, Location loc, const MaskModel &model,
            ArrayRef<LeafTable *> tables, const TableSizes &sizes,
            ValueRange captures)
      : s(builder, loc, tables.front()->leaf, sizes), model(model),
        tables(tables), captures(captures) {
    bool overKeys = tables.front()->leaf.dependence & Dependence::Key;
    tile = overKeys ? sizes.tileKeys : sizes.tileQueries;
    length = overKeys ? sizes.keys : sizes.queries;
  }

  void emit() {
    Value tiles = s.ceilDiv(length, s.index(tile));
    SmallVector<Value> results;
    for (const LeafTable *table : tables)
      for (unsigned part = 0, e = parts(*table); part < e; ++part)
        results.push_back(s.makeEmpty(tiles));
    results =
        s.fill(tiles, results, [&](ValueRange at) { return reduceTile(at); });
    auto next = results.begin();
    for (LeafTable *table : tables) {
      LeafTable::Level &level = table->levels[TileOfKeys];
      level.minimum = *next++;
      level.maximum = *next++;
      if (table->needsSignature)
        level.signature = *next++;
      if (table->needsOrder)
        table->ordered = *next++;
    }
  }

private:
  static unsigned parts(const LeafTable &table) {
    return 2 + table.needsSignature + table.needsOrder;
  }

  /// What the tables hold of the tile at a batch, a head and a position.
  SmallVector<Value> reduceTile(ValueRange entry) {
    Value first = s.mul(entry[2], s.index(tile));
    Value last = s.min(s.add(first, s.index(tile)), length);
    SmallVector<Value> neutral;
    for (const LeafTable *table : tables) {
      neutral.push_back(s.integer(std::numeric_limits<int64_t>::max()));
      neutral.push_back(s.integer(std::numeric_limits<int64_t>::min()));
      if (table->needsSignature)
        neutral.push_back(s.integer(0));
      if (table->needsOrder)
        neutral.push_back(s.integer(1));
    }
    return s.loop(first, last, neutral, [&](Value at, ValueRange running) {
      return reduce(entry[0], entry[1], at, running);
    });
  }

  SmallVector<Value> reduce(Value batch, Value head, Value at,
                            ValueRange running) {
    SmallVector<Value> arguments{batch, head, at, at};
    llvm::append_range(arguments, captures);
    SmallVector<Value> results;
    for (const LeafTable *table : tables) {
      Value value = s.toInteger(
          emitLeaf(s.builder, s.loc, model, table->leaf, arguments));
      results.push_back(s.min(running[results.size()], value));
      Value largest = running[results.size()];
      results.push_back(s.max(largest, value));
      if (table->needsSignature)
        results.push_back(s.either(running[results.size()], hashedBit(value)));
      if (table->needsOrder)
        results.push_back(s.both(running[results.size()],
                                 s.toInteger(s.atMost(largest, value))));
    }
    return results;
  }

  /// One of 64 bits: the upper bits of a multiplicative hash.
  Value hashedBit(Value value) {
    Value hash = s.mul(value, s.integer(0x9E3779B97F4A7C15));
    Value bit =
        s.builder.createOrFold<arith::ShRUIOp>(s.loc, hash, s.integer(58));
    return s.builder.createOrFold<arith::ShLIOp>(s.loc, s.integer(1), bit);
  }

  TableBuilder s;
  const MaskModel &model;
  ArrayRef<LeafTable *> tables;
  ValueRange captures;
  int64_t tile;
  Value length;
};
} // namespace

void attn::emitTables(OpBuilder &builder, Location loc, const MaskModel &model,
                      MutableArrayRef<LeafTable> tables,
                      const TableSizes &sizes, ValueRange captures) {
  std::map<unsigned, SmallVector<LeafTable *>> groups;
  for (LeafTable &table : tables)
    groups[table.leaf.dependence].push_back(&table);
  for (auto &[dependence, group] : groups)
    TablePass(builder, loc, model, group, sizes, captures).emit();
  for (LeafTable &table : tables) {
    if (!table.isOverKeys())
      continue;
    if (std::optional<unsigned> number = model.findAscending(table.leaf)) {
      // Beyond the end of a capture its elements are 0.
      Value capture = captures[*number];
      int64_t rank = cast<ShapedType>(capture.getType()).getRank();
      table.ascends = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::sge,
          emitDim(builder, loc, capture, rank - 1), sizes.keys);
    }
    emitCoarserLevels(builder, loc, table, sizes);
  }
}
