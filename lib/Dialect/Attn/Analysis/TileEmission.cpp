//===- TileEmission.cpp - What a mask can do on a rectangle, as IR --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileEmission.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

TileEmitter::TileEmitter(ScalarBuilder s, const MaskModel &model,
                         Expansion &expansion, ArrayRef<LeafTable> tables,
                         const TableSizes &sizes, ValueRange captures,
                         const Rectangle &rectangle)
    : s(s), model(model), expansion(expansion), tables(tables), sizes(sizes),
      captures(captures), rectangle(rectangle) {}

//===----------------------------------------------------------------------===//
// Leaves
//===----------------------------------------------------------------------===//

const LeafTable *TileEmitter::findTable(const Leaf &leaf) const {
  const LeafTable *found = llvm::find_if(
      tables, [&](const LeafTable &table) { return table.leaf == leaf; });
  return found == tables.end() ? nullptr : found;
}

Value TileEmitter::emitLeaf(const Leaf &leaf, Value i, Value j) {
  SmallVector<Value> arguments{rectangle.batch, rectangle.head, s.toIndex(i),
                               s.toIndex(j)};
  llvm::append_range(arguments, captures);
  return s.toInteger(attn::emitLeaf(s.builder, s.loc, model, leaf, arguments));
}

Value TileEmitter::emitLeafHere(const Leaf &leaf) {
  return emitLeaf(leaf, rectangle.i.lower, rectangle.j.lower);
}

Value TileEmitter::emitLeafAt(const Leaf &leaf, Value position) {
  return emitLeaf(leaf, position, position);
}

const LeafTable::Level &TileEmitter::getLevel(const LeafTable &table) const {
  return table.levels[table.isOverKeys() ? rectangle.keys : TileOfKeys];
}

/// The batch or head of this rectangle, 0 where the table is the same for all.
Value TileEmitter::getPlane(const LeafTable &table, unsigned bit,
                            Value position) {
  if (table.leaf.dependence & bit)
    return position;
  return arith::ConstantIndexOp::create(s.builder, s.loc, 0);
}

Value TileEmitter::readTensor(const LeafTable &table, Value tensor) {
  Value entry;
  if (!table.isOverKeys()) {
    entry = s.floorDiv(rectangle.i.lower, s.integer(sizes.tileQueries));
  } else if (rectangle.keys == AllKeys) {
    entry = s.integer(0);
  } else {
    int64_t tiles = rectangle.keys == BlockOfKeys
                        ? TileClassifier::tilesPerBlock
                        : int64_t(1);
    entry = s.floorDiv(rectangle.j.lower, s.integer(tiles * sizes.tileKeys));
  }
  return tensor::ExtractOp::create(
      s.builder, s.loc, tensor,
      ValueRange{getPlane(table, Dependence::Batch, rectangle.batch),
                 getPlane(table, Dependence::Head, rectangle.head),
                 s.toIndex(entry)});
}

Interval TileEmitter::readTable(const LeafTable &table) {
  const LeafTable::Level &level = getLevel(table);
  return {readTensor(table, level.minimum), readTensor(table, level.maximum)};
}

void TileEmitter::prepareOrder(const LeafTable &table) {
  if (!table.ordered || rectangle.keys != TileOfKeys || ordered.count(&table))
    return;
  ordered[&table] = s.compare(arith::CmpIPredicate::ne,
                              readTensor(table, table.ordered), s.integer(0));
}

void TileEmitter::prepareTerm(unsigned id) {
  const Term &term = model.getTerm(id);
  if (termIntervals.count(id))
    return;
  if (term.kind == Term::Kind::Uniform) {
    Value value = emitLeafHere(term.leaf);
    termIntervals[id] = {value, value};
  } else if (term.kind == Term::Kind::Table) {
    const LeafTable *table = findTable(term.leaf);
    if (!table)
      return;
    termIntervals[id] = readTable(*table);
    prepareOrder(*table);
    if (Value signature = getLevel(*table).signature)
      signatures[id] = readTensor(*table, signature);
  } else if (term.kind == Term::Kind::Load) {
    Value element = emitLeafHere(term.leaf);
    Value single = emitAllSingle(term.indices);
    // Where its limits are a premise, a value beyond them has to show.
    StaticRange range = model.hasLimits(term)
                            ? term.range
                            : getTypeRange(term.leaf.value.getType());
    termIntervals[id] = {
        s.select(single, element, s.integer(static_cast<int64_t>(range.min))),
        s.select(single, element, s.integer(static_cast<int64_t>(range.max)))};
  }
}

void TileEmitter::prepareNode(unsigned id) {
  const Node &node = model.getNode(id);
  if (nodeIntervals.count(id))
    return;
  if (node.kind == Node::Kind::Uniform) {
    Value value = emitLeafHere(node.leaf);
    nodeIntervals[id] = {value, value};
  } else if (node.kind == Node::Kind::Table) {
    if (const LeafTable *table = findTable(node.leaf)) {
      nodeIntervals[id] = readTable(*table);
      prepareOrder(*table);
    }
  } else if (node.kind == Node::Kind::Load) {
    Value element = emitLeafHere(node.leaf);
    Value single = emitAllSingle(node.indices);
    nodeIntervals[id] = {s.select(single, element, s.integer(0)),
                         s.select(single, element, s.integer(1))};
  }
}

/// Whether each form has one value on the rectangle.
Value TileEmitter::emitAllSingle(ArrayRef<LinearForm> forms) {
  Conjunction unconstrained;
  ConjunctionEmitter emitter(*this, unconstrained);
  Value single = s.boolean(true);
  for (const LinearForm &form : forms) {
    std::optional<Interval> interval = emitter.getInterval(form);
    if (!interval)
      return s.boolean(false);
    single = s.both(single, s.compare(arith::CmpIPredicate::eq, interval->lower,
                                      interval->upper));
  }
  return single;
}

void TileEmitter::prepare(const Disjunction &disjunction) {
  walkLeaves(
      model, disjunction, [&](unsigned id) { prepareTerm(id); },
      [&](unsigned id) { prepareNode(id); });
}

//===----------------------------------------------------------------------===//
// Disjunctions
//===----------------------------------------------------------------------===//

Value TileEmitter::emitPremises(const Disjunction &disjunction) {
  Conjunction unconstrained;
  ConjunctionEmitter emitter(*this, unconstrained);
  Value holds = s.boolean(true);
  llvm::SmallDenseSet<unsigned> decisive;
  expansion.visitAll(disjunction, [&](const Disjunction &part) {
    decisive.insert(part.decisive.begin(), part.decisive.end());
  });
  for (unsigned id : disjunction.premises) {
    const MaskModel::Premise &premise = model.getPremise(id);
    std::optional<Interval> interval = emitter.getInterval(premise.form);
    if (!interval && decisive.contains(id))
      return s.boolean(false);
    if (!interval)
      continue;
    Wide limit = kFormLimit;
    auto clamp = [&](Wide value) {
      return s.integer(
          static_cast<int64_t>(std::min(std::max(value, -limit), limit)));
    };
    holds = s.both(holds, s.atMost(clamp(premise.range.min), interval->lower));
    holds = s.both(holds, s.atMost(interval->upper, clamp(premise.range.max)));
  }
  return holds;
}

Value TileEmitter::emitMay(const Disjunction &disjunction, Value settled) {
  this->settled = settled;
  prepare(disjunction);
  Value may = emitMayInPieces(disjunction, /*split=*/0);
  if (disjunction.premises.empty())
    return may;
  return s.either(may, s.negate(emitPremises(disjunction)));
}

/// Of `range` + `offset`, the part in its first period of `divisor` (piece 0),
/// in whole periods (1), in its last (2); empty where there is none.
Interval TileEmitter::getPiece(Interval range, Value offset, Value divisor,
                               Value piece) {
  Value one = s.integer(1);
  range = {s.add(range.lower, offset), s.add(range.upper, offset)};
  Value first = s.floorDiv(range.lower, divisor);
  Value last = s.floorDiv(range.upper, divisor);
  auto isPiece = [&](int64_t number) {
    return s.compare(arith::CmpIPredicate::eq, piece, s.integer(number));
  };
  // The multiples of the divisor that bound the middle.
  Value begin = s.mul(s.add(first, one), divisor);
  Value end = s.mul(s.max(last, s.add(first, one)), divisor);
  Value lower =
      s.select(isPiece(0), range.lower, s.select(isPiece(1), begin, end));
  Value upper = s.select(isPiece(0), s.min(range.upper, s.sub(begin, one)),
                         s.select(isPiece(1), s.sub(end, one), range.upper));
  return {s.sub(lower, offset), s.sub(upper, offset)};
}

Value TileEmitter::emitInPieces(const MaskModel::Split &split, Interval &range,
                                function_ref<Value()> emit) {
  Conjunction unconstrained;
  ConjunctionEmitter emitter(*this, unconstrained);
  std::optional<Interval> divisor = emitter.getInterval(split.divisor);
  std::optional<Interval> offset = emitter.getInterval(split.offset);
  if (!divisor || !offset)
    return emit();
  Value size = s.max(divisor->lower, s.integer(1));
  // Offsets beyond the limit break a premise, and are not to wrap here.
  Value shift = s.max(s.min(offset->lower, s.integer(kTermLimit)),
                      s.integer(-kTermLimit));
  auto index = [&](int64_t value) {
    return arith::ConstantIndexOp::create(s.builder, s.loc, value);
  };
  Interval whole = range;
  auto loop = scf::ForOp::create(
      s.builder, s.loc, index(0), index(3), index(1), s.boolean(false),
      [&](OpBuilder &, Location loc, Value piece, ValueRange any) {
        range = getPiece(whole, shift, size, s.toInteger(piece));
        Value may = s.both(s.atMost(range.lower, range.upper), emit());
        scf::YieldOp::create(s.builder, loc, s.either(any[0], may));
        range = whole;
      });
  return loop.getResult(0);
}

/// Splits the rectangle at multiples of the divisors of splits from `split` on.
Value TileEmitter::emitMayInPieces(const Disjunction &disjunction,
                                   unsigned split) {
  if (split == model.getSplits().size())
    return emitMayHere(disjunction);
  const MaskModel::Split &by = model.getSplits()[split];
  bool isQuery = by.bit == Dependence::Query;
  return emitInPieces(by, isQuery ? rectangle.i : rectangle.j, [&] {
    // What is emitted in the loop is not seen behind it.
    decltype(disjunctions) outside;
    std::swap(outside, disjunctions);
    Value may = emitMayInPieces(disjunction, split + 1);
    std::swap(outside, disjunctions);
    return may;
  });
}

/// Conjunctions that intervals decide first; the others are looked at closely
/// only where it depends on them.
Value TileEmitter::emitMayHere(const Disjunction &disjunction) {
  bool scans = rectangle.keys == TileOfKeys && !tables.empty();
  Value may = s.boolean(false);
  SmallVector<std::tuple<ConjunctionEmitter, unsigned, Value>> open;
  for (const Conjunction &conjunction : disjunction.conjunctions) {
    ConjunctionEmitter emitter(*this, conjunction);
    Value possible = emitter.emitMay(/*narrowed=*/false);
    std::optional<unsigned> axis;
    if (scans)
      axis = getScanAxis(model, conjunction);
    if (axis)
      open.emplace_back(std::move(emitter), *axis, possible);
    else
      may = s.either(may, possible);
  }
  if (!open.empty() && settled)
    may = s.either(may, settled);
  for (auto &[emitter, axis, possible] : open)
    may =
        s.either(may, emitter.emitScan(axis, s.both(possible, s.negate(may))));
  return may;
}

Value TileEmitter::emitMayHold(Interval truth, bool holds) {
  return holds ? s.compare(arith::CmpIPredicate::ne, truth.upper, s.integer(0))
               : s.compare(arith::CmpIPredicate::eq, truth.lower, s.integer(0));
}

Value TileEmitter::emitMayLiteral(Conjunction::Literal literal) {
  if (expansion.isDisjunction(literal)) {
    auto key = std::pair(literal.node, literal.holds);
    auto found = disjunctions.find(key);
    if (found == disjunctions.end()) {
      Value may = emitMayHere(expansion.get(literal.node, !literal.holds));
      found = disjunctions.emplace(key, may).first;
    }
    return found->second;
  }
  auto known = nodeIntervals.find(literal.node);
  if (known == nodeIntervals.end())
    return s.boolean(true);
  return emitMayHold(known->second, literal.holds);
}

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

std::pair<Value, Interval>
TileEmitter::emitKeyHull(const Conjunction &conjunction) {
  ConjunctionEmitter emitter(*this, conjunction);
  Value may = emitter.emitMay(/*narrowed=*/true);
  Interval keys = emitter.getKeys();
  may = s.both(may, s.atMost(keys.lower, keys.upper));
  return {may, keys};
}

Value TileEmitter::searchTiles(const LeafTable &table, Value tensor,
                               Value bound, Value otherwise) {
  OpBuilder &b = s.builder;
  Value batch = getPlane(table, Dependence::Batch, rectangle.batch);
  Value head = getPlane(table, Dependence::Head, rectangle.head);
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, s.loc, value);
  };
  Value zero = index(0), one = index(1);
  Value ascends = table.ascends;
  if (isa<ShapedType>(ascends.getType()))
    ascends = s.compare(arith::CmpIPredicate::ne,
                        tensor::ExtractOp::create(
                            b, s.loc, ascends, ValueRange{batch, head, zero}),
                        s.integer(0));
  SmallVector<Value> range{s.select(ascends, zero, otherwise),
                           s.select(ascends, table.tiles, otherwise)};
  Value steps = s.select(ascends, table.searchSteps, zero);
  auto search = scf::ForOp::create(
      b, s.loc, zero, steps, one, range,
      [&](OpBuilder &, Location loc, Value, ValueRange ends) {
        Value sum = arith::AddIOp::create(b, loc, ends[0], ends[1]);
        Value middle = arith::ShRUIOp::create(b, loc, sum, one);
        // Once found, the range stays as it is.
        Value last = arith::SubIOp::create(b, loc, table.tiles, one);
        Value at = arith::MinUIOp::create(b, loc, middle, last);
        Value entry = tensor::ExtractOp::create(b, loc, tensor,
                                                ValueRange{batch, head, at});
        Value open = s.compare(arith::CmpIPredicate::ult, ends[0], ends[1]);
        Value reached = s.atMost(bound, entry);
        Value next = arith::AddIOp::create(b, loc, middle, one);
        Value lower = s.select(s.both(open, s.negate(reached)), next, ends[0]);
        Value upper = s.select(s.both(open, reached), middle, ends[1]);
        scf::YieldOp::create(b, loc, ValueRange{lower, upper});
      });
  return search.getResult(0);
}
