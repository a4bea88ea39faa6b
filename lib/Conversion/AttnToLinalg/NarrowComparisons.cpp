//===- NarrowComparisons.cpp - Comparisons of indices in 32 bits --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NarrowComparisons.h"

#include "attn/Dialect/Attn/Analysis/CaptureFacts.h"
#include "attn/Dialect/Attn/IR/AttnFacts.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// Multiples of the lane and what they are compared with fit into 32 bits.
static constexpr int64_t narrowLimit = int64_t(1) << 30;
static constexpr int64_t lowest = std::numeric_limits<int64_t>::min(),
                         highest = std::numeric_limits<int64_t>::max();

namespace {
/// Inclusive bounds of a value, as signed.
struct Bounds {
  int64_t min = lowest, max = highest;
};

/// rest + multiple * lane, in exact arithmetic; `rest` is one for all lanes.
struct Split {
  Value rest;
  int64_t multiple;
};

class Narrowing {
public:
  Narrowing(OpBuilder &builder, const TilePositions &positions)
      : b(builder), positions(positions) {
    varying.insert(positions.lane);
    varying.insert(positions.at.i);
  }

  void run(Block &block);

private:
  /// lhs + sign * rhs, which must not wrap.
  std::optional<Bounds> add(Bounds lhs, Bounds rhs, int sign);
  Bounds boundsOf(Value value);
  Bounds computeBounds(Value value);
  std::optional<Split> split(Value value);
  std::optional<Split> computeSplit(Value value);
  std::optional<Split> splitSum(Operation *op);
  Value distance(Value from, Value to);
  void narrow(arith::CmpIOp compare);

  Value constant(Type type, int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
  }
  Value clamp(Value value, Value least, Value most) {
    return arith::MinSIOp::create(
        b, loc, arith::MaxSIOp::create(b, loc, value, least), most);
  }

  OpBuilder &b;
  const TilePositions &positions;
  Location loc = b.getUnknownLoc();
  DenseSet<Value> varying;
  DenseMap<Value, Bounds> knownBounds;
  DenseMap<Value, std::optional<Split>> knownSplits;
};
} // namespace

static bool isSigned(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  return predicate != P::ult && predicate != P::ule && predicate != P::ugt &&
         predicate != P::uge;
}

static std::optional<int64_t> constantOf(Value value) {
  APInt constant;
  if (!matchPattern(value, m_ConstantInt(&constant)))
    return std::nullopt;
  return constant.trySExtValue();
}

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

std::optional<Bounds> Narrowing::add(Bounds lhs, Bounds rhs, int sign) {
  if (sign < 0 && rhs.min == lowest)
    return std::nullopt;
  if (sign < 0)
    rhs = {-rhs.max, -rhs.min};
  Bounds sum;
  if (llvm::AddOverflow(lhs.min, rhs.min, sum.min) ||
      llvm::AddOverflow(lhs.max, rhs.max, sum.max))
    return std::nullopt;
  return sum;
}

Bounds Narrowing::boundsOf(Value value) {
  auto known = knownBounds.find(value);
  if (known != knownBounds.end())
    return known->second;
  Bounds bounds = computeBounds(value);
  knownBounds[value] = bounds;
  return bounds;
}

Bounds Narrowing::computeBounds(Value value) {
  const PairIndices &at = positions.at;
  if (llvm::is_contained({at.b, at.h, at.i, at.j, positions.query}, value))
    return {0, positionLimit - 1};
  if (std::optional<int64_t> known = constantOf(value))
    return {*known, *known};
  Operation *op = value.getDefiningOp();
  if (auto load = dyn_cast_or_null<LoadOp>(op)) {
    CaptureFacts facts = CaptureFacts::of(load.getSource());
    // What is not read is 0.
    Bounds bounds;
    if (facts.atLeast)
      bounds.min = std::min<int64_t>(*facts.atLeast, 0);
    if (facts.atMost)
      bounds.max = std::max<int64_t>(*facts.atMost, 0);
    return bounds;
  }
  if (isa_and_nonnull<AssumeOp>(op)) {
    CaptureFacts facts = CaptureFacts::of(value);
    return {facts.atLeast.value_or(lowest), facts.atMost.value_or(highest)};
  }
  if (isa_and_nonnull<arith::IndexCastOp, arith::ExtSIOp>(op)) {
    Value from = op->getOperand(0);
    Type type = from.getType();
    if (type.isIndex() || type.isInteger(64))
      return boundsOf(from);
    int64_t half = int64_t(1) << (type.getIntOrFloatBitWidth() - 1);
    return {-half, half - 1};
  }
  if (isa_and_nonnull<arith::AddIOp, arith::SubIOp>(op))
    return add(boundsOf(op->getOperand(0)), boundsOf(op->getOperand(1)),
               isa<arith::AddIOp>(op) ? 1 : -1)
        .value_or(Bounds());
  return {};
}

//===----------------------------------------------------------------------===//
// Splits
//===----------------------------------------------------------------------===//

std::optional<Split> Narrowing::splitSum(Operation *op) {
  Value lhs = op->getOperand(0), rhs = op->getOperand(1);
  int sign = isa<arith::AddIOp>(op) ? 1 : -1;
  std::optional<Split> left = split(lhs), right = split(rhs);
  if (!left || !right || !add(boundsOf(lhs), boundsOf(rhs), sign))
    return std::nullopt;
  Operation *rest = b.create(loc, op->getName().getIdentifier(),
                             {left->rest, right->rest}, op->getResultTypes());
  return Split{rest->getResult(0), left->multiple + sign * right->multiple};
}

std::optional<Split> Narrowing::split(Value value) {
  auto known = knownSplits.find(value);
  if (known != knownSplits.end())
    return known->second;
  std::optional<Split> result = computeSplit(value);
  knownSplits[value] = result;
  return result;
}

std::optional<Split> Narrowing::computeSplit(Value value) {
  if (value == positions.at.i)
    return Split{positions.query, 1};
  if (!varying.contains(value))
    return Split{value, 0};
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<arith::AddIOp, arith::SubIOp>(op))
    return splitSum(op);
  // Between index and i64 alone: both are 64 bits wide.
  if (isa_and_nonnull<arith::IndexCastOp>(op) &&
      (value.getType().isIndex() || value.getType().isInteger(64)))
    if (std::optional<Split> from = split(op->getOperand(0)))
      return Split{
          arith::IndexCastOp::create(b, loc, value.getType(), from->rest),
          from->multiple};
  return std::nullopt;
}

/// to - from, limited: where it is beyond the limits it compares with every
/// multiple as the limit does.
Value Narrowing::distance(Value from, Value to) {
  Type type = from.getType();
  Value least = constant(type, -narrowLimit),
        most = constant(type, narrowLimit);
  if (add(boundsOf(to), boundsOf(from), -1))
    return clamp(arith::SubIOp::create(b, loc, to, from), least, most);
  Value above = arith::AddIOp::create(
      b, loc,
      arith::MinSIOp::create(b, loc, from,
                             constant(type, highest - narrowLimit)),
      most);
  Value below = arith::AddIOp::create(
      b, loc,
      arith::MaxSIOp::create(b, loc, from,
                             constant(type, lowest + narrowLimit)),
      least);
  return arith::SubIOp::create(b, loc, clamp(to, below, above), from);
}

void Narrowing::narrow(arith::CmpIOp compare) {
  b.setInsertionPoint(compare);
  loc = compare.getLoc();
  std::optional<Split> lhs = split(compare.getLhs()),
                       rhs = split(compare.getRhs());
  if (!lhs || !rhs || lhs->multiple == rhs->multiple)
    return;
  int64_t multiple = lhs->multiple - rhs->multiple;
  if (std::abs(multiple) >= narrowLimit / positions.lanes)
    return;
  Type narrow = b.getI32Type();
  auto toNarrow = [&](Value value) -> Value {
    if (value.getType().isIndex())
      return arith::IndexCastOp::create(b, loc, narrow, value);
    return arith::TruncIOp::create(b, loc, narrow, value);
  };
  Value lanes = arith::MulIOp::create(b, loc, toNarrow(positions.lane),
                                      constant(narrow, multiple));
  compare.getLhsMutable().assign(lanes);
  compare.getRhsMutable().assign(toNarrow(distance(lhs->rest, rhs->rest)));
}

void Narrowing::run(Block &block) {
  SmallVector<arith::CmpIOp> comparisons;
  for (Operation &op : block) {
    if (llvm::none_of(op.getOperands(),
                      [&](Value operand) { return varying.contains(operand); }))
      continue;
    varying.insert(op.result_begin(), op.result_end());
    auto compare = dyn_cast<arith::CmpIOp>(op);
    if (compare && isSigned(compare.getPredicate()) &&
        (compare.getLhs().getType().isIndex() ||
         compare.getLhs().getType().isInteger(64)))
      comparisons.push_back(compare);
  }
  for (arith::CmpIOp compare : comparisons)
    narrow(compare);
}

void attn::narrowComparisons(OpBuilder &builder, Block &block,
                             const TilePositions &positions) {
  OpBuilder::InsertionGuard restore(builder);
  Narrowing(builder, positions).run(block);
}
