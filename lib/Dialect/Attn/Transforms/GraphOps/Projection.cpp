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

namespace {
/// A tensor, and the dimension of the product that each of its own is.
struct Factor {
  Value value;
  LinalgBuilder::Dims dims;
};
} // namespace

/// What the products are added to.
static Value initialise(LinalgBuilder &linalg, ArrayRef<OpFoldResult> sizes,
                        const Factor &bias, Type accumulator) {
  if (!bias.value)
    return linalg.fill(0.0, sizes, accumulator);
  return linalg.parallel(bias.value, linalg.empty(sizes, accumulator),
                         bias.dims,
                         [&](OpBuilder &b, Location, ValueRange args) {
                           return SmallVector<Value>{
                               linalg.convertScalar(b, args[0], accumulator)};
                         })[0];
}

/// The sum of products of `input` and `weight` over `reductions` dimensions
/// that follow those of the result, of `sizes`, plus `bias`, which may be null.
static Value emitProducts(LinalgBuilder &linalg, ArrayRef<OpFoldResult> sizes,
                          unsigned reductions, const Factor &input,
                          const Factor &weight, const Factor &bias) {
  Type accumulator = getAccumulatorType(getElementTypeOrSelf(input.value));
  Value init = initialise(linalg, sizes, bias, accumulator);
  SmallVector<utils::IteratorType> iterators(sizes.size(),
                                             utils::IteratorType::parallel);
  iterators.append(reductions, utils::IteratorType::reduction);
  return linalg.generic(
      {input.value, weight.value}, init,
      {input.dims, weight.dims, LinalgBuilder::identity(sizes.size())},
      iterators, [&](OpBuilder &b, Location, ValueRange args) {
        return SmallVector<Value>{linalg.addProduct(b, args)};
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
  return emitProducts(linalg, sizes, 1, {input, inputDims}, {weight, {out, in}},
                      {bias, {out}});
}

/// Dimension `split` as (heads, headSize).
static Value splitHeads(LinalgBuilder &linalg, Value value, int64_t split,
                        OpFoldResult heads, OpFoldResult headSize) {
  SmallVector<OpFoldResult> sizes = linalg.sizesOf(value);
  sizes[split] = headSize;
  sizes.insert(sizes.begin() + split, heads);
  SmallVector<int64_t> shape;
  for (OpFoldResult size : sizes)
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0, size = sizes.size(); dim < size; ++dim) {
    groups.push_back({dim});
    if (dim == split)
      groups.back().push_back(++dim);
  }
  auto type = cast<RankedTensorType>(value.getType());
  return tensor::ExpandShapeOp::create(linalg.b, linalg.loc, type.clone(shape),
                                       value, groups, sizes);
}

Value attn::emitHeadProjection(LinalgBuilder linalg, Value input, Value weight,
                               Value bias, OpFoldResult heads,
                               OpFoldResult headSize) {
  enum { Batch, Head, Length, Feature, In };
  weight = splitHeads(linalg, weight, 0, heads, headSize);
  if (bias)
    bias = splitHeads(linalg, bias, 0, heads, headSize);
  return emitProducts(
      linalg,
      {linalg.sizeOf(input, 0), heads, linalg.sizeOf(input, 1), headSize}, 1,
      {input, {Batch, Length, In}}, {weight, {Head, Feature, In}},
      {bias, {Head, Feature}});
}

Value attn::emitMergingProjection(LinalgBuilder linalg, Value input,
                                  Value weight, Value bias, OpFoldResult heads,
                                  OpFoldResult headSize) {
  enum { Batch, Length, Out, Head, Feature };
  OpFoldResult out = linalg.sizeOf(weight, 0);
  weight = splitHeads(linalg, weight, 1, heads, headSize);
  return emitProducts(linalg,
                      {linalg.sizeOf(input, 0), linalg.sizeOf(input, 2), out},
                      2, {input, {Batch, Head, Length, Feature}},
                      {weight, {Out, Head, Feature}}, {bias, {Out}});
}
