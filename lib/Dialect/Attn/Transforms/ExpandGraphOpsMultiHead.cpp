//===- ExpandGraphOpsMultiHead.cpp - Projections around attention per head -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandGraphOps.h"

#include "Projection.h"
#include "SizeChecks.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::attn;

static constexpr int64_t featureDim = 2;

/// a / b for a positive constant b.
static OpFoldResult divide(OpBuilder &b, Location loc, OpFoldResult size,
                           int64_t divisor) {
  if (std::optional<int64_t> known = getConstantIntValue(size))
    return b.getIndexAttr(*known / divisor);
  Value constant = arith::ConstantIndexOp::create(b, loc, divisor);
  return arith::DivSIOp::create(b, loc, cast<Value>(size), constant)
      .getResult();
}

//===----------------------------------------------------------------------===//
// Requirements
//===----------------------------------------------------------------------===//

static void checkProjection(SizeChecks &checks, StringRef weightName,
                            Value weight, StringRef biasName, Value bias,
                            SizeChecks::Named in) {
  SizeChecks::Named out = checks.of(weightName, weight, 0);
  SizeChecks::Named takes = checks.of(weightName, weight, 1);
  checks.same("features", takes, in);
  if (bias)
    checks.same("features", checks.of(biasName, bias, 0), out);
}

/// The size of one of the heads into which a projection splits.
static SizeChecks::Named headSize(OpBuilder &builder, SizeChecks &checks,
                                  StringRef name, Value weight,
                                  int64_t heads) {
  SizeChecks::Named out = checks.of(name, weight, 0);
  checks.multiple("features", out, heads, "the number of its heads");
  return {name.str(), divide(builder, weight.getLoc(), out.size, heads)};
}

static OpFoldResult multiply(OpBuilder &b, Location loc, OpFoldResult size,
                             int64_t factor) {
  if (std::optional<int64_t> known = getConstantIntValue(size))
    return b.getIndexAttr(*known * factor);
  Value constant = arith::ConstantIndexOp::create(b, loc, factor);
  return arith::MulIOp::create(b, loc, cast<Value>(size), constant).getResult();
}

static void checkSizes(OpBuilder &builder, MultiHeadOp op, int64_t heads,
                       int64_t kvHeads) {
  SizeChecks checks(builder, op);
  auto query = [&](int64_t dim) {
    return checks.of("query", op.getQuery(), dim);
  };
  auto key = [&](int64_t dim) { return checks.of("key", op.getKey(), dim); };
  auto value = [&](int64_t dim) {
    return checks.of("value", op.getValue(), dim);
  };
  checks.same("batch size", query(0), key(0));
  checks.same("batch size", query(0), value(0));
  checks.same("length", key(1), value(1));
  checkProjection(checks, "w_q", op.getWQ(), "b_q", op.getBQ(), query(2));
  checkProjection(checks, "w_k", op.getWK(), "b_k", op.getBK(), key(2));
  checkProjection(checks, "w_v", op.getWV(), "b_v", op.getBV(), value(2));
  checks.same("head size", headSize(builder, checks, "w_q", op.getWQ(), heads),
              headSize(builder, checks, "w_k", op.getWK(), kvHeads));
  SizeChecks::Named merged =
      headSize(builder, checks, "w_v", op.getWV(), kvHeads);
  merged.name = "the merge of all heads";
  merged.size = multiply(builder, op.getLoc(), merged.size, heads);
  checkProjection(checks, "w_o", op.getWO(), "b_o", op.getBO(), merged);
  checks.result("output", op.getOutput(),
                {{op.getQuery(), 0}, {op.getQuery(), 1}, {op.getWO(), 0}});
}

//===----------------------------------------------------------------------===//
// Expansion
//===----------------------------------------------------------------------===//

/// The projection of an input, rounded to its element type, per head.
static Value projectHeads(LinalgBuilder &linalg, Value input, Value weight,
                          Value bias, int64_t heads) {
  Type element = cast<ShapedType>(input.getType()).getElementType();
  OpFoldResult headSize =
      divide(linalg.b, linalg.loc, linalg.sizeOf(weight, 0), heads);
  Value projected =
      emitHeadProjection(linalg, input, weight, bias,
                         linalg.b.getIndexAttr(heads), headSize);
  return linalg.convert(projected, element);
}

/// (B, heads, L, D) as (B, L, heads * D).
static Value mergeHeads(LinalgBuilder &linalg, Value value) {
  enum { Batch, Length, Head, Feature };
  SmallVector<OpFoldResult> sizes = linalg.sizesOf(value);
  std::swap(sizes[1], sizes[2]);
  Value transposed = linalg.parallel(
      value,
      linalg.empty(sizes, cast<ShapedType>(value.getType()).getElementType()),
      LinalgBuilder::Dims{Batch, Head, Length, Feature},
      [](OpBuilder &, Location, ValueRange args) {
        return SmallVector<Value>{args[0]};
      })[0];
  SmallVector<ReassociationIndices> groups{{0}, {1}, {2, 3}};
  return tensor::CollapseShapeOp::create(linalg.b, linalg.loc, transposed,
                                         groups);
}

FailureOr<SmallVector<Value>> attn::expand(OpBuilder &builder, MultiHeadOp op) {
  LinalgBuilder linalg(builder, op.getLoc());
  int64_t heads = op.getNumHeads();
  int64_t kvHeads = op.getNumKvHeads().value_or(heads);
  checkSizes(builder, op, heads, kvHeads);

  Value query =
      projectHeads(linalg, op.getQuery(), op.getWQ(), op.getBQ(), heads);
  Value key =
      projectHeads(linalg, op.getKey(), op.getWK(), op.getBK(), kvHeads);
  Value value =
      projectHeads(linalg, op.getValue(), op.getWV(), op.getBV(), kvHeads);
  auto queryType = cast<RankedTensorType>(query.getType());
  SmallVector<int64_t> shape(queryType.getShape());
  shape.back() = cast<ShapedType>(value.getType()).getShape().back();
  Type weightsType = op.getWeights() ? op.getWeights().getType() : Type();
  auto attention = ScaledDotProductOp::create(
      builder, op.getLoc(), queryType.clone(shape), /*lse=*/Type(), weightsType,
      /*entropy=*/Type(), /*received=*/Type(), /*top_weights=*/Type(),
      /*top_keys=*/Type(), query, key, value, op.getMask(), op.getScore(), /*sink=*/Value(),
      op.getScaleAttr(), builder.getStringAttr("bhmd"));
  Value merged = mergeHeads(linalg, attention.getOutput());
  Value output =
      emitProjection(linalg, merged, featureDim, op.getWO(), op.getBO());
  SmallVector<Value> results{linalg.convert(output, queryType.getElementType())};
  if (op.getWeights())
    results.push_back(attention.getWeights());
  return results;
}
