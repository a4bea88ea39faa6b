//===- AttnAttentionOps.cpp - Attention ops: verifiers, canonicalisation ===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::attn;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<ShapedType>(value.getType()).getShape();
}

/// Query heads: one where the layout has no head dimension.
static int64_t getHeads(AttentionOpInterface op) {
  return getPairSizes(op, AttentionLayout::get(op)).h;
}

//===----------------------------------------------------------------------===//
// Scaled dot product, dot product
//===----------------------------------------------------------------------===//

/// A sink has one logit per query head.
static LogicalResult verifySink(AttentionOpInterface op, Value sink) {
  if (!sink || mayBeEqual(shapeOf(sink)[0], getHeads(op)))
    return success();
  return op->emitOpError() << "sink has " << shapeOf(sink)[0]
                           << " logits; it takes one per query head, "
                           << getHeads(op);
}

LogicalResult ScaledDotProductOp::verify() {
  if (failed(verifyAttention(*this, /*featureSizesAgree=*/true)) ||
      failed(verifyScale(*this, getScale())))
    return failure();
  Normalizer normalizer = getNormalizer();
  if (getSink() && normalizer != Normalizer::Softmax)
    return emitOpError("takes a sink with softmax alone; its normalizer is ")
           << stringifyNormalizer(normalizer);
  if ((getLse() || getEntropy()) && normalizer == Normalizer::None)
    return emitOpError("gives lse and entropy with softmax or sum; its "
                       "normalizer is none");
  return verifySink(*this, getSink());
}

LogicalResult CosineOp::verify() {
  if (failed(verifyAttention(*this, /*featureSizesAgree=*/true)))
    return failure();
  return verifyScale(*this, getScale());
}

LogicalResult GeneralOp::verify() {
  if (failed(verifyAttention(*this, /*featureSizesAgree=*/false)) ||
      failed(verifyScale(*this, getScale())) ||
      failed(verifyElementType(*this, "weight", getWeight(), getQuery())))
    return failure();
  ArrayRef<int64_t> weight = shapeOf(getWeight());
  if (weight.size() != 2)
    return emitOpError("weight has rank ")
           << weight.size() << "; it must be (Dk, Dq)";
  int64_t feature = AttentionLayout::get(*this).feature;
  auto check = [&](StringRef name, Value operand,
                   int64_t taken) -> LogicalResult {
    int64_t size = shapeOf(operand)[feature];
    if (mayBeEqual(size, taken))
      return success();
    return emitOpError() << name << " has " << size << " features, weight fits "
                         << taken << "; they must be equal";
  };
  if (failed(check("query", getQuery(), weight[1])))
    return failure();
  return check("key", getKey(), weight[0]);
}

LogicalResult DotProductOp::verify() {
  if (failed(verifyAttention(*this, /*featureSizesAgree=*/true)))
    return failure();
  return verifySink(*this, getSink());
}

LogicalResult DotProductOp::canonicalize(DotProductOp op,
                                         PatternRewriter &rewriter) {
  auto typeOf = [](Value result) { return result ? result.getType() : Type(); };
  auto scaled = ScaledDotProductOp::create(
      rewriter, op.getLoc(), op.getOutput().getType(), typeOf(op.getLse()),
      typeOf(op.getWeights()), typeOf(op.getEntropy()),
      typeOf(op.getReceived()), typeOf(op.getTopWeights()),
      typeOf(op.getTopKeys()), op.getQuery(), op.getKey(), op.getValue(),
      op.getMask(), op.getScore(), op.getSink(), rewriter.getF64FloatAttr(1.0),
      op.getLayoutAttr());
  rewriter.replaceOp(op, scaled);
  return success();
}

//===----------------------------------------------------------------------===//
// Additive
//===----------------------------------------------------------------------===//

/// The size of the space that `projection` maps the last dimension of `input`
/// to; without a projection, that dimension itself.
static FailureOr<int64_t> projectedSize(AdditiveOp op, StringRef name,
                                        int64_t inputSize, Value projection) {
  if (!projection)
    return inputSize;
  if (shapeOf(projection).size() != 2)
    return op.emitOpError() << name << "_projection has rank "
                            << shapeOf(projection).size()
                            << "; it must be (out, in)";
  if (!mayBeEqual(shapeOf(projection)[1], inputSize))
    return op.emitOpError() << name << "_projection takes "
                            << shapeOf(projection)[1] << " features, " << name
                            << " has " << inputSize << "; they must be equal";
  return shapeOf(projection)[0];
}

LogicalResult AdditiveOp::verify() {
  if (failed(verifyAttention(*this, /*featureSizesAgree=*/false)) ||
      failed(verifyElementType(*this, "weight", getWeight(), getQuery())) ||
      failed(verifyElementType(*this, "query_projection", getQueryProjection(),
                               getQuery())) ||
      failed(verifyElementType(*this, "key_projection", getKeyProjection(),
                               getQuery())))
    return failure();
  if (shapeOf(getWeight()).size() != 1)
    return emitOpError("weight has rank ")
           << shapeOf(getWeight()).size() << "; it must be a vector (D)";
  AttentionLayout layout = AttentionLayout::get(*this);
  FailureOr<int64_t> query =
      projectedSize(*this, "query", shapeOf(getQuery())[layout.feature],
                    getQueryProjection());
  if (failed(query))
    return failure();
  FailureOr<int64_t> key = projectedSize(
      *this, "key", shapeOf(getKey())[layout.feature], getKeyProjection());
  if (failed(key))
    return failure();
  for (auto [name, size] : {std::pair<StringRef, int64_t>{"query", *query},
                            std::pair<StringRef, int64_t>{"key", *key}})
    if (!mayBeEqual(size, shapeOf(getWeight())[0]))
      return emitOpError() << name << " has " << size
                           << " projected features, weight has "
                           << shapeOf(getWeight())[0]
                           << "; they must be equal";
  if (!mayBeEqual(*query, *key))
    return emitOpError("query has ")
           << *query << " projected features, key has " << *key
           << "; they must be equal";
  return success();
}

//===----------------------------------------------------------------------===//
// Kernel regression
//===----------------------------------------------------------------------===//

static LogicalResult verifyBandwidth(KernelRegressionOp op) {
  Value bandwidth = op.getBandwidth();
  if (!bandwidth)
    return success();
  FloatAttr known;
  if (matchPattern(bandwidth, m_Constant(&known)) &&
      !(known.getValueAsDouble() > 0 && known.getValue().isFinite()))
    return op.emitOpError("bandwidth ")
           << known.getValueAsDouble() << " is not finite and greater than 0";
  auto type = dyn_cast<ShapedType>(bandwidth.getType());
  if (!type || mayBeEqual(type.getDimSize(0), getHeads(op)))
    return success();
  return op.emitOpError("bandwidth has ")
         << type.getDimSize(0) << " entries; it takes one per query head, "
         << getHeads(op);
}

LogicalResult KernelRegressionOp::verify() {
  if (failed(verifyAttention(*this, /*featureSizesAgree=*/true)))
    return failure();
  RegressionKernel kernel = getKernel();
  if (kernel == RegressionKernel::Custom) {
    if (getScore().empty())
      return emitOpError("custom kernel has no score modifier; it takes those "
                         "that make the weight of u");
  } else if (!getScore().empty() && kernel != RegressionKernel::Gaussian) {
    return emitOpError("score modifiers apply to the log weights of the "
                       "gaussian kernel; the ")
           << stringifyRegressionKernel(kernel) << " kernel has none";
  }
  return verifyBandwidth(*this);
}
