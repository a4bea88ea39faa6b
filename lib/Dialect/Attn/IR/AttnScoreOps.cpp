//===- AttnScoreOps.cpp - Verifiers and meaning of score modifiers ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;

namespace {
/// `value` as a float of `type`.
Value convertFloat(OpBuilder &builder, Location loc, Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth();
  unsigned to = type.getIntOrFloatBitWidth();
  if (from < to)
    return arith::ExtFOp::create(builder, loc, type, value);
  if (from > to)
    return arith::TruncFOp::create(builder, loc, type, value);
  return value;
}

Value toFloat(OpBuilder &builder, Location loc, Value index, Type type) {
  Value integer =
      arith::IndexCastOp::create(builder, loc, builder.getI64Type(), index);
  return arith::SIToFPOp::create(builder, loc, type, integer);
}
} // namespace

//===----------------------------------------------------------------------===//
// Softcap
//===----------------------------------------------------------------------===//

LogicalResult ScoreSoftcapOp::verify() {
  FloatAttr cap;
  if (matchPattern(getCap(), m_Constant(&cap)) &&
      !(cap.getValueAsDouble() > 0 && cap.getValue().isFinite()))
    return emitOpError("cap ")
           << cap.getValueAsDouble() << " is not finite and greater than 0";
  return success();
}

SmallVector<Value> ScoreSoftcapOp::getCaptures() { return {getCap()}; }

Value ScoreSoftcapOp::emitScore(OpBuilder &builder, Location loc, Value score,
                                const PairIndices &, ValueRange captures) {
  Value cap = convertFloat(builder, loc, captures[0], score.getType());
  Value ratio = arith::DivFOp::create(builder, loc, score, cap);
  Value squashed = math::TanhOp::create(builder, loc, ratio);
  return arith::MulFOp::create(builder, loc, cap, squashed);
}

//===----------------------------------------------------------------------===//
// Alibi
//===----------------------------------------------------------------------===//

SmallVector<Value> ScoreAlibiOp::getCaptures() { return {getSlopes()}; }

Value ScoreAlibiOp::emitScore(OpBuilder &builder, Location loc, Value score,
                              const PairIndices &indices, ValueRange captures) {
  Type type = score.getType();
  Value slope = convertFloat(
      builder, loc,
      LoadOp::create(builder, loc, captures[0], indices.h, Value()), type);
  Value difference = arith::SubIOp::create(builder, loc, indices.i, indices.j);
  Value distance = math::AbsFOp::create(
      builder, loc, toFloat(builder, loc, difference, type));
  Value penalty = arith::MulFOp::create(builder, loc, slope, distance);
  return arith::SubFOp::create(builder, loc, score, penalty);
}

//===----------------------------------------------------------------------===//
// Relative bias
//===----------------------------------------------------------------------===//

static Value addBias(OpBuilder &builder, Location loc, Value score,
                     Value bias) {
  return arith::AddFOp::create(
      builder, loc, score, convertFloat(builder, loc, bias, score.getType()));
}

LogicalResult ScoreRelativeBiasOp::verify() {
  int64_t length = getTable().getType().getShape().back();
  if (!ShapedType::isDynamic(length) && length % 2 == 0)
    return emitOpError("table has ")
           << length << " entries per head; it takes an odd number, 2R + 1";
  return success();
}

SmallVector<Value> ScoreRelativeBiasOp::getCaptures() { return {getTable()}; }

Value ScoreRelativeBiasOp::emitScore(OpBuilder &builder, Location loc,
                                     Value score, const PairIndices &indices,
                                     ValueRange captures) {
  Value table = captures[0];
  auto type = cast<ShapedType>(table.getType());
  int64_t last = type.getRank() - 1;
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value length = emitDim(builder, loc, table, last);
  Value reach = arith::DivSIOp::create(builder, loc, length, constant(2));
  Value top = arith::SubIOp::create(builder, loc, length, constant(1));
  Value distance = arith::SubIOp::create(builder, loc, indices.j, indices.i);
  Value entry = arith::AddIOp::create(builder, loc, distance, reach);
  entry = arith::MaxSIOp::create(builder, loc, entry, constant(0));
  entry = arith::MinSIOp::create(builder, loc, entry, top);
  SmallVector<Value> position;
  if (type.getRank() == 2)
    position.push_back(indices.h);
  position.push_back(entry);
  Value bias = LoadOp::create(builder, loc, table, position, Value());
  return addBias(builder, loc, score, bias);
}

//===----------------------------------------------------------------------===//
// Bucketed bias
//===----------------------------------------------------------------------===//

LogicalResult ScoreBucketedBiasOp::verify() {
  int64_t buckets = getTable().getType().getShape().back();
  int64_t smallest = getCausal() ? 2 : 4;
  if (ShapedType::isDynamic(buckets) || buckets < smallest ||
      buckets % smallest != 0)
    return emitOpError("table is ")
           << getTable().getType()
           << "; its last size must be static, a multiple "
           << "of " << smallest;
  int64_t single = buckets / smallest;
  if (static_cast<int64_t>(getMaxDistance()) <= single)
    return emitOpError("max_distance is ")
           << getMaxDistance() << "; it must be more than the " << single
           << " distances with a bucket of their own";
  return success();
}

SmallVector<Value> ScoreBucketedBiasOp::getCaptures() { return {getTable()}; }

/// The least distance of each bucket that holds several, but the first.
static SmallVector<int64_t> bucketStarts(int64_t single, int64_t shared,
                                         int64_t maxDistance) {
  SmallVector<int64_t> starts;
  for (int64_t bucket = 1; bucket < shared; ++bucket) {
    double start = single * std::pow(double(maxDistance) / single,
                                     double(bucket) / shared);
    // A whole number may come out a little above itself.
    starts.push_back(std::ceil(start * (1 - 1e-12)));
  }
  return starts;
}

Value ScoreBucketedBiasOp::emitScore(OpBuilder &builder, Location loc,
                                     Value score, const PairIndices &indices,
                                     ValueRange captures) {
  int64_t side = getTable().getType().getShape().back() / (getCausal() ? 1 : 2);
  int64_t single = side / 2;
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value zero = constant(0), one = constant(1);
  Value before = arith::SubIOp::create(builder, loc, indices.i, indices.j);
  Value after = arith::SubIOp::create(builder, loc, indices.j, indices.i);
  Value distance =
      arith::MaxSIOp::create(builder, loc, before, getCausal() ? zero : after);
  Value bucket =
      arith::MinSIOp::create(builder, loc, distance, constant(single));
  for (int64_t start : bucketStarts(single, side - single, getMaxDistance())) {
    Value reached = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sge, distance, constant(start));
    bucket = arith::AddIOp::create(
        builder, loc, bucket,
        arith::SelectOp::create(builder, loc, reached, one, zero));
  }
  if (!getCausal()) {
    Value isAfter = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sgt, after, zero);
    bucket = arith::AddIOp::create(
        builder, loc, bucket,
        arith::SelectOp::create(builder, loc, isAfter, constant(side), zero));
  }
  SmallVector<Value> position;
  if (getTable().getType().getRank() == 2)
    position.push_back(indices.h);
  position.push_back(bucket);
  Value bias = LoadOp::create(builder, loc, captures[0], position, Value());
  return addBias(builder, loc, score, bias);
}

//===----------------------------------------------------------------------===//
// Image bias
//===----------------------------------------------------------------------===//

LogicalResult ScoreImageBiasOp::verify() {
  for (int64_t size : getTable().getType().getShape().take_back(2))
    if (ShapedType::isDynamic(size) || size % 2 == 0)
      return emitOpError("table is ")
             << getTable().getType()
             << "; its last two sizes must be static and odd";
  return success();
}

SmallVector<Value> ScoreImageBiasOp::getCaptures() { return {getTable()}; }

Value ScoreImageBiasOp::emitScore(OpBuilder &builder, Location loc, Value score,
                                  const PairIndices &indices,
                                  ValueRange captures) {
  ArrayRef<int64_t> shape = getTable().getType().getShape();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value width = constant(getWidth());
  SmallVector<Value> position;
  if (shape.size() == 3)
    position.push_back(indices.h);
  auto add = [&](Value ofKey, Value ofQuery, int64_t size) {
    Value entry = arith::SubIOp::create(builder, loc, ofKey, ofQuery);
    entry = arith::AddIOp::create(builder, loc, entry, constant(size / 2));
    entry = arith::MaxSIOp::create(builder, loc, entry, constant(0));
    position.push_back(
        arith::MinSIOp::create(builder, loc, entry, constant(size - 1)));
  };
  // Positions are not negative.
  add(arith::DivUIOp::create(builder, loc, indices.j, width),
      arith::DivUIOp::create(builder, loc, indices.i, width),
      shape.drop_back().back());
  add(arith::RemUIOp::create(builder, loc, indices.j, width),
      arith::RemUIOp::create(builder, loc, indices.i, width), shape.back());
  Value bias = LoadOp::create(builder, loc, captures[0], position, Value());
  return addBias(builder, loc, score, bias);
}

//===----------------------------------------------------------------------===//
// Sigmoid and ReLU
//===----------------------------------------------------------------------===//

SmallVector<Value> ScoreSigmoidOp::getCaptures() { return {}; }

Value ScoreSigmoidOp::emitScore(OpBuilder &builder, Location loc, Value score,
                                const PairIndices &, ValueRange) {
  Value one = arith::ConstantOp::create(
      builder, loc, builder.getFloatAttr(score.getType(), 1.0));
  Value negated = arith::NegFOp::create(builder, loc, score);
  Value power = math::ExpOp::create(builder, loc, negated);
  Value sum = arith::AddFOp::create(builder, loc, one, power);
  return arith::DivFOp::create(builder, loc, one, sum);
}

SmallVector<Value> ScoreReluOp::getCaptures() { return {}; }

Value ScoreReluOp::emitScore(OpBuilder &builder, Location loc, Value score,
                             const PairIndices &, ValueRange) {
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getFloatAttr(score.getType(), 0.0));
  return arith::MaximumFOp::create(builder, loc, score, zero);
}

//===----------------------------------------------------------------------===//
// Dense bias
//===----------------------------------------------------------------------===//

SmallVector<Value> ScoreBiasOp::getCaptures() { return {getBias()}; }

Value ScoreBiasOp::emitScore(OpBuilder &builder, Location loc, Value score,
                             const PairIndices &indices, ValueRange captures) {
  Value bias = emitBroadcastLoad(builder, loc, captures[0], indices);
  return addBias(builder, loc, score, bias);
}

//===----------------------------------------------------------------------===//
// Map
//===----------------------------------------------------------------------===//

LogicalResult ScoreMapOp::verifyRegions() {
  Type score;
  if (getBody()->getNumArguments() > 0)
    score = getBody()->getArgument(0).getType();
  if (!score || !isa<Float32Type, Float64Type>(score)) {
    InFlightDiagnostic error = emitOpError("region begins with ");
    if (score)
      return error << score << "; it takes the score, f32 (f64 for f64 inputs)";
    return error << "no argument; it takes the score, b, h, i, j and captures";
  }
  return verifyPairRegion(*this, getMap(), score, score,
                          getCaptured().getTypes());
}

SmallVector<Value> ScoreMapOp::getCaptures() { return getCaptured(); }

Value ScoreMapOp::emitScore(OpBuilder &builder, Location loc, Value score,
                            const PairIndices &indices, ValueRange captures) {
  SmallVector<Value> arguments{score, indices.b, indices.h, indices.i,
                               indices.j};
  arguments.append(captures.begin(), captures.end());
  return clonePairRegion(builder, *getBody(), arguments, /*guard=*/{});
}
