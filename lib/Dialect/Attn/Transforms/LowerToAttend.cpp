//===- LowerToAttend.cpp - Reduce graph ops to attn.attend -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/RegionUtils.h"
#include "attn/Dialect/Attn/Transforms/CanonicalLayout.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

namespace mlir::attn {
#define GEN_PASS_DEF_LOWERTOATTENDPASS
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Requirements on sizes
//===----------------------------------------------------------------------===//

namespace {
/// Emits attn.require for sizes that types leave open.
class SizeChecks {
public:
  SizeChecks(OpBuilder &builder, AttentionOpInterface op)
      : builder(builder), op(op), layout(AttentionLayout::get(op)) {}

  void emit(bool featureSizesAgree) {
    for (int64_t dim : layout.batch) {
      same("batch size", "query", op.getQuery(), "key", op.getKey(), dim);
      same("batch size", "query", op.getQuery(), "value", op.getValue(), dim);
    }
    if (layout.head) {
      same("head count", "key", op.getKey(), "value", op.getValue(),
           *layout.head);
      groups();
    }
    same("length", "key", op.getKey(), "value", op.getValue(), layout.length);
    if (featureSizesAgree)
      same("head size", "query", op.getQuery(), "key", op.getKey(),
           layout.feature);
  }

private:
  std::string prefix() {
    return op->getName().stripDialect().str() + ": ";
  }

  void same(StringRef what, StringRef leftName, Value left, StringRef rightName,
            Value right, int64_t dim) {
    Value lhs = emitDim(builder, op.getLoc(), left, dim);
    Value rhs = emitDim(builder, op.getLoc(), right, dim);
    if (isStatic(left, dim) && isStatic(right, dim))
      return;
    Value equal = arith::CmpIOp::create(builder, op.getLoc(),
                                        arith::CmpIPredicate::eq, lhs, rhs);
    std::string message = prefix() + leftName.str() + " has " + what.str() +
                          " {0}, " + rightName.str() +
                          " has {1}; they must be equal";
    RequireOp::create(builder, op.getLoc(), equal, message, {lhs, rhs});
  }

  /// Query heads are a multiple of key heads; no key heads, no query heads.
  void groups() {
    int64_t dim = *layout.head;
    if (isStatic(op.getQuery(), dim) && isStatic(op.getKey(), dim))
      return;
    Location loc = op.getLoc();
    Value heads = emitDim(builder, loc, op.getQuery(), dim);
    Value keyHeads = emitDim(builder, loc, op.getKey(), dim);
    Value one = arith::ConstantIndexOp::create(builder, loc, 1);
    Value divisor = arith::MaxSIOp::create(builder, loc, keyHeads, one);
    Value perGroup = arith::DivSIOp::create(builder, loc, heads, divisor);
    Value covered = arith::MulIOp::create(builder, loc, perGroup, keyHeads);
    Value fits = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                       covered, heads);
    RequireOp::create(builder, loc, fits,
                      prefix() + "query has {0} heads, key has {1}; query "
                                 "heads must be a multiple of key heads",
                      {heads, keyHeads});
  }

  static bool isStatic(Value tensor, int64_t dim) {
    return !cast<ShapedType>(tensor.getType()).isDynamicDim(dim);
  }

  OpBuilder &builder;
  AttentionOpInterface op;
  AttentionLayout layout;
};
} // namespace

//===----------------------------------------------------------------------===//
// What differs between graph ops
//===----------------------------------------------------------------------===//

namespace {
/// How one graph op scores and normalises.
struct Scoring {
  Compatibility compatibility = Compatibility::Dot;
  Normalizer normalizer = Normalizer::Softmax;
  double scale = 1.0;
  Value query, key;
  Value featureWeight, sink;
  bool featureSizesAgree = true;
  SmallVector<Value> captures;
  std::function<Value(OpBuilder &, Value, const PairIndices &,
                      const IRMapping &)>
      prologue;
};
} // namespace

static FailureOr<double> defaultScale(AttentionOpInterface op) {
  AttentionLayout layout = AttentionLayout::get(op);
  int64_t size = cast<ShapedType>(op.getQuery().getType())
                     .getDimSize(layout.feature);
  if (ShapedType::isDynamic(size))
    return op->emitOpError("needs 'scale' or a static head size: scale defaults "
                           "to 1/sqrt(D)");
  return size == 0 ? 1.0 : 1.0 / std::sqrt(static_cast<double>(size));
}

static FailureOr<Scoring> getScoring(OpBuilder &, ScaledDotProductOp op) {
  Scoring scoring;
  scoring.sink = op.getSink();
  if (op.getScale()) {
    scoring.scale = op.getScale()->convertToDouble();
    return scoring;
  }
  FailureOr<double> scale = defaultScale(op);
  if (failed(scale))
    return failure();
  scoring.scale = *scale;
  return scoring;
}

static FailureOr<Scoring> getScoring(OpBuilder &, DotProductOp op) {
  Scoring scoring;
  scoring.sink = op.getSink();
  return scoring;
}

/// input (..., in at dimension `feature`, ...) times projection (out, in), in
/// the accumulator type.
static Value project(OpBuilder &b, Location loc, Value input, int64_t feature,
                     Value projection) {
  if (!projection)
    return input;
  auto type = cast<RankedTensorType>(input.getType());
  Type accumulator = getAccumulatorType(type.getElementType());
  int64_t rank = type.getRank();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, input);
  sizes[feature] = tensor::getMixedSize(b, loc, projection, 0);
  Value empty = tensor::EmptyOp::create(b, loc, sizes, accumulator);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(accumulator));
  Value init = linalg::FillOp::create(b, loc, zero, empty).getResult(0);

  MLIRContext *context = b.getContext();
  SmallVector<AffineExpr> inputDims;
  for (int64_t dim = 0; dim < rank; ++dim)
    inputDims.push_back(getAffineDimExpr(dim == feature ? rank : dim, context));
  AffineMap inputMap = AffineMap::get(rank + 1, 0, inputDims, context);
  AffineMap weightMap = AffineMap::get(
      rank + 1, 0,
      {getAffineDimExpr(feature, context), getAffineDimExpr(rank, context)},
      context);
  AffineMap outputMap =
      AffineMap::getMultiDimIdentityMap(rank + 1, context).dropResult(rank);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.push_back(utils::IteratorType::reduction);
  return linalg::GenericOp::create(
             b, loc, init.getType(), ValueRange{input, projection}, init,
             ArrayRef<AffineMap>{inputMap, weightMap, outputMap}, iterators,
             [&](OpBuilder &b, Location loc, ValueRange args) {
               Value lhs = convertScalarToDtype(b, loc, args[0], accumulator,
                                                /*isUnsignedCast=*/false);
               Value rhs = convertScalarToDtype(b, loc, args[1], accumulator,
                                                /*isUnsignedCast=*/false);
               Value product = arith::MulFOp::create(b, loc, lhs, rhs);
               Value sum = arith::AddFOp::create(b, loc, args[2], product);
               linalg::YieldOp::create(b, loc, sum);
             })
      .getResult(0);
}

static FailureOr<Scoring> getScoring(OpBuilder &builder, AdditiveOp op) {
  Scoring scoring;
  int64_t feature = AttentionLayout::get(op).feature;
  scoring.compatibility = Compatibility::Additive;
  scoring.query = project(builder, op.getLoc(), op.getQuery(), feature,
                          op.getQueryProjection());
  scoring.key = project(builder, op.getLoc(), op.getKey(), feature,
                        op.getKeyProjection());
  scoring.featureWeight = op.getWeight();
  scoring.featureSizesAgree =
      !op.getQueryProjection() && !op.getKeyProjection();
  return scoring;
}

/// The kernel's weight (its logarithm for gaussian) from -d^2.
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
  switch (kernel) {
  case RegressionKernel::Gaussian:
    return arith::MulFOp::create(b, loc, negative, constant(0.5));
  case RegressionKernel::Boxcar: {
    Value inside = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT,
                                         negative, constant(-1.0));
    return arith::SelectOp::create(b, loc, inside, one, zero);
  }
  case RegressionKernel::Epanechnikov: {
    Value weight = arith::AddFOp::create(b, loc, one, negative);
    return arith::MaximumFOp::create(b, loc, weight, zero);
  }
  case RegressionKernel::Triangular: {
    Value u = math::SqrtOp::create(b, loc,
                                   arith::NegFOp::create(b, loc, negative));
    Value weight = arith::SubFOp::create(b, loc, one, u);
    return arith::MaximumFOp::create(b, loc, weight, zero);
  }
  case RegressionKernel::Constant:
    return one;
  }
  llvm_unreachable("all kernels are handled");
}

static FailureOr<Scoring> getScoring(OpBuilder &, KernelRegressionOp op) {
  Scoring scoring;
  scoring.compatibility = Compatibility::NegativeSquaredDistance;
  if (op.getKernel() != RegressionKernel::Gaussian)
    scoring.normalizer = Normalizer::Sum;
  Value bandwidth = op.getBandwidth();
  if (bandwidth)
    scoring.captures.push_back(bandwidth);
  scoring.prologue = [op, bandwidth](OpBuilder &b, Value score,
                                     const PairIndices &indices,
                                     const IRMapping &mapping) mutable {
    Location loc = op.getLoc();
    Value width;
    if (!bandwidth) {
      width = arith::ConstantOp::create(b, loc,
                                        b.getFloatAttr(score.getType(), 1.0));
    } else {
      width = mapping.lookup(bandwidth);
      if (isa<ShapedType>(width.getType()))
        width = LoadOp::create(b, loc, width, indices.h, Value());
      width = convertScalarToDtype(b, loc, width, score.getType(),
                                   /*isUnsignedCast=*/false);
    }
    return emitKernel(b, loc, op.getKernel(), score, width);
  };
  return scoring;
}

//===----------------------------------------------------------------------===//
// What all graph ops share
//===----------------------------------------------------------------------===//

static LogicalResult lowerToAttend(AttentionOpInterface op,
                                   const Scoring &scoring,
                                   OpBuilder &builder) {
  Location loc = op.getLoc();
  FailureOr<CanonicalLayout> layout = CanonicalLayout::get(builder, op);
  if (failed(layout))
    return failure();
  FailureOr<RegionBuilder> regions = RegionBuilder::get(
      builder, loc, op.getMask(), op.getScoreModifiers(), layout->sizes);
  if (failed(regions))
    return failure();
  for (Value capture : scoring.captures)
    regions->capture(capture);

  SmallVector<AffineMap> maps;
  auto take = [&](CanonicalLayout::Operand operand) {
    maps.push_back(operand.map);
    return operand.value;
  };
  auto elementTypeOf = [](Value value) {
    return cast<ShapedType>(value.getType()).getElementType();
  };
  Value query = take(layout->query(
      builder, scoring.query ? scoring.query : op.getQuery()));
  Value key =
      take(layout->key(builder, scoring.key ? scoring.key : op.getKey()));
  Value value = take(layout->value(builder, op.getValue()));
  Value outputInit =
      take(layout->outputInit(builder, elementTypeOf(op.getOutput())));
  Value lseInit, weightsInit;
  if (op.getLse())
    lseInit = take(layout->lseInit(builder, elementTypeOf(op.getLse())));
  if (op.getWeights())
    weightsInit =
        take(layout->weightsInit(builder, elementTypeOf(op.getWeights())));
  Value sink =
      scoring.sink ? layout->perHead(builder, scoring.sink) : Value();
  auto typeOf = [](Value init) { return init ? init.getType() : Type(); };
  auto attend = AttendOp::create(
      builder, loc, outputInit.getType(), typeOf(lseInit), typeOf(weightsInit),
      scoring.compatibility, scoring.normalizer, query, key, value,
      scoring.featureWeight, sink, regions->getCaptures(),
      /*offsets=*/ValueRange(), /*whole=*/ValueRange(), outputInit, lseInit,
      weightsInit, builder.getAffineMapArrayAttr(maps),
      llvm::APFloat(scoring.scale));
  Type accumulator =
      getAccumulatorType(cast<ShapedType>(query.getType()).getElementType());
  regions->buildScore(builder, attend.getScore(), accumulator,
                      scoring.prologue ? RegionBuilder::Prologue(
                                             scoring.prologue)
                                       : RegionBuilder::Prologue());
  regions->buildMask(builder, attend.getMask());

  op.getOutput().replaceAllUsesWith(layout->restoreOutput(
      builder, attend.getOutput(), op.getOutput().getType()));
  if (Value lse = op.getLse())
    lse.replaceAllUsesWith(
        layout->restoreLse(builder, attend.getLse(), lse.getType()));
  if (Value weights = op.getWeights())
    weights.replaceAllUsesWith(layout->restoreWeights(
        builder, attend.getWeights(), weights.getType()));
  op->erase();
  return success();
}

template <typename OpTy>
static LogicalResult lower(OpTy op) {
  OpBuilder builder(op);
  FailureOr<Scoring> scoring = getScoring(builder, op);
  if (failed(scoring))
    return failure();
  SizeChecks(builder, op).emit(scoring->featureSizesAgree);
  return lowerToAttend(op, *scoring, builder);
}

namespace {
struct LowerToAttend
    : public attn::impl::LowerToAttendPassBase<LowerToAttend> {
  void runOnOperation() override {
    SmallVector<AttentionOpInterface> ops;
    getOperation()->walk([&](AttentionOpInterface op) { ops.push_back(op); });
    for (AttentionOpInterface op : ops) {
      LogicalResult lowered =
          llvm::TypeSwitch<Operation *, LogicalResult>(op)
              .Case<ScaledDotProductOp, DotProductOp, AdditiveOp,
                    KernelRegressionOp>([](auto op) { return lower(op); })
              .Default([](Operation *op) {
                return op->emitOpError("is not known to this pass");
              });
      if (failed(lowered))
        return signalPassFailure();
    }
    eraseMaskValues();
  }

  /// Masks and modifiers are dead now; users come after their operands.
  void eraseMaskValues() {
    SmallVector<Operation *> dead;
    getOperation()->walk([&](Operation *op) {
      if (isa<MaskOpInterface, ScoreModOpInterface>(op))
        dead.push_back(op);
    });
    for (Operation *op : llvm::reverse(dead))
      if (op->use_empty())
        op->erase();
  }
};
} // namespace
