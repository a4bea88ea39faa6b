//===- AttnScoreOps.cpp - Verifiers and meaning of score modifiers -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

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
                              const PairIndices &indices,
                              ValueRange captures) {
  Type type = score.getType();
  Value slope = convertFloat(
      builder, loc,
      LoadOp::create(builder, loc, captures[0], indices.h, Value()), type);
  Value difference =
      arith::SubIOp::create(builder, loc, indices.i, indices.j);
  Value distance =
      math::AbsFOp::create(builder, loc, toFloat(builder, loc, difference, type));
  Value penalty = arith::MulFOp::create(builder, loc, slope, distance);
  return arith::SubFOp::create(builder, loc, score, penalty);
}

//===----------------------------------------------------------------------===//
// Relative bias
//===----------------------------------------------------------------------===//

LogicalResult ScoreRelativeBiasOp::verify() {
  int64_t length = getTable().getType().getShape().back();
  if (!ShapedType::isDynamic(length) && length % 2 == 0)
    return emitOpError("table has ")
           << length << " entries per head; it takes an odd number, 2R + 1";
  return success();
}

SmallVector<Value> ScoreRelativeBiasOp::getCaptures() {
  return {getTable()};
}

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
  Value reach =
      arith::DivSIOp::create(builder, loc, length, constant(2));
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
  return arith::AddFOp::create(
      builder, loc, score, convertFloat(builder, loc, bias, score.getType()));
}

//===----------------------------------------------------------------------===//
// Dense bias
//===----------------------------------------------------------------------===//

SmallVector<Value> ScoreBiasOp::getCaptures() { return {getBias()}; }

Value ScoreBiasOp::emitScore(OpBuilder &builder, Location loc, Value score,
                             const PairIndices &indices, ValueRange captures) {
  Value bias =
      emitBroadcastLoad(builder, loc, captures[0], indices, Value());
  return arith::AddFOp::create(
      builder, loc, score, convertFloat(builder, loc, bias, score.getType()));
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
