//===- PlanChooser.cpp - Which plans an attend op has -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanChooser.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

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

PlanChooser::PlanChooser(const TargetSpec &target, AttendOp op)
    : target(target), op(op) {
  Type accumulator =
      getAccumulatorType(getElementTypeOrSelf(op.getQuery().getType()));
  elementBytes = accumulator.getIntOrFloatBitWidth() / 8;
  lanes = target.lanes(8 * elementBytes);
  maxRows = lanes * (target.vectorRegisters >= 32 ? 4 : 6);
  batch = staticSize(op, AttendOp::B);
  keyHeads = staticSize(op, AttendOp::Hkv);
  queries = staticSize(op, AttendOp::I);
  keys = staticSize(op, AttendOp::J);
  group = staticSize(op, AttendOp::G);
  features = staticSize(op, AttendOp::D);
  valueFeatures = staticSize(op, AttendOp::E);
}

//===----------------------------------------------------------------------===//
// What the op asks for
//===----------------------------------------------------------------------===//

/// Whether the op weighs values of bf16 by the softmax of products of bf16.
bool PlanChooser::multipliesBF16() {
  return op.getCompatibility() == Compatibility::Dot &&
         op.getNormalizer() == Normalizer::Softmax &&
         llvm::all_of(ValueRange{op.getQuery(), op.getKey(), op.getValue()},
                      [](Value operand) {
                        return getElementTypeOrSelf(operand.getType()).isBF16();
                      });
}

/// Whether the features of keys and values lie side by side.
bool PlanChooser::hasInnermostFeatures() {
  auto isInnermost = [&](AffineMap map, unsigned dim) {
    return cast<AffineDimExpr>(map.getResults().back()).getPosition() == dim;
  };
  return isInnermost(op.getKeyMap(), AttendOp::D) &&
         isInnermost(op.getValueMap(), AttendOp::E);
}

/// Whether the target multiplies pairs of the op's elements in one instruction.
bool PlanChooser::usesPairs() {
  return target.hasBF16Dot && hasInnermostFeatures() && multipliesBF16() &&
         features > 0 && features % 2 == 0;
}

/// Whether results need the weights of each head.
bool PlanChooser::needsWeights() { return op.getWeights() || op.getTopKeys(); }

/// The heads of a group share tiles where they share keys and values, unless
/// weights are asked for.
bool PlanChooser::mayGroup() {
  if (ShapedType::isDynamic(group) || needsWeights())
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

/// Why few queries, which share too little to pack keys for, do not multiply
/// those as they lie on tile registers; empty where they do.
StringRef PlanChooser::unpackedObstacle() {
  if (!ShapedType::isDynamic(keys) && keys < tileRows)
    return "too few keys for a tile";
  if (!hasInnermostFeatures())
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
  if (needsWeights())
    return "a second pass, for weights, reads keys as they lie";
  if (!hasManyQueries())
    return unpackedObstacle();
  if (features <= 0 || features % 2 != 0)
    return "the head size of keys is not even";
  if (valueFeatures <= 0)
    return "the head size of values is not known";
  return "";
}

//===----------------------------------------------------------------------===//
// Choices
//===----------------------------------------------------------------------===//

/// Vector operations of both contractions per key, for the heads of one tile
/// with features along lanes.
double PlanChooser::operations(const TilePlan &plan) {
  bool additive = op.getCompatibility() == Compatibility::Additive;
  if (plan.lanes == LaneAxis::Features) {
    // A third more for the sums across lanes, which are no more of larger
    // heads; a tanh of its own for each term. Pairs do not make these sums
    // less.
    double perTerm = additive ? 16 : 1;
    constexpr double sumOfPairs = 2;
    double vectors = llvm::divideCeil(features, lanes) * perTerm +
                     llvm::divideCeil(valueFeatures, lanes);
    constexpr double mostOfSum = 8 / 3.0;
    double sum = vectors / 3;
    if (readsShortHeads() && staysNear() && !additive)
      sum = std::min(sum, mostOfSum);
    return plan.rows() *
           (plan.pairs ? vectors / 2 + sumOfPairs : vectors + sum);
  }
  int64_t tiles =
      llvm::divideCeil(queries, plan.queries) * headsOfTile() / plan.group;
  int64_t vectors = llvm::divideCeil(plan.rows(), lanes);
  // As long as so many vector operations take, measured with tile registers as
  // slow as they often are: values in pairs, exponentials, loads and stores of
  // tiles.
  constexpr double besideProducts = 1.0 / 3;
  if (plan.unpacked)
    return tiles * (features + valueFeatures) *
           (besideProducts +
            double(llvm::divideCeil(plan.rows(), tileRows)) / tileRows);
  // Measured: pairs of values, and scalars that are found one by one.
  constexpr double besidePairs = 2.0 / 3;
  if (plan.pairs)
    return tiles * (features + valueFeatures) / 2.0 * (vectors + besidePairs);
  // Exponentials of keys serve all queries.
  double total = features * (additive ? 6 : 1) + valueFeatures;
  // A vector of queries is packed by a load, a shuffle for each halving of its
  // lanes, and a store.
  int64_t packing = features * (2 + llvm::Log2_64(lanes));
  bool known = !ShapedType::isDynamic(keys) && keys > 0;
  return tiles * vectors * (total + (known ? packing / keys : 0));
}

/// How heads come from memory, where their plan rests on that.
std::string PlanChooser::describeOrder(const TilePlan &plan) {
  auto all = [&] {
    return llvm::formatv("all take {0:F1} MB", totalBytes() / 1e6).str();
  };
  if (plan.interleave > 1)
    return llvm::formatv("; {0} heads side by side: {1}", plan.interleave,
                         all());
  if (plan.spread && plan.split == 0)
    return "; steps fetch the next head: " + all();
  return "";
}

/// The cheaper plan for a known number of queries.
PlanVariant PlanChooser::choose() {
  TilePlan plan = queriesAlongLanes();
  bool known =
      !ShapedType::isDynamic(features) && !ShapedType::isDynamic(valueFeatures);
  if (!known)
    return {plan, queries, "queries along lanes: head sizes are not known"};
  if (needsWeights() || queries < 1)
    return {plan, queries,
            needsWeights() ? "queries along lanes: weights are asked for"
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
  reason += describeOrder(few ? other : plan);
  if (group != headsOfTile())
    reason += "; one head per tile: heads share no keys, or how many do is not "
              "known";
  return {few ? other : plan, queries, reason};
}

/// Whether nothing but the products and a softmax is asked for: plans for short
/// sequences are as little code then as their saving is worth.
bool PlanChooser::isPlain() {
  bool whole = features > 0 && features % lanes == 0 && fillsVectors();
  return whole && !widensKeys() && !needsWeights() && op.getMask().empty() &&
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
  result.push_back(withTiles({queriesAlongLanes(), queries,
                              "queries along lanes: any number of them"}));
  return result;
}

SmallVector<PlanVariant> attn::getPlanVariants(const TargetSpec &target,
                                               AttendOp op) {
  return PlanChooser(target, op).variants();
}
