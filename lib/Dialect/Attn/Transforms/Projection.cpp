//===- Projection.cpp - Linear maps on the features of a tensor -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Projection.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"

using namespace mlir;
using namespace mlir::attn;

/// (out, in) as (in, out), in the accumulator type: output features lie along
/// vector lanes in the contraction.
static Value transposeWeight(LinalgBuilder &linalg, Value weight,
                             Type accumulator) {
  SmallVector<OpFoldResult> sizes = linalg.sizesOf(weight);
  std::swap(sizes[0], sizes[1]);
  return linalg.parallel(
      weight, linalg.empty(sizes, accumulator), LinalgBuilder::Dims{1, 0},
      [&](OpBuilder &b, Location, ValueRange args) {
        return SmallVector<Value>{linalg.convertScalar(b, args[0], accumulator)};
      })[0];
}

/// What the products are added to.
static Value initialise(LinalgBuilder &linalg, ArrayRef<OpFoldResult> sizes,
                        int64_t feature, Value bias, Type accumulator) {
  if (!bias)
    return linalg.fill(0.0, sizes, accumulator);
  return linalg.parallel(
      bias, linalg.empty(sizes, accumulator),
      LinalgBuilder::Dims{static_cast<unsigned>(feature)},
      [&](OpBuilder &b, Location, ValueRange args) {
        return SmallVector<Value>{linalg.convertScalar(b, args[0], accumulator)};
      })[0];
}

Value attn::emitProjection(LinalgBuilder linalg, Value input, int64_t feature,
                           Value weight, Value bias) {
  auto type = cast<RankedTensorType>(input.getType());
  unsigned rank = type.getRank(), out = feature, in = rank;
  Type accumulator = getAccumulatorType(type.getElementType());
  SmallVector<OpFoldResult> sizes = linalg.sizesOf(input);
  sizes[feature] = linalg.sizeOf(weight, 0);
  Value transposed = transposeWeight(linalg, weight, accumulator);
  Value init = initialise(linalg, sizes, feature, bias, accumulator);

  LinalgBuilder::Dims outputDims = LinalgBuilder::identity(rank);
  LinalgBuilder::Dims inputDims = outputDims;
  inputDims[feature] = in;
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.push_back(utils::IteratorType::reduction);
  return linalg.generic(
      {input, transposed}, init, {inputDims, {in, out}, outputDims}, iterators,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value element = linalg.convertScalar(b, args[0], accumulator);
        Value product = arith::MulFOp::create(b, loc, element, args[1]);
        return SmallVector<Value>{
            arith::AddFOp::create(b, loc, args[2], product)};
      })[0];
}
