//===- ReifyShapes.cpp - Sizes of results from those of operands --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// The sizes of `result`: its static ones, else what `sizeOf` gives.
static SmallVector<OpFoldResult>
reify(OpBuilder &builder, Value result,
      function_ref<OpFoldResult(int64_t)> sizeOf) {
  auto type = cast<RankedTensorType>(result.getType());
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim))
      sizes.push_back(builder.getIndexAttr(type.getDimSize(dim)));
    else
      sizes.push_back(getValueOrCreateConstantIndexOp(builder, result.getLoc(),
                                                      sizeOf(dim)));
  }
  return sizes;
}

static SmallVector<OpFoldResult> reifyFrom(OpBuilder &builder, Value result,
                                           ArrayRef<DimSource> sources) {
  return reify(builder, result, [&](int64_t dim) {
    return tensor::getMixedSize(builder, result.getLoc(), sources[dim].value,
                                sources[dim].dim);
  });
}

/// A result that has the shape of `source`.
static SmallVector<OpFoldResult> reifyLike(OpBuilder &builder, Value result,
                                           Value source) {
  return reify(builder, result, [&](int64_t dim) {
    return tensor::getMixedSize(builder, result.getLoc(), source, dim);
  });
}

static LogicalResult reifyAttention(AttentionOpInterface op, OpBuilder &builder,
                                    ReifiedRankedShapedTypeDims &shapes) {
  ResultDims dims = ResultDims::get(op, AttentionLayout::get(op));
  shapes.push_back(reifyFrom(builder, op.getOutput(), dims.output));
  if (op.getLse())
    shapes.push_back(reifyFrom(builder, op.getLse(), dims.lse));
  if (op.getWeights())
    shapes.push_back(reifyFrom(builder, op.getWeights(), dims.weights));
  if (op.getEntropy())
    shapes.push_back(reifyFrom(builder, op.getEntropy(), dims.lse));
  if (op.getReceived())
    shapes.push_back(reifyFrom(builder, op.getReceived(), dims.received));
  // Their last size is static.
  for (Value top : {op.getTopWeights(), op.getTopKeys()})
    if (top)
      shapes.push_back(reifyFrom(builder, top, dims.lse));
  return success();
}

LogicalResult
ScaledDotProductOp::reifyResultShapes(OpBuilder &builder,
                                      ReifiedRankedShapedTypeDims &shapes) {
  return reifyAttention(*this, builder, shapes);
}

LogicalResult
DotProductOp::reifyResultShapes(OpBuilder &builder,
                                ReifiedRankedShapedTypeDims &shapes) {
  return reifyAttention(*this, builder, shapes);
}

LogicalResult CosineOp::reifyResultShapes(OpBuilder &builder,
                                          ReifiedRankedShapedTypeDims &shapes) {
  return reifyAttention(*this, builder, shapes);
}

LogicalResult
GeneralOp::reifyResultShapes(OpBuilder &builder,
                             ReifiedRankedShapedTypeDims &shapes) {
  return reifyAttention(*this, builder, shapes);
}

LogicalResult
AdditiveOp::reifyResultShapes(OpBuilder &builder,
                              ReifiedRankedShapedTypeDims &shapes) {
  return reifyAttention(*this, builder, shapes);
}

LogicalResult
KernelRegressionOp::reifyResultShapes(OpBuilder &builder,
                                      ReifiedRankedShapedTypeDims &shapes) {
  return reifyAttention(*this, builder, shapes);
}

LogicalResult
MultiHeadOp::reifyResultShapes(OpBuilder &builder,
                               ReifiedRankedShapedTypeDims &shapes) {
  DimSource batch{getQuery(), 0}, queries{getQuery(), 1}, keys{getKey(), 1};
  shapes.push_back(
      reifyFrom(builder, getOutput(), {batch, queries, {getWO(), 0}}));
  if (!getWeights())
    return success();
  DimSource sources[] = {batch, {}, queries, keys};
  shapes.push_back(reify(builder, getWeights(), [&](int64_t dim) {
    if (dim == 1)
      return OpFoldResult(builder.getIndexAttr(getNumHeads()));
    return tensor::getMixedSize(builder, getLoc(), sources[dim].value,
                                sources[dim].dim);
  }));
  return success();
}

LogicalResult
MaskedSoftmaxOp::reifyResultShapes(OpBuilder &builder,
                                   ReifiedRankedShapedTypeDims &shapes) {
  shapes.push_back(reifyLike(builder, getResult(), getScores()));
  return success();
}

LogicalResult
SinusoidOp::reifyResultShapes(OpBuilder &builder,
                              ReifiedRankedShapedTypeDims &shapes) {
  shapes.push_back(reify(builder, getResult(),
                         [&](int64_t) -> OpFoldResult { return getLength(); }));
  return success();
}

LogicalResult
RotaryOp::reifyResultShapes(OpBuilder &builder,
                            ReifiedRankedShapedTypeDims &shapes) {
  shapes.push_back(reifyLike(builder, getResult(), getInput()));
  return success();
}

LogicalResult
MergeOp::reifyResultShapes(OpBuilder &builder,
                           ReifiedRankedShapedTypeDims &shapes) {
  shapes.push_back(reifyLike(builder, getOutput(), getOutputs().front()));
  shapes.push_back(reifyLike(builder, getLse(), getLses().front()));
  return success();
}
