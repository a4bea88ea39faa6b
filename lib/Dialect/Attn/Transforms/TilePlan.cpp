//===- TilePlan.cpp - How an attend op is computed -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Transforms/TilePlan.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// Tile registers: sums have 16 rows and columns, factors 16 rows of 32 bf16.
static constexpr int64_t tileRows = 16, tileColumns = 32;
/// Keys of a tile whose scores and weights such registers compute, where it and
/// what is kept of the queries fit into the first-level cache, and where not.
static constexpr int64_t nearKeys = 64, farKeys = 128;
/// Keys of a tile that are multiplied as they lie: with values in pairs,
/// weights and accumulators they fit into the first-level cache. More rows,
/// whose accumulators do not, take twice as many.
static constexpr int64_t unpackedKeys = 32;

/// The static size of a dimension of the iteration space; 1 where no operand
/// has it, or dynamic.
static int64_t staticSize(AttendOp op, unsigned dim) {
  bool found = false;
  std::pair<Value, AffineMap> operands[] = {{op.getQuery(), op.getQueryMap()},
                                            {op.getKey(), op.getKeyMap()},
                                            {op.getValue(), op.getValueMap()}};
  for (auto [operand, map] : operands)
    for (auto [position, result] : llvm::enumerate(map.getResults())) {
      if (cast<AffineDimExpr>(result).getPosition() != dim)
        continue;
      int64_t size = cast<ShapedType>(operand.getType()).getDimSize(position);
      if (!ShapedType::isDynamic(size))
        return size;
      found = true;
    }
  return found ? ShapedType::kDynamic : 1;
}

/// Keys of a tile, at most: a multiple of all heights of register blocks.
static constexpr int64_t mostKeys = 96;

/// As many keys of so many bytes as fit, in whole register blocks of all
/// heights.
static int64_t fitKeys(int64_t bytes, int64_t bytesPerKey) {
  constexpr int64_t step = 24;
  return std::clamp(bytes / bytesPerKey / step * step, step, mostKeys);
}

/// Keys per tile: the scores and values of a tile share the first-level cache
/// with what streams past them.
static int64_t chooseKeys(const TargetSpec &target, int64_t rows,
                          int64_t features, int64_t elementBytes) {
  if (ShapedType::isDynamic(features))
    return mostKeys;
  return fitKeys(int64_t(target.l1Bytes) * 5 / 4,
                 (rows + features) * elementBytes);
}

/// Whether the op weighs values of bf16 by the softmax of products of bf16.
static bool multipliesBF16(AttendOp op) {
  return op.getCompatibility() == Compatibility::Dot &&
         op.getNormalizer() == Normalizer::Softmax &&
         llvm::all_of(ValueRange{op.getQuery(), op.getKey(), op.getValue()},
                      [](Value operand) {
                        return getElementTypeOrSelf(operand.getType()).isBF16();
                      });
}

/// Whether the features of keys and values lie side by side.
static bool hasInnermostFeatures(AttendOp op) {
  auto isInnermost = [&](AffineMap map, unsigned dim) {
    return cast<AffineDimExpr>(map.getResults().back()).getPosition() == dim;
  };
  return isInnermost(op.getKeyMap(), AttendOp::D) &&
         isInnermost(op.getValueMap(), AttendOp::E);
}

/// Whether the target multiplies pairs of the op's elements in one instruction.
static bool usesPairs(const TargetSpec &target, AttendOp op) {
  int64_t features = staticSize(op, AttendOp::D);
  return target.hasBF16Dot && hasInnermostFeatures(op) && multipliesBF16(op) &&
         features > 0 && features % 2 == 0;
}

namespace {
/// Finds the plan for the static sizes of one op.
class PlanChooser {
public:
  PlanChooser(const TargetSpec &target, AttendOp op);

  SmallVector<PlanVariant> variants();

private:
  PlanVariant choose();
  PlanVariant withTiles(PlanVariant variant);
  bool isPlain();
  PlanVariant fewOfBoth();
  PlanVariant filledTiles();
  bool mayGroup();
  int64_t headsOfTile() { return mayGroup() ? group : 1; }
  bool widensKeys();
  bool hasManyQueries();
  bool fillsVectors();
  bool hasTiles() { return target.hasBF16Tiles && multipliesBF16(op); }
  int64_t unpackedKeysFor(int64_t rows);
  StringRef unpackedObstacle();
  StringRef tileObstacle();
  TilePlan queriesAlongLanes();
  TilePlan featuresAlongLanes();
  void chooseTiles(TilePlan &plan);
  void shareKeys(TilePlan &plan);
  double operations(const TilePlan &plan);
  int64_t splitFor(const TilePlan &plan);

  const TargetSpec &target;
  AttendOp op;
  int64_t elementBytes, lanes, maxRows;
  int64_t queries, keys, group, features, valueFeatures;
};
} // namespace

PlanChooser::PlanChooser(const TargetSpec &target, AttendOp op)
    : target(target), op(op) {
  Type accumulator =
      getAccumulatorType(getElementTypeOrSelf(op.getQuery().getType()));
  elementBytes = accumulator.getIntOrFloatBitWidth() / 8;
  lanes = target.lanes(8 * elementBytes);
  maxRows = lanes * (target.vectorRegisters >= 32 ? 4 : 6);
  queries = staticSize(op, AttendOp::I);
  keys = staticSize(op, AttendOp::J);
  group = staticSize(op, AttendOp::G);
  features = staticSize(op, AttendOp::D);
  valueFeatures = staticSize(op, AttendOp::E);
}

/// Whether results need the weights of each head.
static bool needsWeights(AttendOp op) {
  return op.getWeights() || op.getTopKeys();
}

/// Whether a pair region reads the head, which is that of its arguments.
static bool usesHead(Region &region, unsigned argument) {
  return !region.empty() && !region.front().getArgument(argument).use_empty();
}

/// The heads of a group share tiles where they share keys and values, unless
/// weights are asked for.
bool PlanChooser::mayGroup() {
  if (ShapedType::isDynamic(group) || needsWeights(op))
    return false;
  bool shared = op.getQueryMap().isFunctionOfDim(AttendOp::G) &&
                !op.getKeyMap().isFunctionOfDim(AttendOp::G) &&
                !op.getValueMap().isFunctionOfDim(AttendOp::G);
  return group == 1 || shared;
}

/// Whether keys are narrower than what products are summed in.
bool PlanChooser::widensKeys() {
  Type element = getElementTypeOrSelf(op.getKey().getType());
  return !ShapedType::isDynamic(features) &&
         element.getIntOrFloatBitWidth() < 8 * elementBytes;
}

bool PlanChooser::hasManyQueries() {
  return ShapedType::isDynamic(queries) || queries >= maxRows;
}

/// Whether the features of values are whole vectors, one after the other.
bool PlanChooser::fillsVectors() {
  AffineExpr innermost = op.getValueMap().getResults().back();
  return valueFeatures > 0 && valueFeatures % lanes == 0 &&
         cast<AffineDimExpr>(innermost).getPosition() == AttendOp::E;
}

/// No more than a static number of keys needs.
int64_t PlanChooser::unpackedKeysFor(int64_t rows) {
  int64_t most = (rows > tileRows ? 2 : 1) * unpackedKeys;
  return ShapedType::isDynamic(keys)
             ? most
             : std::min<int64_t>(most, llvm::alignTo(keys, unpackedKeys));
}

/// Why few queries, which share too little to pack keys for, do not multiply
/// those as they lie on tile registers; empty where they do.
StringRef PlanChooser::unpackedObstacle() {
  if (!ShapedType::isDynamic(keys) && keys < tileRows)
    return "too few keys for a tile";
  if (!hasInnermostFeatures(op))
    return "too few queries share what would be packed, and keys or values do "
           "not have their features innermost";
  if (features <= 0 || features % tileColumns != 0 || valueFeatures <= 0 ||
      valueFeatures % tileRows != 0)
    return "too few queries share what would be packed, and head sizes are not "
           "those of whole tiles";
  return "";
}

/// Why products of bf16 do not run on tile registers; empty where they do, or
/// where there are none.
StringRef PlanChooser::tileObstacle() {
  if (needsWeights(op))
    return "a second pass, for weights, reads keys as they lie";
  if (!hasManyQueries())
    return unpackedObstacle();
  if (features <= 0 || features % 2 != 0)
    return "the head size of keys is not even";
  if (valueFeatures <= 0)
    return "the head size of values is not known";
  return "";
}

/// A tile is a whole number of register blocks, and no larger than a static M
/// needs. Keys are so many that the score tile stays in the first-level cache.
TilePlan PlanChooser::queriesAlongLanes() {
  TilePlan plan{maxRows, /*keys=*/0};
  bool many = hasManyQueries();
  plan.tiles = hasTiles() && tileObstacle().empty();
  plan.unpacked = plan.tiles && !many;
  plan.pairs = plan.tiles || usesPairs(target, op);
  bool fits = mayGroup() && llvm::isPowerOf2_64(group) && group <= lanes;
  // A tile that one head may fill gains little from others, and where the mask
  // tells them apart, has to visit the keys of each.
  bool gains = !many || (ShapedType::isDynamic(queries) &&
                         !usesHead(op.getScore(), /*argument=*/2) &&
                         !usesHead(op.getMask(), /*argument=*/1));
  if (fits && gains)
    plan.group = group;
  int64_t rows = maxRows;
  if (!many)
    rows = std::clamp<int64_t>(llvm::alignTo(queries * plan.group, lanes),
                               lanes, maxRows);
  plan.queries = rows / plan.group;
  // Few queries read what was made of narrow keys so seldom that it has to come
  // from the first level.
  int64_t resident = valueFeatures;
  if (!many && !plan.pairs && widensKeys())
    resident += features;
  plan.keys = chooseKeys(target, rows, resident, elementBytes);
  // Each scalar of a key serves one vector: all are to come from the first
  // level, which queries and sums half fill.
  bool oneVector = !many && !plan.pairs && rows == lanes && features > 0;
  if (oneVector)
    plan.keys = fitKeys(target.l1Bytes / 4, features * elementBytes);
  // One tile in place of one and a third: nothing is added to sums before.
  if (keys > plan.keys && 3 * keys <= 4 * plan.keys)
    plan.keys = keys;

  // A tile is gone through block by block, several times: the next one is what
  // is to come. Pairs leave too few registers for more addresses.
  if (!many || !plan.pairs)
    plan.ahead = plan.unpacked ? 2 * unpackedKeys : plan.keys;
  if (ShapedType::isDynamic(queries) && !plan.pairs &&
      op.getCompatibility() == Compatibility::Dot)
    plan.piece = lanes;
  plan.turned = plan.unpacked || (!plan.pairs && fillsVectors());
  if (plan.unpacked)
    plan.keys = unpackedKeysFor(rows);
  else if (plan.tiles)
    chooseTiles(plan);
  if (many)
    shareKeys(plan);
  else
    plan.split = splitFor(plan);
  plan.spread = plan.split > 0 && plan.turned && !plan.pairs &&
                hasInnermostFeatures(op) && features > 0 &&
                op.getCompatibility() == Compatibility::Dot &&
                !(oneVector && widensKeys());
  // A constant from one scalar to the next saves the registers for addresses.
  plan.compact = plan.spread && oneVector;
  return plan;
}

/// All of what a tile of keys and a tile of queries use stays in the
/// first-level cache, if it can, where scores are those of one vector of
/// queries at a time. That switches between the two kinds of registers so often
/// that those of tiles stay awake. Else longer tiles of keys load and store
/// accumulators less often.
void PlanChooser::chooseTiles(TilePlan &plan) {
  constexpr int64_t factorBytes = 2;
  int64_t columns = llvm::alignTo(features, tileColumns),
          valueRows = llvm::alignTo(valueFeatures, tileRows);
  int64_t sums = elementBytes * valueRows * plan.rows(),
          factors = factorBytes *
                    (columns * plan.rows() + (columns + valueRows) * nearKeys),
          scores = (elementBytes + factorBytes) * lanes * nearKeys;
  bool fits = sums + factors + scores <= int64_t(target.l1Bytes);
  // Twice as long where none is padding, and no mask cuts them.
  bool even = !ShapedType::isDynamic(keys) && keys % (2 * farKeys) == 0;
  int64_t longest = even && op.getMask().empty() ? 2 * farKeys : farKeys;
  plan.keys = fits ? nearKeys : longest;
  plan.piece = fits ? lanes : 0;
}

/// Where the keys and values of a head may not fit into half of the
/// second-level cache, several tiles of queries use what a quarter of it holds
/// before the next comes. What is kept of each tile stays there too, in a
/// sixth. Keys and values that are packed serve several tiles in any case.
void PlanChooser::shareKeys(TilePlan &plan) {
  if (ShapedType::isDynamic(features) || ShapedType::isDynamic(valueFeatures))
    return;
  const int64_t most = plan.tiles ? 8 : 4;
  auto bytesOf = [](Value operand) {
    return getElementTypeOrSelf(operand.getType()).getIntOrFloatBitWidth() / 8;
  };
  int64_t keyBytes =
      features * bytesOf(op.getKey()) + valueFeatures * bytesOf(op.getValue());
  int64_t tileBytes =
      (features + valueFeatures + 2) * plan.rows() * elementBytes;
  int64_t l2Bytes = target.l2Bytes;
  int64_t resident =
      llvm::alignDown(l2Bytes / 4 / std::max<int64_t>(keyBytes, 1), plan.keys);
  int64_t band = std::min(l2Bytes / (plan.tiles ? 3 : 6) / tileBytes, most);
  if (!ShapedType::isDynamic(queries))
    band = std::min<int64_t>(band, llvm::divideCeil(queries, plan.queries));
  if (plan.tiles) {
    if (!ShapedType::isDynamic(keys))
      resident = std::min<int64_t>(resident, llvm::alignTo(keys, plan.keys));
    plan.resident = std::max(resident, plan.keys);
    plan.band = std::max<int64_t>(band, 1);
    return;
  }
  bool fit = !ShapedType::isDynamic(keys) && keys <= 2 * resident;
  if (fit || resident == 0 || band < 2)
    return;
  plan.resident = resident;
  plan.band = band;
}

/// All queries of a group, or of one head where no group may be formed, in one
/// tile.
TilePlan PlanChooser::featuresAlongLanes() {
  TilePlan plan{queries, /*keys=*/128, headsOfTile()};
  plan.lanes = LaneAxis::Features;
  plan.split = splitFor(plan);
  constexpr int64_t bytesAhead = 16 * 1024, mostRows = 128;
  Type element = getElementTypeOrSelf(op.getKey().getType());
  int64_t rowBytes = features * element.getIntOrFloatBitWidth() / 8;
  plan.ahead = std::clamp<int64_t>(bytesAhead / std::max<int64_t>(rowBytes, 1),
                                   4, mostRows);
  return plan;
}

/// Parts are merged through their LSE. One tile of queries is few, so that
/// parts of the keys keep threads busy.
int64_t PlanChooser::splitFor(const TilePlan &plan) {
  constexpr int64_t part = 1024;
  bool needed = ShapedType::isDynamic(keys) || keys > part;
  return needed && queries > 0 && op.getNormalizer() == Normalizer::Softmax &&
                 !needsWeights(op) && queries <= plan.queries
             ? llvm::alignTo(part, plan.keys)
             : 0;
}

/// Vector operations of both contractions per key, for the heads of one tile
/// with features along lanes.
double PlanChooser::operations(const TilePlan &plan) {
  bool additive = op.getCompatibility() == Compatibility::Additive;
  if (plan.lanes == LaneAxis::Features) {
    // A third more for the sums across lanes; a tanh of its own for each term.
    double perTerm = additive ? 16 : 1;
    double vectors = llvm::divideCeil(features, lanes) * perTerm +
                     llvm::divideCeil(valueFeatures, lanes);
    return plan.rows() * vectors * 4 / 3.0;
  }
  int64_t tiles =
      llvm::divideCeil(queries, plan.queries) * headsOfTile() / plan.group;
  // As long as so many vector operations take, measured with tile registers as
  // slow as they often are: values in pairs, exponentials, loads and stores of
  // tiles.
  constexpr double besideProducts = 1.0 / 3;
  if (plan.unpacked)
    return tiles * (features + valueFeatures) *
           (besideProducts +
            double(llvm::divideCeil(plan.rows(), tileRows)) / tileRows);
  // Exponentials of keys serve all queries.
  double total = features * (additive ? 6 : 1) + valueFeatures;
  return tiles * total * llvm::divideCeil(plan.rows(), lanes);
}

/// The cheaper plan for a known number of queries.
PlanVariant PlanChooser::choose() {
  TilePlan plan = queriesAlongLanes();
  bool known =
      !ShapedType::isDynamic(features) && !ShapedType::isDynamic(valueFeatures);
  if (!known)
    return {plan, queries, "queries along lanes: head sizes are not known"};
  if (needsWeights(op) || queries < 1)
    return {plan, queries,
            needsWeights(op) ? "queries along lanes: weights are asked for"
                             : "queries along lanes: there are none"};
  TilePlan other = featuresAlongLanes();
  double cost = operations(plan), otherCost = operations(other);
  bool few = other.rows() <= lanes && otherCost < cost;
  std::string reason = llvm::formatv(
      "{0} along lanes: {1:F0} vector operations per key for {2} rows, against "
      "{3:F0} with {4} along lanes",
      few ? "features" : "queries", few ? otherCost : cost,
      queries * headsOfTile(), few ? cost : otherCost,
      few ? "queries" : "features");
  if (group != headsOfTile())
    reason += "; one head per tile: heads share no keys, or how many do is not "
              "known";
  return {few ? other : plan, queries, reason};
}

/// Whether nothing but the products and a softmax is asked for: plans for short
/// sequences are as little code then as their saving is worth.
bool PlanChooser::isPlain() {
  bool whole = features > 0 && features % lanes == 0 && fillsVectors();
  return whole && !widensKeys() && !needsWeights(op) && op.getMask().empty() &&
         op.getScore().empty() && !op.getSink() && !op.getLse() &&
         op.getCompatibility() == Compatibility::Dot &&
         op.getNormalizer() == Normalizer::Softmax && lanes >= 8;
}

/// Half a vector of queries against one tile of keys.
PlanVariant PlanChooser::fewOfBoth() {
  TilePlan plan{lanes / 2, /*keys=*/128};
  plan.lanes = LaneAxis::Features;
  plan.once = true;
  return {plan, plan.queries,
          "features along lanes: queries fill half a vector", plan.keys};
}

/// Whole tiles of queries, which one head fills, against one tile of keys, a
/// third longer than others.
PlanVariant PlanChooser::filledTiles() {
  queries = maxRows;
  TilePlan plan = queriesAlongLanes();
  queries = ShapedType::kDynamic;
  plan.keys = plan.ahead = plan.keys * 4 / 3;
  plan.once = plan.filled = true;
  return {plan, queries, "queries along lanes: they fill tiles", plan.keys};
}

/// Adds what the choice of tile registers rests on.
PlanVariant PlanChooser::withTiles(PlanVariant variant) {
  if (!hasTiles() || variant.plan.lanes != LaneAxis::Queries)
    return variant;
  variant.reason += variant.plan.tiles
                        ? "; products on tile registers"
                        : "; not on tile registers: " + tileObstacle().str();
  return variant;
}

SmallVector<PlanVariant> PlanChooser::variants() {
  if (!ShapedType::isDynamic(queries))
    return {withTiles(choose())};
  SmallVector<PlanVariant> result;
  int64_t heads = headsOfTile();
  if (llvm::isPowerOf2_64(heads) && heads <= lanes) {
    queries = 1;
    PlanVariant one = choose();
    if (one.plan.lanes == LaneAxis::Features || one.plan.unpacked)
      result.push_back(withTiles(one));
    queries = ShapedType::kDynamic;
  }
  if (isPlain()) {
    if (heads == 1)
      result.push_back(fewOfBoth());
    result.push_back(filledTiles());
  }
  result.push_back(
      withTiles({queriesAlongLanes(), queries, "queries along lanes: many"}));
  return result;
}

SmallVector<PlanVariant> attn::getPlanVariants(const TargetSpec &target,
                                               AttendOp op) {
  return PlanChooser(target, op).variants();
}

static OpFoldResult alignFeatures(OpFoldResult features, int64_t multiple) {
  int64_t count = *getConstantIntValue(features);
  MLIRContext *context = cast<Attribute>(features).getContext();
  return Builder(context).getIndexAttr(llvm::alignTo(count, multiple));
}

OpFoldResult TilePlan::packedFeatures(OpFoldResult features) const {
  return tiles ? alignFeatures(features, tileColumns) : features;
}

OpFoldResult TilePlan::packedValueFeatures(OpFoldResult features) const {
  return tiles ? alignFeatures(features, tileRows) : features;
}
