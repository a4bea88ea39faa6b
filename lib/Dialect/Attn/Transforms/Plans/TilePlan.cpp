//===- TilePlan.cpp - Sizes and order of tiles -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanChooser.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// Keys of a tile whose scores and weights tile registers compute, where it and
/// what is kept of the queries fit into the first-level cache, and where not.
static constexpr int64_t nearKeys = 64, farKeys = 128;
/// Keys of a tile that are multiplied as they lie: with values in pairs,
/// weights and accumulators they fit into the first-level cache. More rows,
/// whose accumulators do not, take twice as many.
static constexpr int64_t unpackedKeys = 32;

/// Keys of a tile, at most: a multiple of all heights of register blocks.
static constexpr int64_t mostKeys = 96;

/// What so many elements of `operand` take.
static int64_t getBytes(Value operand, int64_t elements) {
  return elements * getElementTypeOrSelf(operand).getIntOrFloatBitWidth() / 8;
}

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

/// Whether a pair region reads the head, which is that of its arguments.
static bool usesHead(Region &region, unsigned argument) {
  return !region.empty() && !region.front().getArgument(argument).use_empty();
}

/// No more than a static number of keys needs.
int64_t PlanChooser::unpackedKeysFor(int64_t rows) {
  int64_t most = (rows > tileRows ? 2 : 1) * unpackedKeys;
  return ShapedType::isDynamic(keys)
             ? most
             : std::min<int64_t>(most, llvm::alignTo(keys, unpackedKeys));
}

/// Keys of a tile whose scores and weights instructions on pairs compute: these
/// take half the time of others, and loads and stores of sums do not. Scores
/// and weights come from the second level in any case, of which they take up to
/// three eighths, or twice that where nothing is added to sums, as no other
/// tile follows. Several tiles of queries share what a quarter of it holds. A
/// mask runs on whole tiles.
int64_t PlanChooser::pairedKeysFor(int64_t rows) {
  constexpr int64_t least = 240, step = 16, pairBytes = 2;
  if (!op.getMask().empty() || ShapedType::isDynamic(valueFeatures))
    return least;
  int64_t bytes = rows * (elementBytes + pairBytes), l2Bytes = target.l2Bytes;
  if (!ShapedType::isDynamic(keys) && keys * bytes <= 3 * l2Bytes / 4)
    return std::max(keys, least);
  int64_t keyBytes = pairBytes * (features + valueFeatures);
  int64_t fit = std::min(3 * l2Bytes / 8 / bytes, l2Bytes / 4 / keyBytes);
  fit = std::max(fit / step * step, least);
  // As many in each tile.
  return ShapedType::isDynamic(keys)
             ? fit
             : llvm::divideCeil(keys, llvm::divideCeil(keys, fit));
}

/// A tile is a whole number of register blocks, and no larger than a static M
/// needs. Keys are so many that the score tile stays in the first-level cache.
TilePlan PlanChooser::queriesAlongLanes() {
  TilePlan plan{maxRows, /*keys=*/0};
  bool many = hasManyQueries();
  plan.tiles = hasTiles() && tileObstacle().empty();
  plan.unpacked = plan.tiles && !many;
  plan.pairs = plan.tiles || usesPairs();
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
  bool dots = plan.pairs && !plan.tiles;
  if (dots)
    plan.keys = many ? pairedKeysFor(rows) : mostKeys;
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
  bool interleaves = dots && valueFeatures % (2 * lanes) == 0;
  plan.turned =
      plan.unpacked || (fillsVectors() && (!plan.pairs || interleaves));
  if (plan.unpacked)
    plan.keys = unpackedKeysFor(rows);
  else if (plan.tiles)
    chooseTiles(plan);
  if (many)
    shareKeys(plan);
  else
    plan.split = splitFor(plan);
  bool spreads = plan.turned && !plan.pairs && hasInnermostFeatures() &&
                 features > 0 && op.getCompatibility() == Compatibility::Dot &&
                 !(oneVector && widensKeys());
  plan.spread = spreads && plan.split > 0;
  // A constant from one scalar to the next saves the registers for addresses.
  plan.compact = plan.spread && oneVector;
  if (spreads && followsHeads(plan))
    fetchNextHead(plan);
  return plan;
}

/// Whether a head is one tile, the next one lies behind it, and they come from
/// beyond the second-level cache of a target that reads best in order.
bool PlanChooser::followsHeads(const TilePlan &plan) {
  auto isBehindHeads = [](AffineMap map, unsigned dim) {
    unsigned results = map.getNumResults();
    return results >= 2 && map.getDimPosition(results - 2) == dim;
  };
  return target.followsReads && plan.group == headsOfTile() &&
         op.getMask().empty() && totalBytes() > int64_t(target.l2Bytes) &&
         keys <= plan.keys && queries <= plan.queries &&
         isBehindHeads(op.getQueryMap(), AttendOp::I) &&
         isBehindHeads(op.getKeyMap(), AttendOp::J) &&
         isBehindHeads(op.getValueMap(), AttendOp::J);
}

/// The steps of both products fetch all of the next head. Its tile of keys has
/// no rest.
void PlanChooser::fetchNextHead(TilePlan &plan) {
  plan.keys = keys;
  plan.ahead = std::max(keys, queries);
  plan.spread = true;
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
  int64_t keyBytes =
      getBytes(op.getKey(), features) + getBytes(op.getValue(), valueFeatures);
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
  plan.pairs = usesPairs() && features % (2 * lanes) == 0 &&
               valueFeatures % (2 * lanes) == 0;
  plan.split = splitFor(plan);
  plan.interleave = interleaveFor(plan);
  // Short heads lie one after the other. One or two rows read keys and values
  // in order, which what is fetched ahead stands for, unless they are near.
  if (readsShortHeads() && (plan.rows() > 2 || fitsSecondLevel()))
    return plan;
  constexpr int64_t bytesAhead = 16 * 1024, mostRows = 128;
  int64_t rowBytes = getBytes(op.getKey(), features);
  plan.ahead = std::clamp<int64_t>(bytesAhead / std::max<int64_t>(rowBytes, 1),
                                   4, mostRows);
  return plan;
}

/// Whether heads have few keys, one head after the other, and hardware follows.
bool PlanChooser::readsShortHeads() {
  constexpr int64_t fewKeys = 32;
  return target.followsReads && !ShapedType::isDynamic(keys) && keys <= fewKeys;
}

/// What all heads read and write, 0 where that is not known.
int64_t PlanChooser::totalBytes() {
  for (int64_t size :
       {batch, keyHeads, group, keys, queries, features, valueFeatures})
    if (ShapedType::isDynamic(size))
      return 0;
  return getBytes(op.getKey(), batch * keyHeads * (keys + queries * group) *
                                   (features + valueFeatures));
}

/// Whether that is known and most of it stays in the second level.
bool PlanChooser::fitsSecondLevel() {
  int64_t bytes = totalBytes();
  return bytes > 0 && bytes <= int64_t(target.l2Bytes) * 5 / 4;
}

/// Whether that is known and stays in the last level, so that heads gain little
/// from being fetched, which queries along lanes are.
bool PlanChooser::staysNear() {
  int64_t bytes = totalBytes();
  return bytes > 0 && bytes <= int64_t(target.l3Bytes) / 3;
}

/// What heads that are computed side by side may take: further away they would
/// be several streams.
int64_t PlanChooser::nearBytes() {
  return target.followsReads ? int64_t(target.l3Bytes) / 2 : target.l2Bytes;
}

/// Few rows and keys are steps that wait for each other rather than work, most
/// where there are fewest. One row, which reads more than it computes, takes as
/// many heads as have their keys in an eighth of the first level, or two whose
/// keys fill a vector at most. Others that come from the last level, as many as
/// have their keys and values in the first, or one. Two threads have something
/// to do in any case.
int64_t PlanChooser::interleaveFor(const TilePlan &plan) {
  constexpr int64_t fewRows = 4;
  int64_t rows = plan.rows(), mostKeys = rows <= fewRows ? 2 * lanes : lanes,
          bytes = totalBytes();
  if (bytes == 0 || bytes > nearBytes() || keys < 1 || keys > mostKeys ||
      2 * rows > lanes)
    return 1;
  int64_t most = rows <= fewRows ? 4 : 2;
  int64_t keyBytes =
      std::max<int64_t>(getBytes(op.getKey(), keys * features), 1);
  if (rows == 1)
    most = std::clamp<int64_t>(
        llvm::bit_floor(uint64_t(target.l1Bytes / 8 / keyBytes)),
        keys <= lanes ? 2 : 1, most);
  int64_t headBytes = getBytes(op.getKey(), keys * (features + valueFeatures));
  if (rows > 1 && !fitsSecondLevel() &&
      most * headBytes > int64_t(target.l1Bytes))
    return 1;
  while (most > 1 && (keyHeads % most != 0 || keyHeads < 2 * most))
    most /= 2;
  return most;
}

/// Parts are merged through their LSE. One tile of queries is few, so that
/// parts of the keys keep threads busy.
int64_t PlanChooser::splitFor(const TilePlan &plan) {
  constexpr int64_t part = 1024;
  bool needed = ShapedType::isDynamic(keys) || keys > part;
  return needed && queries > 0 && op.getNormalizer() == Normalizer::Softmax &&
                 !needsWeights() && queries <= plan.queries
             ? llvm::alignTo(part, plan.keys)
             : 0;
}
