//===- ExpandGraphOpsMultiHead.cpp - Projections around heads ---*- C++ -*-===//
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
#include "mlir/IR/Remarks.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attn;

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
                                  StringRef name, Value weight, int64_t heads) {
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

/// Checks what projects query, key and value; returns the size of a head of
/// values.
static SizeChecks::Named checkInputs(OpBuilder &builder, SizeChecks &checks,
                                     MultiHeadOp op, int64_t heads,
                                     int64_t kvHeads) {
  SizeChecks::Named query = checks.of("query", op.getQuery(), 2);
  SizeChecks::Named key = checks.of("key", op.getKey(), 2);
  SizeChecks::Named value = checks.of("value", op.getValue(), 2);
  if (Value packed = op.getWPacked()) {
    for (const SizeChecks::Named &input : {query, key, value})
      checkProjection(checks, "w_packed", packed, "b_packed", op.getBPacked(),
                      input);
    return headSize(builder, checks, "w_packed", packed, heads + 2 * kvHeads);
  }
  checkProjection(checks, "w_q", op.getWQ(), "b_q", op.getBQ(), query);
  checkProjection(checks, "w_k", op.getWK(), "b_k", op.getBK(), key);
  checkProjection(checks, "w_v", op.getWV(), "b_v", op.getBV(), value);
  checks.same("head size", headSize(builder, checks, "w_q", op.getWQ(), heads),
              headSize(builder, checks, "w_k", op.getWK(), kvHeads));
  return headSize(builder, checks, "w_v", op.getWV(), kvHeads);
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
  SizeChecks::Named merged = checkInputs(builder, checks, op, heads, kvHeads);
  merged.name = "the merge of all heads";
  merged.size = multiply(builder, op.getLoc(), merged.size, heads);
  checkProjection(checks, "w_o", op.getWO(), "b_o", op.getBO(), merged);
  checks.result("output", op.getOutput(),
                {{op.getQuery(), 0}, {op.getQuery(), 1}, {op.getWO(), 0}});
}

//===----------------------------------------------------------------------===//
// Expansion
//===----------------------------------------------------------------------===//

namespace {
/// A projection (out, in) with its bias (out), if it has one.
struct Projection {
  Value weight, bias;
};
} // namespace

/// Rows `first` heads of `size` on from a packed projection.
static Projection takeHeads(LinalgBuilder &linalg, Projection packed,
                            OpFoldResult size, int64_t first, int64_t heads) {
  OpBuilder &b = linalg.b;
  auto take = [&](Value from) -> Value {
    if (!from)
      return from;
    SmallVector<OpFoldResult> sizes = linalg.sizesOf(from);
    SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
        strides(sizes.size(), b.getIndexAttr(1));
    offsets[0] = multiply(b, linalg.loc, size, first);
    sizes[0] = multiply(b, linalg.loc, size, heads);
    return tensor::ExtractSliceOp::create(b, linalg.loc, from, offsets, sizes,
                                          strides);
  };
  return {take(packed.weight), take(packed.bias)};
}

/// The projections of query, key and value. Packed ones are views of one
/// matrix: three products cost no more than one of all rows.
static std::array<Projection, 3> getProjections(LinalgBuilder &linalg,
                                                MultiHeadOp op, int64_t heads,
                                                int64_t kvHeads) {
  if (!op.getWPacked())
    return {Projection{op.getWQ(), op.getBQ()},
            Projection{op.getWK(), op.getBK()},
            Projection{op.getWV(), op.getBV()}};
  Projection packed{op.getWPacked(), op.getBPacked()};
  OpFoldResult size =
      divide(linalg.b, linalg.loc, linalg.sizeOf(packed.weight, 0),
             heads + 2 * kvHeads);
  return {takeHeads(linalg, packed, size, 0, heads),
          takeHeads(linalg, packed, size, heads, kvHeads),
          takeHeads(linalg, packed, size, heads + kvHeads, kvHeads)};
}

/// The projection of an input, rounded to its element type, per head.
static Value projectHeads(LinalgBuilder &linalg, Value input,
                          Projection projection, int64_t heads) {
  Type element = cast<ShapedType>(input.getType()).getElementType();
  OpFoldResult headSize =
      divide(linalg.b, linalg.loc, linalg.sizeOf(projection.weight, 0), heads);
  Value projected =
      emitHeadProjection(linalg, input, projection.weight, projection.bias,
                         linalg.b.getIndexAttr(heads), headSize);
  return linalg.convert(projected, element);
}

/// Says why projections are not fused into attention
/// (docs/Rationale/Formulation.md).
static void explainProjections(MultiHeadOp op) {
  remark::missed(op.getLoc(), remark::RemarkOpts::name("projection-apart")
                                  .category("attn-expand-graph-ops"))
      << "projections are products of their own: in the tiles of attention, "
         "those of keys and values would be computed again for each tile of "
         "queries; measured, fusing could save 1% of the time at most";
}

FailureOr<SmallVector<Value>> attn::expand(OpBuilder &builder, MultiHeadOp op) {
  LinalgBuilder linalg(builder, op.getLoc());
  int64_t heads = op.getNumHeads();
  int64_t kvHeads = op.getNumKvHeads().value_or(heads);
  checkSizes(builder, op, heads, kvHeads);

  auto [q, k, v] = getProjections(linalg, op, heads, kvHeads);
  Value query = projectHeads(linalg, op.getQuery(), q, heads);
  Value key = projectHeads(linalg, op.getKey(), k, kvHeads);
  Value value = projectHeads(linalg, op.getValue(), v, kvHeads);
  explainProjections(op);
  auto queryType = cast<RankedTensorType>(query.getType());
  SmallVector<int64_t> shape(queryType.getShape());
  shape.back() = cast<ShapedType>(value.getType()).getShape().back();
  Type weightsType = op.getWeights() ? op.getWeights().getType() : Type();
  auto attention = ScaledDotProductOp::create(
      builder, op.getLoc(), queryType.clone(shape), /*lse=*/Type(), weightsType,
      /*entropy=*/Type(), /*received=*/Type(), /*top_weights=*/Type(),
      /*top_keys=*/Type(), query, key, value, op.getMask(), op.getScore(),
      /*sink=*/Value(), op.getScaleAttr(), builder.getStringAttr("bhmd"));
  OpFoldResult valueSize =
      divide(builder, op.getLoc(), linalg.sizeOf(op.getWO(), 1), heads);
  Value output =
      emitMergingProjection(linalg, attention.getOutput(), op.getWO(),
                            op.getBO(), builder.getIndexAttr(heads), valueSize);
  SmallVector<Value> results{
      linalg.convert(output, queryType.getElementType())};
  if (op.getWeights())
    results.push_back(attention.getWeights());
  return results;
}
