//===- ClassificationHarness.cpp - Classification against brute force ---===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ClassificationHarness.h"

#include "attn/Dialect/Attn/Analysis/TileMap.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Transforms/CSE.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::test;

Outcome &Outcome::operator+=(const Outcome &other) {
  tiles += other.tiles;
  unsound += other.unsound;
  inexact += other.inexact;
  unsoundBounds += other.unsoundBounds;
  looseBounds += other.looseBounds;
  unsoundBlocks += other.unsoundBlocks;
  if (fault.empty())
    fault = other.fault;
  return *this;
}

std::unique_ptr<MLIRContext> test::makeContext() {
  auto context =
      std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
  context->loadDialect<AttnDialect, arith::ArithDialect, func::FuncDialect,
                       math::MathDialect, scf::SCFDialect,
                       tensor::TensorDialect>();
  return context;
}

Datum test::makeTensor(std::vector<int64_t> shape, std::vector<int64_t> data) {
  Datum datum;
  datum.tensor =
      std::make_shared<Tensor>(Tensor{std::move(shape), std::move(data)});
  return datum;
}

Datum test::makeInteger(int64_t value) {
  Datum datum;
  datum.integer = value;
  return datum;
}

//===----------------------------------------------------------------------===//
// The predicate
//===----------------------------------------------------------------------===//

static Value emitPredicate(OpBuilder &builder, Value mask,
                           const PairIndices &indices,
                           const IRMapping &captures) {
  auto op = mask.getDefiningOp<MaskOpInterface>();
  SmallVector<Value> values;
  for (Value capture : op.getCaptures())
    values.push_back(captures.lookup(capture));
  return op.emitPredicate(
      builder, op.getLoc(), indices, values, [&](unsigned index) {
        return emitPredicate(builder, op->getOperand(index), indices, captures);
      });
}

OwningOpRef<ModuleOp> test::parseMask(MLIRContext &context, StringRef text) {
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(text, ParserConfig(&context));
  if (!module)
    llvm::report_fatal_error("the mask of a test does not parse");
  auto source = module->lookupSymbol<func::FuncOp>("mask");
  Block &body = source.getBody().front();
  Value mask;
  for (Operation &op : body)
    if (isa<MaskOpInterface>(op))
      mask = op.getResult(0);

  ImplicitLocOpBuilder b(module->getLoc(), &context);
  b.setInsertionPointToEnd(module->getBody());
  SmallVector<Type> types(4, b.getIndexType());
  llvm::append_range(types, body.getArgumentTypes());
  auto predicate = func::FuncOp::create(
      b, "predicate", b.getFunctionType(types, b.getI1Type()));
  Block *entry = predicate.addEntryBlock();
  b.setInsertionPointToEnd(entry);
  IRMapping captures;
  captures.map(body.getArguments(), entry->getArguments().drop_front(4));
  // Constants of the function may be captures too.
  for (auto constant : body.getOps<arith::ConstantOp>())
    captures.map(constant.getResult(), b.clone(*constant)->getResult(0));
  PairIndices indices{entry->getArgument(0), entry->getArgument(1),
                      entry->getArgument(2), entry->getArgument(3)};
  Value keep = emitPredicate(b, mask, indices, captures);
  func::ReturnOp::create(b, keep);
  // As compiled functions are: a mask that stands twice reads once.
  IRRewriter rewriter(&context);
  DominanceInfo dominance(predicate);
  eliminateCommonSubExpressions(rewriter, dominance, predicate);
  return module;
}

//===----------------------------------------------------------------------===//
// The classification
//===----------------------------------------------------------------------===//

namespace {
/// Emits and runs what is tested.
class Classification {
public:
  Classification(func::FuncOp predicate, const std::vector<Datum> &captures,
                 const Sizes &sizes, function_ref<void(func::FuncOp)> plant)
      : predicate(predicate), captures(captures), sizes(sizes), plant(plant),
        b(predicate.getLoc(), predicate.getContext()) {}

  std::vector<int64_t> runMap() {
    return run("map", b.getI8Type(),
               [&](const MaskDomain &domain, ValueRange values) {
                 TileClassifier classifier(predicate.getBody());
                 return emitTileMap(b, b.getLoc(), classifier, domain, values);
               });
  }

  /// Whether blocks may hold a kept pair: (batch, head, query tile, block).
  std::vector<int64_t> runBlocks() {
    return run("blocks", b.getIndexType(),
               [&](const MaskDomain &domain, ValueRange values) {
                 TileClassifier classifier(predicate.getBody());
                 classifier.emitPrepass(b, b.getLoc(), domain, values);
                 return emitBlocks(classifier, domain);
               });
  }

  std::vector<int64_t> runBounds() {
    return run("bounds", b.getIndexType(),
               [&](const MaskDomain &domain, ValueRange values) {
                 TileClassifier classifier(predicate.getBody());
                 classifier.emitPrepass(b, b.getLoc(), domain, values);
                 return emitBounds(classifier, domain);
               });
  }

  std::string trap;

private:
  std::vector<int64_t>
  run(StringRef name, Type element,
      function_ref<Value(const MaskDomain &, ValueRange)> body) {
    SmallVector<Type> types(predicate.getArgumentTypes().drop_front(4));
    types.append(4, b.getIndexType());
    SmallVector<int64_t> shape(4, ShapedType::kDynamic);
    auto module = predicate->getParentOfType<ModuleOp>();
    b.setInsertionPointToEnd(module.getBody());
    auto function = func::FuncOp::create(
        b, name,
        b.getFunctionType(types, RankedTensorType::get(shape, element)));
    Block *entry = function.addEntryBlock();
    b.setInsertionPointToEnd(entry);
    ValueRange arguments = entry->getArguments();
    ValueRange ends = arguments.take_back(4);
    MaskDomain domain{ends[0], ends[1],           ends[2],
                      ends[3], sizes.tileQueries, sizes.tileKeys};
    func::ReturnOp::create(b, body(domain, arguments.drop_back(4)));
    if (plant)
      plant(function);
    if (failed(verify(function)))
      llvm::report_fatal_error("the emitted function is not valid");
    ScalarInterpreter interpreter(*entry);
    std::vector<Datum> data = captures;
    for (int64_t size : {sizes.batches, sizes.heads, sizes.queries, sizes.keys})
      data.push_back(makeInteger(size));
    std::vector<int64_t> result = interpreter.run(data)[0].tensor->data;
    if (trap.empty())
      trap = interpreter.getTrap();
    function.erase();
    return result;
  }

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }

  using PerTile = function_ref<SmallVector<Value>(ValueRange, IndexRange)>;

  /// A tensor (batch, head, query tile, entry) of `count` entries that `emit`
  /// gives for a batch, a head and the queries of a tile.
  Value emitPerTile(const MaskDomain &domain, int64_t count, PerTile emit) {
    Value tiles = arith::CeilDivUIOp::create(b, domain.queries,
                                             index(domain.tileQueries));
    SmallVector<Value> upper{domain.batches, domain.heads, tiles};
    SmallVector<Value> lower(3, index(0)), step(3, index(1));
    Value init = tensor::EmptyOp::create(
        b,
        ArrayRef<OpFoldResult>{domain.batches, domain.heads, tiles,
                               index(count)},
        b.getIndexType());
    scf::LoopNest nest = scf::buildLoopNest(
        b, b.getLoc(), lower, upper, step, init,
        [&](OpBuilder &nested, Location, ValueRange at,
            ValueRange carried) -> scf::ValueVector {
          OpBuilder::InsertionGuard restore(b);
          b.setInsertionPoint(nested.getInsertionBlock(),
                              nested.getInsertionPoint());
          Value first =
              arith::MulIOp::create(b, at[2], index(domain.tileQueries));
          Value end = arith::MinSIOp::create(
              b, domain.queries,
              arith::AddIOp::create(b, first, index(domain.tileQueries)));
          Value tensor = carried[0];
          for (auto [position, value] :
               llvm::enumerate(emit(at, IndexRange{first, end})))
            tensor = tensor::InsertOp::create(
                b, value, tensor,
                ValueRange{at[0], at[1], at[2], index(position)});
          return {tensor};
        });
    b.setInsertionPointAfter(nest.loops.front());
    return nest.results[0];
  }

  Value emitBounds(TileClassifier &classifier, const MaskDomain &domain) {
    return emitPerTile(
        domain, 4,
        [&](ValueRange at, IndexRange queries) -> SmallVector<Value> {
          KeyBounds bounds =
              classifier.emitKeyBounds(b, b.getLoc(), at[0], at[1], queries);
          return {bounds.lower, bounds.upper, bounds.fullLower,
                  bounds.fullUpper};
        });
  }

  Value emitBlocks(TileClassifier &classifier, const MaskDomain &domain) {
    return emitPerTile(
        domain, sizes.getBlocks(), [&](ValueRange at, IndexRange queries) {
          SmallVector<Value> kinds;
          for (int64_t block = 0; block < sizes.getBlocks(); ++block) {
            int64_t first = block * sizes.getBlockKeys();
            IndexRange keys{
                index(first),
                index(std::min(first + sizes.getBlockKeys(), sizes.keys))};
            Value may = classifier.emitBlockMay(b, b.getLoc(),
                                                {at[0], at[1], queries, keys});
            kinds.push_back(
                arith::IndexCastUIOp::create(b, b.getIndexType(), may));
          }
          return kinds;
        });
  }

  func::FuncOp predicate;
  const std::vector<Datum> &captures;
  const Sizes &sizes;
  function_ref<void(func::FuncOp)> plant;
  ImplicitLocOpBuilder b;
};

/// The mask on all pairs, and what follows for tiles.
class BruteForce {
public:
  BruteForce(Block &predicate, const std::vector<Datum> &captures,
             const Sizes &sizes)
      : sizes(sizes) {
    ScalarInterpreter interpreter(predicate);
    std::vector<Datum> arguments(4);
    arguments.insert(arguments.end(), captures.begin(), captures.end());
    for (int64_t b = 0; b < sizes.batches; ++b)
      for (int64_t h = 0; h < sizes.heads; ++h)
        for (int64_t i = 0; i < sizes.queries; ++i)
          for (int64_t j = 0; j < sizes.keys; ++j) {
            int64_t indices[] = {b, h, i, j};
            for (auto [datum, value] : llvm::zip(arguments, indices))
              datum.integer = value;
            kept.push_back(interpreter.run(arguments)[0].integer != 0);
          }
    trap = interpreter.getTrap();
  }

  bool isKept(int64_t plane, int64_t i, int64_t j) const {
    return kept[(plane * sizes.queries + i) * sizes.keys + j];
  }

  std::string trap;

private:
  const Sizes &sizes;
  std::vector<bool> kept;
};
} // namespace

static void checkTile(const BruteForce &truth, const Sizes &sizes,
                      int64_t plane, int64_t tileI, int64_t tileJ,
                      TileKind kind, Outcome &outcome) {
  bool any = false, all = true;
  int64_t endI = std::min((tileI + 1) * sizes.tileQueries, sizes.queries);
  int64_t endJ = std::min((tileJ + 1) * sizes.tileKeys, sizes.keys);
  for (int64_t i = tileI * sizes.tileQueries; i < endI; ++i)
    for (int64_t j = tileJ * sizes.tileKeys; j < endJ; ++j) {
      any |= truth.isKept(plane, i, j);
      all &= truth.isKept(plane, i, j);
    }
  ++outcome.tiles;
  TileKind exact =
      !any ? TileKind::Empty : (all ? TileKind::Full : TileKind::Partial);
  if (kind == exact)
    return;
  const char *names[] = {"empty", "partial", "full"};
  bool unsound = kind != TileKind::Partial;
  (unsound ? outcome.unsound : outcome.inexact)++;
  if (unsound && outcome.fault.empty())
    outcome.fault =
        llvm::formatv("plane {0}, tile ({1}, {2}) is {3}, called {4}", plane,
                      tileI, tileJ, names[int(exact)], names[int(kind)]);
}

static void checkBounds(const BruteForce &truth, const Sizes &sizes,
                        int64_t plane, int64_t tile, const int64_t *bounds,
                        Outcome &outcome) {
  int64_t lower = sizes.keys, upper = 0;
  bool sound = 0 <= bounds[0] && bounds[0] <= bounds[2] &&
               bounds[2] <= bounds[3] && bounds[3] <= bounds[1] &&
               bounds[1] <= sizes.keys;
  int64_t endI = std::min((tile + 1) * sizes.tileQueries, sizes.queries);
  for (int64_t j = 0; j < sizes.keys; ++j) {
    bool any = false, all = true;
    for (int64_t i = tile * sizes.tileQueries; i < endI; ++i) {
      any |= truth.isKept(plane, i, j);
      all &= truth.isKept(plane, i, j);
    }
    if (any) {
      lower = std::min(lower, j);
      upper = j + 1;
      sound &= bounds[0] <= j && j < bounds[1];
    }
    sound &= all || j < bounds[2] || j >= bounds[3];
  }
  if (!sound) {
    ++outcome.unsoundBounds;
    if (outcome.fault.empty())
      outcome.fault = llvm::formatv(
          "plane {0}, queries {1}: keys [{2}, {3}), called [{4}, {5}) with "
          "[{6}, {7}) full",
          plane, tile, lower, upper, bounds[0], bounds[1], bounds[2],
          bounds[3]);
  }
  // Loops go by tiles.
  auto last = [&](int64_t end) { return (end - 1) / sizes.tileKeys; };
  bool tight = upper == 0
                   ? bounds[0] == bounds[1]
                   : bounds[0] / sizes.tileKeys == lower / sizes.tileKeys &&
                         last(bounds[1]) == last(upper);
  outcome.looseBounds += !tight;
}

/// A block that is called empty keeps no pair.
static void checkBlock(const BruteForce &truth, const Sizes &sizes,
                       int64_t plane, int64_t tile, int64_t block, bool may,
                       Outcome &outcome) {
  if (may)
    return;
  int64_t endI = std::min((tile + 1) * sizes.tileQueries, sizes.queries);
  int64_t endJ = std::min((block + 1) * sizes.getBlockKeys(), sizes.keys);
  for (int64_t i = tile * sizes.tileQueries; i < endI; ++i)
    for (int64_t j = block * sizes.getBlockKeys(); j < endJ; ++j)
      if (truth.isKept(plane, i, j)) {
        ++outcome.unsoundBlocks;
        if (outcome.fault.empty())
          outcome.fault = llvm::formatv(
              "plane {0}, queries {1}, block {2} keeps ({3}, {4})", plane, tile,
              block, i, j);
        return;
      }
}

Outcome test::classify(ModuleOp module, const std::vector<Datum> &captures,
                       const Sizes &sizes,
                       function_ref<void(func::FuncOp)> plant) {
  auto predicate = module.lookupSymbol<func::FuncOp>("predicate");
  Classification classification(predicate, captures, sizes, plant);
  std::vector<int64_t> map = classification.runMap();
  std::vector<int64_t> bounds = classification.runBounds();
  std::vector<int64_t> blocks = classification.runBlocks();
  BruteForce truth(predicate.getBody().front(), captures, sizes);
  Outcome outcome;
  outcome.fault = classification.trap.empty()
                      ? truth.trap
                      : "emitted code: " + classification.trap;
  int64_t tilesI = llvm::divideCeil(sizes.queries, sizes.tileQueries);
  int64_t tilesJ = llvm::divideCeil(sizes.keys, sizes.tileKeys);
  auto kind = map.begin();
  auto bound = bounds.begin();
  auto block = blocks.begin();
  for (int64_t plane = 0; plane < sizes.batches * sizes.heads; ++plane)
    for (int64_t tileI = 0; tileI < tilesI; ++tileI) {
      for (int64_t tileJ = 0; tileJ < tilesJ; ++tileJ)
        checkTile(truth, sizes, plane, tileI, tileJ, TileKind(*kind++),
                  outcome);
      checkBounds(truth, sizes, plane, tileI, &*bound, outcome);
      bound += 4;
      for (int64_t number = 0; number < sizes.getBlocks(); ++number)
        checkBlock(truth, sizes, plane, tileI, number, *block++, outcome);
    }
  return outcome;
}
