//===- Scoring.cpp - What differs between attention ops -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Scoring.h"
#include "KernelSupport.h"
#include "Projection.h"
#include "SizeChecks.h"

#include "attn/Dialect/Attn/IR/Requirements.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;

/// Scoring of the op's own query and key.
static Scoring unprojected(AttentionOpInterface op) {
  Scoring scoring;
  scoring.query = op.getQuery();
  scoring.key = op.getKey();
  return scoring;
}

/// A captured float where the region sees it: a scalar, or one per head.
static Value readPerHead(OpBuilder &b, Location loc, Value capture,
                         const PairIndices &indices, const IRMapping &mapping,
                         Type type) {
  Value value = mapping.lookup(capture);
  if (isa<ShapedType>(value.getType()))
    value = LoadOp::create(b, loc, value, indices.h, Value());
  return convertScalarToDtype(b, loc, value, type, /*isUnsignedCast=*/false);
}

//===----------------------------------------------------------------------===//
// Dot products
//===----------------------------------------------------------------------===//

/// 1 / sqrt(D) where D is known only when the function runs.
static Value emitDefaultScale(OpBuilder &b, Location loc, Value features,
                              Type type) {
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value atLeastOne = arith::MaxSIOp::create(b, loc, features, one);
  Value integer =
      arith::IndexCastOp::create(b, loc, b.getI64Type(), atLeastOne);
  Value size = arith::SIToFPOp::create(b, loc, type, integer);
  Value root = math::SqrtOp::create(b, loc, size);
  Value unit = arith::ConstantOp::create(b, loc, b.getFloatAttr(type, 1.0));
  return arith::DivFOp::create(b, loc, unit, root);
}

static void setDefaultScale(OpBuilder &builder, AttentionOpInterface op,
                            Scoring &scoring) {
  Location loc = op.getLoc();
  auto query = cast<ShapedType>(op.getQuery().getType());
  int64_t feature = AttentionLayout::get(op).feature;
  if (!query.isDynamicDim(feature)) {
    double size = std::max<int64_t>(query.getDimSize(feature), 1);
    scoring.scale = 1.0 / std::sqrt(size);
    return;
  }
  Value features = tensor::DimOp::create(builder, loc, op.getQuery(), feature);
  Value scale = emitDefaultScale(builder, loc, features,
                                 getAccumulatorType(query.getElementType()));
  scoring.captures.push_back(scale);
  scoring.prologue = [loc, scale](OpBuilder &b, Value score,
                                  const PairIndices &,
                                  const IRMapping &mapping) -> Value {
    return arith::MulFOp::create(b, loc, score, mapping.lookup(scale));
  };
}

static Scoring getScoring(OpBuilder &builder, ScaledDotProductOp op) {
  Scoring scoring = unprojected(op);
  scoring.sink = op.getSink();
  scoring.normalizer = op.getNormalizer();
  if (op.getScale())
    scoring.scale = op.getScale()->convertToDouble();
  else
    setDefaultScale(builder, op, scoring);
  return scoring;
}

static Scoring getScoring(OpBuilder &, DotProductOp op) {
  Scoring scoring = unprojected(op);
  scoring.sink = op.getSink();
  return scoring;
}

/// Each row of `input` divided by its length, in the accumulator type; zeros
/// stay. Squares are those of elements over the largest: any other could leave
/// the range of the type.
static Value normalizeRows(LinalgBuilder linalg, Value input, int64_t feature) {
  auto type = cast<RankedTensorType>(input.getType());
  auto accumulator = cast<FloatType>(getAccumulatorType(type.getElementType()));
  LinalgBuilder::Dims all = LinalgBuilder::identity(type.getRank()), row = all;
  row.erase(row.begin() + feature);
  SmallVector<OpFoldResult> sizes = linalg.sizesOf(input), rows = sizes;
  rows.erase(rows.begin() + feature);
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  iterators[feature] = utils::IteratorType::reduction;
  // The inverse of no normal number is beyond the range.
  double least =
      llvm::APFloat::getSmallestNormalized(accumulator.getFloatSemantics())
          .convertToDouble();
  Value largest = linalg.generic(
      input, linalg.fill(least, rows, accumulator), {all, row}, iterators,
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value x = linalg.convertScalar(b, args[0], accumulator);
        Value size = math::AbsFOp::create(b, loc, x);
        return {arith::MaximumFOp::create(b, loc, args[1], size)};
      })[0];
  Value inverse = linalg.parallel(
      largest, linalg.empty(rows, accumulator),
      LinalgBuilder::identity(type.getRank() - 1),
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value one =
            arith::ConstantOp::create(b, loc, b.getFloatAttr(accumulator, 1.0));
        return {arith::DivFOp::create(b, loc, one, args[0])};
      })[0];
  auto emitScaled = [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
    Value x = linalg.convertScalar(b, args[0], accumulator);
    return arith::MulFOp::create(b, loc, x, args[1]);
  };
  Value squares = linalg.generic(
      {input, inverse}, linalg.fill(0.0, rows, accumulator), {all, row, row},
      iterators,
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value x = emitScaled(b, loc, args);
        Value square = arith::MulFOp::create(b, loc, x, x);
        return {arith::AddFOp::create(b, loc, args[2], square)};
      })[0];
  return linalg.parallel(
      {input, inverse, squares}, linalg.empty(sizes, accumulator),
      {all, row, row},
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value x = emitScaled(b, loc, args);
        Value zero =
            arith::ConstantOp::create(b, loc, b.getFloatAttr(accumulator, 0.0));
        Value empty = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ,
                                            args[2], zero);
        Value length = math::SqrtOp::create(b, loc, args[2]);
        Value unit = arith::DivFOp::create(b, loc, x, length);
        return {arith::SelectOp::create(b, loc, empty, zero, unit)};
      })[0];
}

static double scaleOr(const std::optional<APFloat> &scale, double other) {
  return scale ? scale->convertToDouble() : other;
}

static Scoring getScoring(OpBuilder &builder, CosineOp op) {
  int64_t feature = AttentionLayout::get(op).feature;
  LinalgBuilder linalg(builder, op.getLoc());
  Scoring scoring;
  scoring.query = normalizeRows(linalg, op.getQuery(), feature);
  scoring.key = normalizeRows(linalg, op.getKey(), feature);
  scoring.scale = scaleOr(op.getScale(), 1.0);
  // With room for the rounding of both vectors and of their product.
  scoring.bound = 1.01 * std::abs(scoring.scale);
  return scoring;
}

static Scoring getScoring(OpBuilder &builder, GeneralOp op) {
  SizeChecks checks(builder, op);
  int64_t feature = AttentionLayout::get(op).feature;
  checks.same("features", checks.of("weight", op.getWeight(), 1),
              checks.of("query", op.getQuery(), feature));
  checks.same("features", checks.of("weight", op.getWeight(), 0),
              checks.of("key", op.getKey(), feature));
  LinalgBuilder linalg(builder, op.getLoc());
  Type element = getElementTypeOrSelf(op.getKey().getType());
  Scoring scoring;
  scoring.query = emitProjection(linalg, op.getQuery(), feature, op.getWeight(),
                                 /*bias=*/{});
  scoring.key = linalg.convert(op.getKey(), getAccumulatorType(element));
  scoring.scale = scaleOr(op.getScale(), 1.0);
  return scoring;
}

//===----------------------------------------------------------------------===//
// Additive
//===----------------------------------------------------------------------===//

static Scoring getScoring(OpBuilder &builder, AdditiveOp op) {
  SizeChecks checks(builder, op);
  int64_t feature = AttentionLayout::get(op).feature;
  auto project = [&](StringRef name, StringRef projectionName, Value input,
                     Value projection) {
    if (projection) {
      checks.same("features", checks.of(projectionName, projection, 1),
                  checks.of(name, input, feature));
      input = emitProjection({builder, op.getLoc()}, input, feature, projection,
                             /*bias=*/{});
    }
    checks.same("projected features", checks.of(name, input, feature),
                checks.of("weight", op.getWeight(), 0));
    return input;
  };
  Scoring scoring;
  scoring.compatibility = Compatibility::Additive;
  scoring.query = project("query", "query_projection", op.getQuery(),
                          op.getQueryProjection());
  scoring.key =
      project("key", "key_projection", op.getKey(), op.getKeyProjection());
  scoring.featureWeight = op.getWeight();
  return scoring;
}

//===----------------------------------------------------------------------===//
// Kernel regression
//===----------------------------------------------------------------------===//

/// The kernel's weight (its logarithm for gaussian, u for custom) from -d^2.
static Value emitKernel(OpBuilder &b, Location loc, RegressionKernel kernel,
                        Value negativeSquare, Value bandwidth) {
  Type type = negativeSquare.getType();
  auto constant = [&](double value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
  };
  Value one = constant(1.0), zero = constant(0.0);
  Value square = arith::MulFOp::create(b, loc, bandwidth, bandwidth);
  // -u^2, u = d / bandwidth.
  Value negative = arith::DivFOp::create(b, loc, negativeSquare, square);
  auto emitU = [&]() -> Value {
    return math::SqrtOp::create(b, loc, math::AbsFOp::create(b, loc, negative));
  };
  switch (kernel) {
  case RegressionKernel::Gaussian:
    return arith::MulFOp::create(b, loc, negative, constant(0.5));
  case RegressionKernel::Boxcar: {
    auto compare = [&](arith::CmpFPredicate predicate) -> Value {
      return arith::CmpFOp::create(b, loc, predicate, negative, constant(-1.0));
    };
    Value inside = compare(arith::CmpFPredicate::OGT);
    Value outside = compare(arith::CmpFPredicate::OLE);
    // A distance that is NaN is neither, and stays.
    Value orNaN = arith::SelectOp::create(b, loc, inside, one, negative);
    return arith::SelectOp::create(b, loc, outside, zero, orNaN);
  }
  case RegressionKernel::Epanechnikov: {
    Value weight = arith::AddFOp::create(b, loc, one, negative);
    return arith::MaximumFOp::create(b, loc, weight, zero);
  }
  case RegressionKernel::Triangular: {
    Value weight = arith::SubFOp::create(b, loc, one, emitU());
    return arith::MaximumFOp::create(b, loc, weight, zero);
  }
  case RegressionKernel::Constant:
    return one;
  case RegressionKernel::Custom:
    return emitU();
  }
  llvm_unreachable("all kernels are handled");
}

/// A scalar bandwidth is positive; a vector holds one per query head, all
/// positive.
static void checkBandwidth(OpBuilder &b, KernelRegressionOp op) {
  Location loc = op.getLoc();
  Value bandwidth = op.getBandwidth();
  if (!isa<ShapedType>(bandwidth.getType()))
    return emitRequirement(b, loc, op, emitIsPositive(b, loc, bandwidth),
                           "bandwidth is not finite and greater than 0");
  SizeChecks checks(b, op);
  Value count = tensor::DimOp::create(b, loc, bandwidth, 0);
  std::optional<int64_t> head = AttentionLayout::get(op).head;
  if (head)
    checks.same("entries per query head", checks.of("bandwidth", bandwidth, 0),
                checks.of("query", op.getQuery(), *head));
  Value positive = emitForAll(b, loc, count, [&](OpBuilder &b, Value position) {
    Value width = tensor::ExtractOp::create(b, loc, bandwidth, position);
    return emitIsPositive(b, loc, width);
  });
  checks.require(positive, "a bandwidth is not finite and greater than 0", {});
}

static Scoring getScoring(OpBuilder &builder, KernelRegressionOp op) {
  Scoring scoring = unprojected(op);
  scoring.compatibility = Compatibility::NegativeSquaredDistance;
  if (op.getKernel() != RegressionKernel::Gaussian)
    scoring.normalizer = Normalizer::Sum;
  Value bandwidth = op.getBandwidth();
  if (bandwidth) {
    checkBandwidth(builder, op);
    scoring.captures.push_back(bandwidth);
  }
  scoring.prologue = [loc = op.getLoc(), kernel = op.getKernel(), bandwidth](
                         OpBuilder &b, Value score, const PairIndices &indices,
                         const IRMapping &mapping) {
    Type type = score.getType();
    Value width =
        bandwidth ? readPerHead(b, loc, bandwidth, indices, mapping, type)
                  : arith::ConstantOp::create(b, loc, b.getFloatAttr(type, 1.0))
                        .getResult();
    return emitKernel(b, loc, kernel, score, width);
  };
  if (hasScalarSupport(op))
    scoring.support = [op](OpBuilder &b, const CanonicalLayout &layout) {
      return emitKernelSupport(b, op, layout);
    };
  return scoring;
}

FailureOr<Scoring> Scoring::get(OpBuilder &builder, AttentionOpInterface op) {
  return llvm::TypeSwitch<Operation *, FailureOr<Scoring>>(op)
      .Case<ScaledDotProductOp, DotProductOp, CosineOp, GeneralOp, AdditiveOp,
            KernelRegressionOp>([&](auto known) -> FailureOr<Scoring> {
        checkAttentionSizes(builder, op,
                            /*featureSizesAgree=*/
                            !isa<AdditiveOp, GeneralOp>(known));
        return getScoring(builder, known);
      })
      .DefaultUnreachable("an attention op of another dialect");
}
