//===- ExponentialRange.cpp - Where e^2x of f32 serves for tanh -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExponentialRange.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;

/// Below it e^2x and e^-2x are normal numbers of f32.
static constexpr double largestArgument = 43.0;
/// Weights up to here keep the numerators of a group in range, too.
static constexpr double largestWeight = 1073741824.0;

/// The largest magnitude in a tensor, NaN passed over.
Value ExponentialRange::largest(Value operand) {
  auto reduce = [&](Value input, Value init) {
    unsigned rank = cast<ShapedType>(input.getType()).getRank();
    AffineMap all = b.getMultiDimIdentityMap(rank);
    SmallVector<bool> reductions(rank, false);
    reductions[0] = true;
    return emit.generic(input, init, {all, all.dropResult(0)}, reductions,
                        [&](OpBuilder &b, Location loc, ValueRange args) {
                          Value x = args[0];
                          if (x.getType() != f32)
                            x = arith::ExtFOp::create(b, loc, f32, x);
                          x = math::AbsFOp::create(b, loc, x);
                          Value larger = arith::CmpFOp::create(
                              b, loc, arith::CmpFPredicate::OGT, x, args[1]);
                          return SmallVector<Value>{arith::SelectOp::create(
                              b, loc, larger, x, args[1])};
                        })[0];
  };
  auto zeros = [&](ArrayRef<OpFoldResult> sizes) {
    Value empty = tensor::EmptyOp::create(b, loc, sizes, f32);
    return linalg::FillOp::create(b, loc, emit.constant(0.0), empty)
        .getResult(0);
  };
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, operand);
  if (sizes.size() == 2)
    operand = reduce(operand, zeros(sizes[1]));
  Value total = reduce(operand, zeros({}));
  return tensor::ExtractOp::create(b, loc, total, ValueRange());
}

Value ExponentialRange::fits(Value value, double limit) {
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, value,
                               emit.constant(limit));
}

Value ExponentialRange::fitWeights(const TileScores &tile) {
  return fits(largest(tile.featureWeight), largestWeight);
}

ExponentialRange::Result ExponentialRange::find(const TileScores &tile) {
  Value query = largest(tile.query), key = largest(tile.key);
  auto both = [&](Value lhs, Value rhs) -> Value {
    return arith::AndIOp::create(b, loc, lhs, rhs);
  };
  Value usable =
      both(both(fits(query, largestArgument), fits(key, largestArgument)),
           fitWeights(tile));
  Value sum = arith::AddFOp::create(b, loc, query, key);
  return {usable, fits(sum, std::log(largestTerm - 1) / 2 - 0.01)};
}
