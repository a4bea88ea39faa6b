//===- TileScan.cpp - Conjunctions tried at one position at a time --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileEmission.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Whether to scan
//===----------------------------------------------------------------------===//

/// Conditions, where an equality, which is two atoms, counts once.
static size_t countConditions(const Conjunction &conjunction) {
  ArrayRef<LinearForm> atoms(conjunction.atoms);
  size_t count = atoms.size() + conjunction.literals.size();
  for (auto [index, atom] : llvm::enumerate(atoms))
    count -= llvm::is_contained(atoms.drop_front(index + 1), atom.negated());
  return count;
}

std::optional<unsigned> attn::getScanAxis(const MaskModel &model,
                                          const Conjunction &conjunction) {
  unsigned integers = 0, booleans = 0;
  walkLeaves(
      model, conjunction,
      [&](unsigned id) {
        if (model.getTerm(id).kind == Term::Kind::Table)
          integers |= model.getTerm(id).leaf.dependence;
      },
      [&](unsigned id) {
        if (model.getNode(id).kind == Node::Kind::Table)
          booleans |= model.getNode(id).leaf.dependence;
      });
  constexpr unsigned both = Dependence::Query | Dependence::Key;
  integers &= both;
  booleans &= both;
  if (!(integers | booleans) || countConditions(conjunction) < 2)
    return std::nullopt;
  // Booleans hardly ever ascend: the positions of these are tried.
  unsigned sides =
      booleans && booleans != both ? booleans : integers | booleans;
  return sides & Dependence::Query ? Dependence::Query : Dependence::Key;
}

//===----------------------------------------------------------------------===//
// Scanning
//===----------------------------------------------------------------------===//

/// A table at the position that is tried, or over the range of the other side:
/// where it ascends, it lies between its ends.
Interval ConjunctionEmitter::getTableAt(const Leaf &leaf, Interval whole) {
  Interval range = leaf.dependence & Dependence::Query ? i : j;
  Value first = tile.emitLeafAt(leaf, range.lower);
  if (leaf.dependence & scanAxis)
    return {first, first};
  Value last = tile.emitLeafAt(leaf, range.upper);
  Value isExact =
      s.either(ordered.lookup(tile.findTable(leaf)),
               s.compare(arith::CmpIPredicate::eq, range.lower, range.upper));
  return {s.select(isExact, first, whole.lower),
          s.select(isExact, last, whole.upper)};
}

/// What is no table does not depend on the position: it was asked before.
Value ConjunctionEmitter::emitMayLiteral(Conjunction::Literal literal) {
  if (!scanAxis)
    return tile.emitMayLiteral(literal.node, literal.holds);
  const Node &node = model.getNode(literal.node);
  if (node.kind != Node::Kind::Table)
    return s.boolean(true);
  return tile.emitMayHold(
      getTableAt(node.leaf, tile.nodeIntervals.lookup(literal.node)),
      literal.holds);
}

/// Tables of the side that is scanned are known before the other side is
/// narrowed, those of the other side then.
Value ConjunctionEmitter::emitMayAt(Value position, ArrayRef<unsigned> tables) {
  Interval queries = i, keys = j;
  (scanAxis == Dependence::Query ? i : j) = {position, position};
  auto readTables = [&](bool ofAxis) {
    for (unsigned id : tables) {
      const Term &term = model.getTerm(id);
      if (bool(term.dependence & scanAxis) == ofAxis)
        scanned[id] = getTableAt(term.leaf, tile.termIntervals.lookup(id));
    }
  };
  readTables(/*ofAxis=*/true);
  narrow();
  readTables(/*ofAxis=*/false);
  Value may = s.both(emitInRange(), emitHolds());
  scanned.clear();
  i = queries;
  j = keys;
  return may;
}

void ConjunctionEmitter::readOrder(const Leaf &leaf) {
  const LeafTable *table = tile.findTable(leaf);
  if (leaf.dependence & scanAxis)
    return;
  ordered[table] =
      table->ordered
          ? s.compare(arith::CmpIPredicate::ne,
                      tile.readTensor(*table, table->ordered), s.integer(0))
          : s.boolean(false);
}

Value ConjunctionEmitter::emitScan(unsigned axis, Value wanted) {
  scanAxis = axis;
  SmallVector<unsigned> tables;
  walkLeaves(
      model, conjunction,
      [&](unsigned id) {
        if (model.getTerm(id).kind != Term::Kind::Table)
          return;
        tables.push_back(id);
        readOrder(model.getTerm(id).leaf);
      },
      [&](unsigned id) {
        if (model.getNode(id).kind == Node::Kind::Table)
          readOrder(model.getNode(id).leaf);
      });
  Interval range = axis == Dependence::Query ? i : j;
  Value end = s.add(range.upper, s.integer(1));
  auto loop = scf::ForOp::create(
      s.builder, s.loc, s.toIndex(range.lower),
      s.toIndex(s.select(wanted, end, range.lower)),
      arith::ConstantIndexOp::create(s.builder, s.loc, 1), s.boolean(false),
      [&](OpBuilder &b, Location loc, Value position, ValueRange found) {
        auto any = scf::IfOp::create(
            b, loc, found[0],
            [&](OpBuilder &b, Location loc) {
              scf::YieldOp::create(b, loc, found);
            },
            [&](OpBuilder &b, Location loc) {
              Value here = emitMayAt(s.toInteger(position), tables);
              scf::YieldOp::create(b, loc, here);
            });
        scf::YieldOp::create(b, loc, any.getResults());
      });
  return loop.getResult(0);
}
