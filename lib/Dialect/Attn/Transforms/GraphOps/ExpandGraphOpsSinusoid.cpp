//===- ExpandGraphOpsSinusoid.cpp - The sinusoidal position table -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandGraphOps.h"
#include "SineCosine.h"
#include "SizeChecks.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;

Value attn::emitFrequencies(LinalgBuilder linalg, OpFoldResult pairs,
                            OpFoldResult features, double base) {
  Type f64 = linalg.b.getF64Type();
  Value size = getValueOrCreateConstantIndexOp(linalg.b, linalg.loc, features);
  // base^(-2t/features) = exp(t * step)
  Value numerator = linalg.constant(f64, -2.0 * std::log(base));
  Value step = arith::DivFOp::create(
      linalg.b, linalg.loc, numerator,
      emitIndexToFloat(linalg.b, linalg.loc, size, f64));
  return linalg.parallel(
      {}, linalg.empty(pairs, f64), {},
      [&](OpBuilder &b, Location loc, ValueRange) -> SmallVector<Value> {
        Value pair = emitIndexToFloat(b, loc, linalg::IndexOp::create(b, loc, 0),
                                      f64);
        Value exponent = arith::MulFOp::create(b, loc, pair, step);
        return {math::ExpOp::create(b, loc, exponent)};
      })[0];
}

FailureOr<SmallVector<Value>> attn::expand(OpBuilder &builder, SinusoidOp op) {
  LinalgBuilder linalg(builder, op.getLoc());
  auto type = cast<RankedTensorType>(op.getResult().getType());
  int64_t features = type.getDimSize(1);
  OpFoldResult length = builder.getIndexAttr(type.getDimSize(0));
  if (Value dynamic = op.getLength()) {
    length = dynamic;
    Value zero = arith::ConstantIndexOp::create(builder, op.getLoc(), 0);
    Value fits = arith::CmpIOp::create(builder, op.getLoc(),
                                       arith::CmpIPredicate::sge, dynamic, zero);
    SizeChecks(builder, op).require(fits, "length {0} is not at least 0",
                                    dynamic);
  }
  OpFoldResult size = builder.getIndexAttr(features);
  // An odd table ends with a sine.
  Value frequencies =
      emitFrequencies(linalg, builder.getIndexAttr((features + 1) / 2), size,
                      op.getBase().convertToDouble());
  Type f64 = builder.getF64Type();
  Value two = arith::ConstantIndexOp::create(builder, op.getLoc(), 2);
  // In f64, angles are exact enough for any length.
  Type accumulator = getAccumulatorType(type.getElementType());
  Value table = linalg.parallel(
      {}, linalg.empty({length, size}, type.getElementType()), {},
      [&](OpBuilder &b, Location loc, ValueRange) -> SmallVector<Value> {
        Value position = linalg::IndexOp::create(b, loc, 0);
        Value column = linalg::IndexOp::create(b, loc, 1);
        Value pair = arith::DivUIOp::create(b, loc, column, two);
        Value odd = arith::TruncIOp::create(
            b, loc, b.getI1Type(),
            arith::IndexCastOp::create(b, loc, b.getI64Type(), column));
        Value frequency = tensor::ExtractOp::create(b, loc, frequencies, pair);
        Value angle = arith::MulFOp::create(
            b, loc, emitIndexToFloat(b, loc, position, f64), frequency);
        auto [sine, cosine] = emitSineCosine(b, loc, angle, accumulator);
        Value entry = arith::SelectOp::create(b, loc, odd, cosine, sine);
        return {linalg.convertScalar(b, entry, type.getElementType())};
      })[0];
  return SmallVector<Value>{table};
}
