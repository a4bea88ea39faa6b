//===- TileClassification.cpp - What a mask does on tiles, as IR ----------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Analysis/TileClassification.h"
#include "MaskDescription.h"
#include "TileEmission.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace mlir::attn;

struct TileClassifier::Implementation {
  Implementation(Region &mask, int64_t queries, int64_t keys,
                 ArrayRef<CaptureFacts> facts)
      : model(mask, queries, keys, facts), expansion(model),
        kept(expansion.get(model.getRoot(), /*negated=*/false)),
        dropped(expansion.get(model.getRoot(), /*negated=*/true)),
        notes(model.getNotes().begin(), model.getNotes().end()) {}

  void bind(const MaskDomain &domain, ValueRange captures);
  void collectTables();
  /// Visits what tables consist of, but for blocks of keys.
  void forEachTableValue(function_ref<void(Value &)> visit);
  TileClass emitClass(ScalarBuilder s, const TileRectangle &tile);
  Value emitBlockMay(ScalarBuilder s, const TileRectangle &block);
  KeyBounds emitKeyBounds(ScalarBuilder s, Value b, Value h,
                          IndexRange queries);
  /// What `emit` gives for each head of a tile from `first` on, reduced by
  /// `combine` from `neutral` on.
  SmallVector<Value> reduceHeads(
      ScalarBuilder s, Value first, ValueRange neutral,
      function_ref<SmallVector<Value>(ScalarBuilder, Value)> emit,
      function_ref<SmallVector<Value>(ScalarBuilder, ValueRange, ValueRange)>
          combine);
  Rectangle toRectangle(ScalarBuilder &s, Value b, Value h, IndexRange i,
                        IndexRange j, KeyExtent keys);

  MaskModel model;
  Expansion expansion;
  /// The mask and its negation.
  const Disjunction &kept, &dropped;
  SmallVector<AnalysisNote> notes;
  SmallVector<LeafTable> tables;
  TableSizes sizes;
  /// Heads of a tile; 1 where all have the same pairs.
  int64_t tileHeads = 1;
  SmallVector<Value> captures;
};

TileClassifier::TileClassifier(Region &mask, int64_t queries, int64_t keys,
                               ArrayRef<CaptureFacts> facts)
    : implementation(
          std::make_unique<Implementation>(mask, queries, keys, facts)) {}

TileClassifier::~TileClassifier() = default;

bool TileClassifier::isAlwaysTrue() const {
  return implementation->dropped.isFalse();
}

bool TileClassifier::isAlwaysFalse() const {
  return implementation->kept.isFalse();
}

std::string TileClassifier::describe(ArrayRef<std::string> captureNames,
                                     size_t width) const {
  if (isAlwaysFalse())
    return "no pair";
  if (isAlwaysTrue())
    return "every pair";
  return describeMask(implementation->model, captureNames, width);
}

ArrayRef<AnalysisNote> TileClassifier::getNotes() const {
  return implementation->notes;
}

void TileClassifier::remarkNotes(StringRef category) const {
  for (const AnalysisNote &note : getNotes())
    remark::missed(
        note.op->getLoc(),
        remark::RemarkOpts::name("mask-not-proved").category(category))
        << (note.op->getName().getStringRef() + ": " + note.reason).str();
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

void TileClassifier::Implementation::collectTables() {
  tables.clear();
  auto findTable = [&](const Leaf &leaf) {
    return llvm::find_if(
        tables, [&](const LeafTable &table) { return table.leaf == leaf; });
  };
  /// Calls `visit` for the table of each leaf that is one.
  auto walkTables = [&](const auto &root,
                        function_ref<void(const Leaf &)> visit) {
    auto visitTerm = [&](unsigned id) {
      if (model.getTerm(id).kind == Term::Kind::Table)
        visit(model.getTerm(id).leaf);
    };
    auto visitNode = [&](unsigned id) {
      if (model.getNode(id).kind == Node::Kind::Table)
        visit(model.getNode(id).leaf);
    };
    walkLeaves(model, root, visitTerm, visitNode);
  };
  auto readDisjunction = [&](const Disjunction &disjunction) {
    walkTables(disjunction, [&](const Leaf &leaf) {
      if (findTable(leaf) == tables.end())
        tables.push_back({leaf});
    });
    for (const Conjunction &conjunction : disjunction.conjunctions) {
      if (std::optional<unsigned> axis = getScanAxis(model, conjunction))
        walkTables(conjunction, [&](const Leaf &leaf) {
          findTable(leaf)->needsOrder |= !(leaf.dependence & *axis);
        });
      for (const LinearForm &lhs : conjunction.atoms)
        for (const LinearForm &rhs : conjunction.atoms) {
          std::pair<unsigned, unsigned> terms;
          if (!isTableEquality(model, lhs, rhs, terms))
            continue;
          for (unsigned id : {terms.first, terms.second})
            findTable(model.getTerm(id).leaf)->needsSignature = true;
        }
    }
  };
  for (const Disjunction *disjunction : {&kept, &dropped})
    expansion.visitAll(*disjunction, readDisjunction);
}

void TileClassifier::Implementation::bind(const MaskDomain &domain,
                                          ValueRange given) {
  sizes = {domain.batches, domain.heads,       domain.queries,
           domain.keys,    domain.tileQueries, domain.tileKeys};
  captures.assign(given.begin(), given.end());
  bool usesHead = !model.getBody().getArgument(1).use_empty();
  tileHeads = usesHead ? domain.tileHeads : 1;
}

void TileClassifier::Implementation::forEachTableValue(
    function_ref<void(Value &)> visit) {
  auto visitKnown = [&](Value &value) {
    if (value)
      visit(value);
  };
  for (LeafTable &table : tables) {
    for (KeyExtent extent : {TileOfKeys, AllKeys}) {
      LeafTable::Level &level = table.levels[extent];
      for (Value *part : {&level.minimum, &level.maximum, &level.signature})
        visitKnown(*part);
    }
    for (Value *part :
         {&table.ascends, &table.tiles, &table.searchSteps, &table.ordered})
      visitKnown(*part);
  }
}

SmallVector<Value> TileClassifier::getPrepassValues() const {
  SmallVector<Value> values;
  implementation->forEachTableValue(
      [&](Value &value) { values.push_back(value); });
  return values;
}

void TileClassifier::bindPrepass(const MaskDomain &domain, ValueRange captures,
                                 ValueRange values) {
  Implementation &impl = *implementation;
  impl.bind(domain, captures);
  for (LeafTable &table : impl.tables)
    table.levels[BlockOfKeys] = {};
  impl.forEachTableValue([&](Value &value) {
    value = values.front();
    values = values.drop_front();
  });
}

void TileClassifier::skipPrepass(const MaskDomain &domain,
                                 ValueRange captures) {
  implementation->tables.clear();
  implementation->bind(domain, captures);
}

void TileClassifier::emitPrepass(OpBuilder &builder, Location loc,
                                 const MaskDomain &domain,
                                 ValueRange captures) {
  skipPrepass(domain, captures);
  Implementation &impl = *implementation;
  impl.collectTables();
  emitTables(builder, loc, impl.model, impl.tables, impl.sizes, impl.captures);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Rectangle TileClassifier::Implementation::toRectangle(ScalarBuilder &s, Value b,
                                                      Value h, IndexRange i,
                                                      IndexRange j,
                                                      KeyExtent keys) {
  auto toInterval = [&](IndexRange range) {
    return Interval{s.toInteger(range.lower),
                    s.sub(s.toInteger(range.upper), s.integer(1))};
  };
  return {b, h, toInterval(i), toInterval(j), keys};
}

TileClass TileClassifier::Implementation::emitClass(ScalarBuilder s,
                                                    const TileRectangle &tile) {
  Rectangle rectangle =
      toRectangle(s, tile.b, tile.h, tile.i, tile.j, TileOfKeys);
  TileEmitter emitter(s, model, expansion, tables, sizes, captures, rectangle);
  Value must = s.negate(emitter.emitMay(dropped));
  return {emitter.emitMay(kept, /*settled=*/must), must};
}

Value TileClassifier::Implementation::emitBlockMay(ScalarBuilder s,
                                                   const TileRectangle &block) {
  return TileEmitter(
             s, model, expansion, tables, sizes, captures,
             toRectangle(s, block.b, block.h, block.i, block.j, BlockOfKeys))
      .emitMay(kept);
}

SmallVector<Value> TileClassifier::Implementation::reduceHeads(
    ScalarBuilder s, Value first, ValueRange neutral,
    function_ref<SmallVector<Value>(ScalarBuilder, Value)> emit,
    function_ref<SmallVector<Value>(ScalarBuilder, ValueRange, ValueRange)>
        combine) {
  if (tileHeads == 1)
    return emit(s, first);
  auto index = [&](int64_t value) {
    return arith::ConstantIndexOp::create(s.builder, s.loc, value);
  };
  auto loop = scf::ForOp::create(
      s.builder, s.loc, index(0), index(tileHeads), index(1), neutral,
      [&](OpBuilder &b, Location loc, Value head, ValueRange running) {
        ScalarBuilder inner{b, loc};
        Value h = arith::AddIOp::create(b, loc, first, head);
        scf::YieldOp::create(b, loc, combine(inner, running, emit(inner, h)));
      });
  return loop.getResults();
}

TileClass TileClassifier::emitClass(OpBuilder &builder, Location loc,
                                    const TileRectangle &tile) {
  ScalarBuilder s{builder, loc};
  SmallVector<Value> found = implementation->reduceHeads(
      s, tile.h, {s.boolean(false), s.boolean(true)},
      [&](ScalarBuilder s, Value head) -> SmallVector<Value> {
        TileRectangle own = tile;
        own.h = head;
        TileClass tileClass = implementation->emitClass(s, own);
        return {tileClass.may, tileClass.must};
      },
      [](ScalarBuilder s, ValueRange any,
         ValueRange own) -> SmallVector<Value> {
        return {s.either(any[0], own[0]), s.both(any[1], own[1])};
      });
  return {found[0], found[1]};
}

Value TileClassifier::emitBlockMay(OpBuilder &builder, Location loc,
                                   const TileRectangle &block) {
  ScalarBuilder s{builder, loc};
  return implementation->reduceHeads(
      s, block.h, s.boolean(false),
      [&](ScalarBuilder s, Value head) -> SmallVector<Value> {
        TileRectangle own = block;
        own.h = head;
        return {implementation->emitBlockMay(s, own)};
      },
      [](ScalarBuilder s, ValueRange any, ValueRange own)
          -> SmallVector<Value> { return {s.either(any[0], own[0])}; })[0];
}

/// Whether the keys that satisfy `form >= 0` lie before or behind some key: j
/// comes as itself, or as a value that ascends with it.
static bool boundsKeys(const MaskModel &model, const LinearForm &form) {
  if (model.isAffine(form))
    return true;
  unsigned ascending = 0;
  for (auto [id, coefficient] : form.summands) {
    const Term &term = model.getTerm(id);
    if (!(term.dependence & Dependence::Key))
      continue;
    if (term.kind != Term::Kind::Table || !model.findAscending(term.leaf))
      return false;
    ++ascending;
  }
  return ascending == 1;
}

/// One conjunction of such forms becomes bounds of the loop; all else may leave
/// gaps between them.
bool TileClassifier::mayLeaveGaps() const {
  const Disjunction &kept = implementation->kept;
  if (kept.conjunctions.size() != 1)
    return true;
  const Conjunction &only = kept.conjunctions.front();
  return !only.literals.empty() ||
         !llvm::all_of(only.atoms, [&](const LinearForm &atom) {
           return boundsKeys(implementation->model, atom);
         });
}

unsigned TileClassifier::countPremises() const {
  return implementation->kept.premises.size() +
         implementation->dropped.premises.size();
}

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

KeyBounds TileClassifier::Implementation::emitKeyBounds(ScalarBuilder s,
                                                        Value b, Value h,
                                                        IndexRange queries) {
  Value zero = s.integer(0), one = s.integer(1);
  Value keys = s.toInteger(sizes.keys);
  IndexRange all{s.toIndex(zero), sizes.keys};
  TileEmitter emitter(s, model, expansion, tables, sizes, captures,
                      toRectangle(s, b, h, queries, all, AllKeys));
  emitter.prepare(kept);
  emitter.prepare(dropped);

  Value lower = keys, upper = zero;
  for (const Conjunction &conjunction : kept.conjunctions) {
    auto [may, hull] = emitter.emitKeyHull(conjunction);
    lower = s.select(may, s.min(lower, hull.lower), lower);
    upper = s.select(may, s.max(upper, s.add(hull.upper, one)), upper);
  }
  Value known = emitter.emitPremises(kept);
  lower = s.select(known, s.min(lower, upper), zero);
  upper = s.select(known, upper, keys);

  // A piece that is not kept cuts off the side on which it lies.
  Value fullLower = lower, fullUpper = upper;
  for (const Conjunction &conjunction : dropped.conjunctions) {
    auto [may, hull] = emitter.emitKeyHull(conjunction);
    Value isLeft = s.atMost(hull.lower, fullLower);
    Value cutsLeft = s.both(may, isLeft);
    Value cutsRight = s.both(may, s.negate(isLeft));
    fullLower =
        s.select(cutsLeft, s.max(fullLower, s.add(hull.upper, one)), fullLower);
    fullUpper = s.select(cutsRight, s.min(fullUpper, hull.lower), fullUpper);
  }
  fullLower = s.min(fullLower, upper);
  fullUpper = s.max(fullUpper, fullLower);
  Value certain = emitter.emitPremises(dropped);
  fullUpper = s.select(certain, fullUpper, fullLower);
  return {s.toIndex(lower), s.toIndex(upper), s.toIndex(fullLower),
          s.toIndex(fullUpper)};
}

KeyBounds TileClassifier::emitKeyBounds(OpBuilder &builder, Location loc,
                                        Value b, Value h, IndexRange queries) {
  ScalarBuilder s{builder, loc};
  Value none = s.toIndex(s.integer(0)), all = implementation->sizes.keys;
  SmallVector<Value> found = implementation->reduceHeads(
      s, h, {all, none, none, all},
      [&](ScalarBuilder s, Value head) -> SmallVector<Value> {
        KeyBounds own = implementation->emitKeyBounds(s, b, head, queries);
        return {own.lower, own.upper, own.fullLower, own.fullUpper};
      },
      [](ScalarBuilder s, ValueRange any,
         ValueRange own) -> SmallVector<Value> {
        return {s.min(any[0], own[0]), s.max(any[1], own[1]),
                s.max(any[2], own[2]), s.min(any[3], own[3])};
      });
  return {found[0], found[1], found[2], s.max(found[2], found[3])};
}
