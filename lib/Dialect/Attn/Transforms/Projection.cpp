//===- Projection.cpp - Linear maps on the features of a tensor -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Projection.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::attn;

/// What the products are added to.
static Value initialise(LinalgBuilder &linalg, ArrayRef<OpFoldResult> sizes,
                        Value bias, const LinalgBuilder::Dims &biasDims,
                        Type accumulator) {
  if (!bias)
    return linalg.fill(0.0, sizes, accumulator);
  return linalg.parallel(bias, linalg.empty(sizes, accumulator), biasDims,
                         [&](OpBuilder &b, Location, ValueRange args) {
                           return SmallVector<Value>{
                               linalg.convertScalar(b, args[0], accumulator)};
                         })[0];
}

/// The sum of products of `input` and `weight` over the one dimension that the
/// result of `sizes` has not, plus `bias`.
static Value emitProducts(LinalgBuilder &linalg, ArrayRef<OpFoldResult> sizes,
                          Value input, const LinalgBuilder::Dims &inputDims,
                          Value weight, const LinalgBuilder::Dims &weightDims,
                          Value bias, const LinalgBuilder::Dims &biasDims) {
  Type accumulator =
      getAccumulatorType(cast<ShapedType>(input.getType()).getElementType());
  Value init = initialise(linalg, sizes, bias, biasDims, accumulator);
  SmallVector<utils::IteratorType> iterators(sizes.size(),
                                             utils::IteratorType::parallel);
  iterators.push_back(utils::IteratorType::reduction);
  return linalg.generic(
      {input, weight}, init,
      {inputDims, weightDims, LinalgBuilder::identity(sizes.size())}, iterators,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value element = linalg.convertScalar(b, args[0], accumulator);
        Value factor = linalg.convertScalar(b, args[1], accumulator);
        Value product = arith::MulFOp::create(b, loc, element, factor);
        return SmallVector<Value>{
            arith::AddFOp::create(b, loc, args[2], product)};
      })[0];
}

Value attn::emitProjection(LinalgBuilder linalg, Value input, int64_t feature,
                           Value weight, Value bias) {
  unsigned rank = cast<RankedTensorType>(input.getType()).getRank();
  unsigned out = feature, in = rank;
  SmallVector<OpFoldResult> sizes = linalg.sizesOf(input);
  sizes[feature] = linalg.sizeOf(weight, 0);
  LinalgBuilder::Dims inputDims = LinalgBuilder::identity(rank);
  inputDims[feature] = in;
  return emitProducts(linalg, sizes, input, inputDims, weight, {out, in}, bias,
                      {out});
}

/// The first dimension as (heads, the rest).
static Value splitHeads(LinalgBuilder &linalg, Value value, OpFoldResult heads,
                        OpFoldResult headSize) {
  SmallVector<OpFoldResult> sizes = linalg.sizesOf(value);
  sizes[0] = headSize;
  sizes.insert(sizes.begin(), heads);
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape;
  for (OpFoldResult size : sizes)
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  SmallVector<ReassociationIndices> groups{{0, 1}};
  for (int64_t dim = 1; dim < type.getRank(); ++dim)
    groups.push_back({dim + 1});
  return tensor::ExpandShapeOp::create(linalg.b, linalg.loc, type.clone(shape),
                                       value, groups, sizes);
}

Value attn::emitHeadProjection(LinalgBuilder linalg, Value input, Value weight,
                               Value bias, OpFoldResult heads,
                               OpFoldResult headSize) {
  enum { Batch, Head, Length, Feature, In };
  weight = splitHeads(linalg, weight, heads, headSize);
  if (bias)
    bias = splitHeads(linalg, bias, heads, headSize);
  return emitProducts(
      linalg,
      {linalg.sizeOf(input, 0), heads, linalg.sizeOf(input, 1), headSize},
      input, {Batch, Length, In}, weight, {Head, Feature, In}, bias,
      {Head, Feature});
}
