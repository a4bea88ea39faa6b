//===- KernelSupport.cpp - Pairs that a kernel can reach -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelSupport.h"
#include "../LinalgBuilder.h"

#include "attn/Dialect/Attn/IR/Requirements.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;

bool attn::hasScalarSupport(KernelRegressionOp op) {
  switch (op.getKernel()) {
  case RegressionKernel::Boxcar:
  case RegressionKernel::Epanechnikov:
  case RegressionKernel::Triangular: {
    auto query = cast<ShapedType>(op.getQuery().getType());
    return query.getDimSize(AttentionLayout::get(op).feature) == 1;
  }
  default:
    return false;
  }
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

/// An integer as wide as the float `value`; integers of two numbers are in the
/// order of the numbers.
static Value emitOrder(OpBuilder &b, Location loc, Value value) {
  unsigned width = value.getType().getIntOrFloatBitWidth();
  Type type = b.getIntegerType(width);
  auto constant = [&](int64_t count) {
    return arith::ConstantIntOp::create(b, loc, type, count);
  };
  Value bits = arith::BitcastOp::create(b, loc, type, value);
  // Bits of negative numbers rise as the numbers fall: all but the sign turn.
  Value sign = arith::ShRSIOp::create(b, loc, bits, constant(width - 1));
  Value turned = arith::ShRUIOp::create(b, loc, sign, constant(1));
  return arith::XOrIOp::create(b, loc, bits, turned);
}

namespace {
/// Emits the tables of one op, and the predicate that compares them.
class SupportEmitter {
public:
  SupportEmitter(OpBuilder &builder, KernelRegressionOp op,
                 const CanonicalLayout &layout)
      : b(builder), loc(op.getLoc()), op(op), layout(layout), linalg(b, loc),
        query(layout.query(b, op.getQuery())), key(layout.key(b, op.getKey())),
        type(cast<FloatType>(
            getAccumulatorType(getElementTypeOrSelf(op.getQuery())))),
        integer(b.getIntegerType(type.getWidth())) {}

  Value emit();

private:
  std::optional<unsigned> find(AttendOp::Dim dim) const {
    return query.map.getResultPosition(getAffineDimExpr(dim, b.getContext()));
  }
  /// The least and the greatest integer that a key of each query may have.
  SmallVector<Value> emitReaches();
  /// The integer of each key; twice, since that of NaN is below and above all.
  SmallVector<Value> emitKeys();
  Value emitReach(OpBuilder &builder, Value width);
  /// Whether keys never fall, from the dimensions on that `at` has no index of.
  Value emitAscends(OpBuilder &builder, ArrayRef<Value> at);
  std::pair<Value, LinalgBuilder::Dims> getBandwidth();
  SmallVector<Value> emitIndices(OpBuilder &builder, AffineMap map,
                                 const PairIndices &at, Value group);
  Value orUnbounded(OpBuilder &builder, Value isNaN, Value order, bool above);

  OpBuilder &b;
  Location loc;
  KernelRegressionOp op;
  const CanonicalLayout &layout;
  LinalgBuilder linalg;
  CanonicalLayout::Operand query, key;
  FloatType type;
  Type integer;
};
} // namespace

/// `order`, but beyond every number where `isNaN`.
Value SupportEmitter::orUnbounded(OpBuilder &builder, Value isNaN, Value order,
                                  bool above) {
  unsigned width = type.getWidth();
  APInt end =
      above ? APInt::getSignedMaxValue(width) : APInt::getSignedMinValue(width);
  Value bound = arith::ConstantOp::create(builder, loc,
                                          builder.getIntegerAttr(integer, end));
  return arith::SelectOp::create(builder, loc, isNaN, bound, order);
}

/// How far keys may be: a little beyond the bandwidth, for what rounding, and
/// the underflow of squares, may add to it in the kernel.
Value SupportEmitter::emitReach(OpBuilder &builder, Value width) {
  bool isDouble = type.isF64();
  auto constant = [&](double value) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getFloatAttr(type, value));
  };
  Value factor = constant(1 + std::ldexp(1.0, isDouble ? -45 : -18));
  Value reach = arith::MulFOp::create(builder, loc, width, factor);
  return arith::AddFOp::create(
      builder, loc, reach, constant(std::ldexp(1.0, isDouble ? -500 : -60)));
}

/// The bandwidth as an input of a loop over queries, with its dimensions.
std::pair<Value, LinalgBuilder::Dims> SupportEmitter::getBandwidth() {
  Value bandwidth = op.getBandwidth();
  if (!bandwidth)
    bandwidth = linalg.constant(type, 1.0);
  std::optional<unsigned> head = find(AttendOp::Hkv), group = find(AttendOp::G);
  bool isVector = isa<ShapedType>(bandwidth.getType());
  if (isVector && !head) {
    Value first = arith::ConstantIndexOp::create(b, loc, 0);
    bandwidth = tensor::ExtractOp::create(b, loc, bandwidth, first);
  }
  if (!isVector || !head) {
    auto scalar = RankedTensorType::get({}, bandwidth.getType());
    return {tensor::FromElementsOp::create(b, loc, scalar, bandwidth), {}};
  }
  if (!group)
    return {bandwidth, {*head}};
  return {layout.perHead(b, bandwidth), {*head, *group}};
}

Value SupportEmitter::emitAscends(OpBuilder &builder, ArrayRef<Value> at) {
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  unsigned length =
      *key.map.getResultPosition(getAffineDimExpr(AttendOp::J, b.getContext()));
  if (at.size() == key.map.getNumResults()) {
    SmallVector<Value> next(at);
    next[length] = arith::AddIOp::create(builder, loc, at[length], constant(1));
    auto read = [&](ValueRange position) {
      Value x = tensor::ExtractOp::create(builder, loc, key.value, position);
      return linalg.convertScalar(builder, x, type);
    };
    return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLE,
                                 read(at), read(next));
  }
  Value count = getValueOrCreateConstantIndexOp(
      builder, loc, tensor::getMixedSize(builder, loc, key.value, at.size()));
  if (at.size() == length)
    count = arith::MaxSIOp::create(
        builder, loc, constant(0),
        arith::SubIOp::create(builder, loc, count, constant(1)));
  return emitForAll(builder, loc, count, [&](OpBuilder &inner, Value position) {
    SmallVector<Value> deeper(at);
    deeper.push_back(position);
    return emitAscends(inner, deeper);
  });
}

SmallVector<Value> SupportEmitter::emitReaches() {
  // Keys in no order would leave nearly every tile partial, at twice the cost
  // of a full one: then every query reaches every key.
  Value ascends = emitAscends(b, {});
  Value everywhere =
      linalg.constant(type, std::numeric_limits<double>::infinity());
  SmallVector<OpFoldResult> sizes = linalg.sizesOf(query.value);
  Value init = linalg.empty(sizes, integer);
  auto [bandwidth, dims] = getBandwidth();
  return linalg.parallel(
      {query.value, bandwidth}, {init, init},
      {LinalgBuilder::identity(sizes.size()), dims},
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value x = linalg.convertScalar(b, args[0], type);
        Value reach = arith::SelectOp::create(
            b, loc, ascends,
            emitReach(b, linalg.convertScalar(b, args[1], type)), everywhere);
        Value low = arith::SubFOp::create(b, loc, x, reach);
        Value high = arith::AddFOp::create(b, loc, x, reach);
        Value isNaN =
            arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, low, high);
        return {orUnbounded(b, isNaN, emitOrder(b, loc, low), /*above=*/false),
                orUnbounded(b, isNaN, emitOrder(b, loc, high), /*above=*/true)};
      });
}

SmallVector<Value> SupportEmitter::emitKeys() {
  SmallVector<OpFoldResult> sizes = linalg.sizesOf(key.value);
  Value init = linalg.empty(sizes, integer);
  return linalg.parallel(
      key.value, {init, init}, LinalgBuilder::identity(sizes.size()),
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value x = linalg.convertScalar(b, args[0], type);
        Value isNaN =
            arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
        Value order = emitOrder(b, loc, x);
        return {orUnbounded(b, isNaN, order, /*above=*/true),
                orUnbounded(b, isNaN, order, /*above=*/false)};
      });
}

//===----------------------------------------------------------------------===//
// The predicate
//===----------------------------------------------------------------------===//

/// Where a table that `map` describes has the entry of a pair.
SmallVector<Value> SupportEmitter::emitIndices(OpBuilder &builder,
                                               AffineMap map,
                                               const PairIndices &at,
                                               Value group) {
  return llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) -> Value {
    switch (cast<AffineDimExpr>(expr).getPosition()) {
    case AttendOp::B:
      return at.b;
    case AttendOp::Hkv:
      return group ? arith::DivUIOp::create(builder, loc, at.h, group) : at.h;
    case AttendOp::G:
      return arith::RemUIOp::create(builder, loc, at.h, group);
    case AttendOp::I:
      return at.i;
    case AttendOp::J:
      return at.j;
    default:
      return arith::ConstantIndexOp::create(builder, loc, 0);
    }
  });
}

Value SupportEmitter::emit() {
  SmallVector<Value> captured = emitReaches();
  captured.append(emitKeys());
  OpFoldResult size;
  if (std::optional<unsigned> dim = find(AttendOp::G))
    size = linalg.sizeOf(query.value, *dim);
  if (auto dynamic = dyn_cast_if_present<Value>(size)) {
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    captured.push_back(arith::MaxSIOp::create(b, loc, dynamic, one));
  }
  auto predicate =
      MaskPredicateOp::create(b, loc, MaskType::get(b.getContext()), captured);
  OpBuilder::InsertionGuard restore(b);
  SmallVector<Type> types(4, b.getIndexType());
  llvm::append_range(types, ValueRange(captured).getTypes());
  Block *body = b.createBlock(&predicate.getPredicate(), {}, types,
                              SmallVector<Location>(types.size(), loc));
  auto arguments = body->getArguments();
  PairIndices at{arguments[0], arguments[1], arguments[2], arguments[3]};
  Value group;
  if (captured.size() > 4)
    group = arguments[8];
  else if (size)
    group = arith::ConstantIndexOp::create(
        b, loc, std::max<int64_t>(*getConstantIntValue(size), 1));
  auto load = [&](unsigned table, AffineMap map) -> Value {
    return LoadOp::create(b, loc, arguments[4 + table],
                          emitIndices(b, map, at, group), /*guard=*/Value());
  };
  Value above = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle,
                                      load(0, query.map), load(2, key.map));
  Value below = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle,
                                      load(3, key.map), load(1, query.map));
  Value keep = arith::AndIOp::create(b, loc, above, below);
  YieldOp::create(b, loc, keep);
  return predicate;
}

Value attn::emitKernelSupport(OpBuilder &builder, KernelRegressionOp op,
                              const CanonicalLayout &layout) {
  return SupportEmitter(builder, op, layout).emit();
}
