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

Value ConjunctionEmitter::isOrdered(const LeafTable &table) const {
  Value known = tile.ordered.lookup(&table);
  return known ? known : s.boolean(false);
}

/// A table at the position that is tried, or over the range of the other side:
/// where it ascends, it lies between its ends.
Interval ConjunctionEmitter::getTableAt(const Leaf &leaf, Interval whole) {
  Interval range = leaf.dependence & Dependence::Query ? i : j;
  Value first = tile.emitLeafAt(leaf, range.lower);
  if (leaf.dependence & scanAxis)
    return {first, first};
  Value last = tile.emitLeafAt(leaf, range.upper);
  Value isExact =
      s.either(isOrdered(*tile.findTable(leaf)),
               s.compare(arith::CmpIPredicate::eq, range.lower, range.upper));
  return {s.select(isExact, first, whole.lower),
          s.select(isExact, last, whole.upper)};
}

/// Of the range of the other side, what is left where `table`, which ascends,
/// is at least `bound`, or at most.
void ConjunctionEmitter::narrowByHalving(const LeafTable &table, Value bound,
                                         bool isLower) {
  Interval &range = table.isOverKeys() ? j : i;
  Value one = s.integer(1), end = s.add(range.upper, one);
  if (!isLower)
    bound = s.add(bound, one);
  int64_t size =
      table.isOverKeys() ? tile.sizes.tileKeys : tile.sizes.tileQueries;
  auto index = [&](int64_t value) {
    return arith::ConstantIndexOp::create(s.builder, s.loc, value);
  };
  // Where it does not ascend, nothing is cut off.
  Value ordered = isOrdered(table);
  SmallVector<Value> ends{isLower ? range.lower
                                  : s.select(ordered, range.lower, end),
                          isLower ? s.select(ordered, end, range.lower) : end};
  auto search = scf::ForOp::create(
      s.builder, s.loc, index(0), index(llvm::Log2_64(size) + 1), index(1),
      ends, [&](OpBuilder &b, Location loc, Value, ValueRange ends) {
        Value middle = s.floorDiv(s.add(ends[0], ends[1]), s.integer(2));
        Value open = s.compare(arith::CmpIPredicate::slt, ends[0], ends[1]);
        Value reached = s.atMost(bound, tile.emitLeafAt(table.leaf, middle));
        Value lower = s.select(s.both(open, s.negate(reached)),
                               s.add(middle, one), ends[0]);
        Value upper = s.select(s.both(open, reached), middle, ends[1]);
        scf::YieldOp::create(b, loc, ValueRange{lower, upper});
      });
  Value found = search.getResult(0);
  if (isLower)
    range.lower = found;
  else
    range.upper = s.sub(found, one);
}

/// What is no table does not depend on the position: it was asked before.
Value ConjunctionEmitter::emitMayLiteral(Conjunction::Literal literal) {
  if (!scanAxis)
    return tile.emitMayLiteral(literal);
  const Node &node = model.getNode(literal.node);
  if (node.kind != Node::Kind::Table)
    return s.boolean(true);
  return tile.emitMayHold(
      getTableAt(node.leaf, tile.nodeIntervals.lookup(literal.node)),
      literal.holds);
}

void ConjunctionEmitter::readTables(ArrayRef<unsigned> tables, bool ofAxis) {
  for (unsigned id : tables) {
    const Term &term = model.getTerm(id);
    if (bool(term.dependence & scanAxis) == ofAxis)
      scanned[id] = getTableAt(term.leaf, tile.termIntervals.lookup(id));
  }
}

/// Where rectangles are split on the side that is not scanned, if a remainder
/// of the conjunction hangs on it.
const MaskModel::Split *ConjunctionEmitter::findSplitAcross() const {
  auto isReduced = [&](const LinearForm &atom) {
    return llvm::any_of(atom.summands, [&](const auto &summand) {
      const Term &term = model.getTerm(summand.first);
      return term.kind == Term::Kind::FloorMod && !(term.dependence & scanAxis);
    });
  };
  if (llvm::none_of(atoms, isReduced))
    return nullptr;
  const auto *found =
      llvm::find_if(model.getSplits(), [&](const MaskModel::Split &split) {
        return split.bit != scanAxis;
      });
  return found == model.getSplits().end() ? nullptr : found;
}

/// Tables of the side that is scanned are known before the other side is
/// narrowed, those of the other side then. What is left of the other side may
/// be parts of several rows of an image.
Value ConjunctionEmitter::emitMayAt(Value position, ArrayRef<unsigned> tables) {
  Interval queries = i, keys = j;
  (scanAxis == Dependence::Query ? i : j) = {position, position};
  readTables(tables, /*ofAxis=*/true);
  narrow();
  auto emitHere = [&] {
    readTables(tables, /*ofAxis=*/false);
    return s.both(emitInRange(), emitHolds());
  };
  const MaskModel::Split *split = findSplitAcross();
  Value may =
      split ? tile.emitInPieces(*split, scanAxis == Dependence::Query ? j : i,
                                [&] {
                                  narrow();
                                  return emitHere();
                                })
            : emitHere();
  scanned.clear();
  i = queries;
  j = keys;
  return may;
}

Value ConjunctionEmitter::emitScan(unsigned axis, Value wanted) {
  scanAxis = axis;
  SmallVector<unsigned> tables;
  walkLeaves(
      model, conjunction,
      [&](unsigned id) {
        if (model.getTerm(id).kind == Term::Kind::Table)
          tables.push_back(id);
      },
      [&](unsigned) {});
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
