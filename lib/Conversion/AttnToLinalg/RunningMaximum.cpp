//===- RunningMaximum.cpp - Where the maximum of a row moves ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileDecomposition.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

Value TileDecomposition::multiply(OpBuilder &builder, Value value,
                                  double factor) {
  if (factor == 1.0)
    return value;
  return arith::MulFOp::create(builder, loc, value, emit.constant(factor));
}

Value TileDecomposition::isEmpty(OpBuilder &builder, Value maximum) {
  Value lowest = emit.constant(-std::numeric_limits<double>::infinity());
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ, maximum,
                               lowest);
}

/// An empty row has no maximum to subtract: -inf - -inf is NaN.
Value TileDecomposition::finiteMaximum(OpBuilder &builder, Value maximum) {
  return arith::SelectOp::create(builder, loc, isEmpty(builder, maximum),
                                 emit.constant(0.0), maximum);
}

/// The new maximum and the sum relative to it, with the factor that the
/// accumulator has to be multiplied by. A lazy maximum, once it moves, stays
/// away from the scores of each row.
std::pair<TileDecomposition::State, Value>
TileDecomposition::moveMaximum(Value tileMaximum, double scale) {
  AffineMap map = b.getMultiDimIdentityMap(1);
  Value oldMaximum = op.getMaximum();
  SmallVector<Value> results = emit.generic(
      tileMaximum, {oldMaximum, emptyLike(oldMaximum)}, {map, map, map},
      {false}, [&](OpBuilder &builder, Location loc, ValueRange args) {
        Value candidate = multiply(builder, args[0], scale), old = args[1];
        if (lazy)
          candidate = arith::SelectOp::create(
              builder, loc, isEmpty(builder, old), candidate,
              arith::AddFOp::create(builder, loc, candidate,
                                    emit.constant(lazyMargin / unit)));
        Value larger = arith::CmpFOp::create(
            builder, loc, arith::CmpFPredicate::OGT, candidate, old);
        Value maximum =
            arith::SelectOp::create(builder, loc, larger, candidate, old);
        Value difference = arith::SubFOp::create(
            builder, loc, old, finiteMaximum(builder, maximum));
        Value factor = math::Exp2Op::create(
            builder, loc, multiply(builder, difference, unit));
        return SmallVector<Value>{maximum, factor};
      });
  Value factor = results[1];
  return {{op.getAccumulator(), results[0], scaleBy(op.getSum(), factor)},
          factor};
}

/// Whether a score exceeds the maximum of its row.
Value TileDecomposition::exceeds(Value tileMaximum, double scale) {
  Value no = arith::ConstantIntOp::create(b, loc, 0, 1);
  Value empty =
      tensor::EmptyOp::create(b, loc, ArrayRef<int64_t>{}, b.getI1Type());
  Value none = linalg::FillOp::create(b, loc, no, empty).getResult(0);
  AffineMap map = b.getMultiDimIdentityMap(1);
  Value any = emit.generic(
      {tileMaximum, op.getMaximum()}, none, {map, map, emit.map(1, {})}, {true},
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        Value more =
            arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT,
                                  multiply(builder, args[0], scale), args[1]);
        return SmallVector<Value>{
            arith::OrIOp::create(builder, loc, args[2], more)};
      })[0];
  return tensor::ExtractOp::create(b, loc, any, ValueRange());
}

/// Whether no key was added before this tile.
bool TileDecomposition::startsEmpty() {
  auto isFilled = [](Value tensor, double with) {
    auto fill = tensor.getDefiningOp<linalg::FillOp>();
    FloatAttr value;
    return fill && matchPattern(fill.getInputs().front(), m_Constant(&value)) &&
           value.getValue().convertToDouble() == with;
  };
  return isFilled(op.getAccumulator(), 0) && isFilled(op.getSum(), 0) &&
         isFilled(op.getMaximum(), -std::numeric_limits<double>::infinity());
}

/// 2^exponent. Rounded once, no score exceeds the maximum that was found.
/// Functions of f64 have no use for that.
Value TileDecomposition::power(OpBuilder &builder, Location loc,
                               Value exponent) {
  auto power = math::Exp2Op::create(builder, loc, exponent);
  if (accumulator.isF32() && unit == 1 && !op->hasAttr(boundedScoresAttr))
    power->setAttr(nonPositiveAttr, builder.getUnitAttr());
  return power;
}

/// 2^exponent of a key that is the only one, and so its own maximum: 0, NaN, or
/// -inf where it is left out.
Value TileDecomposition::weighOnly(OpBuilder &builder, Location loc,
                                   Value exponent) {
  Value zero = emit.constant(0.0);
  Value weight =
      arith::AddFOp::create(builder, loc, exponent, emit.constant(1.0));
  Value below = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT,
                                      weight, zero);
  return arith::SelectOp::create(builder, loc, below, zero, weight);
}

/// perQuery[i] * scale.
Value TileDecomposition::scaled(Value perQuery, double scale) {
  if (scale == 1.0)
    return perQuery;
  AffineMap map = b.getMultiDimIdentityMap(1);
  return emit.generic({}, perQuery, map, {false},
                      [&](OpBuilder &builder, Location loc, ValueRange args) {
                        return SmallVector<Value>{
                            multiply(builder, args[0], scale)};
                      })[0];
}

/// Most tiles of keys leave the maximum where it is.
TileDecomposition::State TileDecomposition::moveIfNeeded(Value tileMaximum,
                                                         double scale) {
  Value needed = exceeds(tileMaximum, scale);
  auto choice = scf::IfOp::create(
      b, loc, needed,
      [&](OpBuilder &, Location) {
        auto [state, factor] = moveMaximum(tileMaximum, scale);
        scf::YieldOp::create(
            b, loc,
            {scaleBy(state.accumulator, factor), state.maximum, state.sum});
      },
      [&](OpBuilder &, Location) {
        scf::YieldOp::create(
            b, loc, {op.getAccumulator(), op.getMaximum(), op.getSum()});
      });
  return {choice.getResult(0), choice.getResult(1), choice.getResult(2)};
}

/// Scores of an empty row are -inf, which any finite number leaves as they are:
/// the lowest takes one instruction instead of two. Where exponents have yet to
/// be scaled, it would leave the numbers.
Value TileDecomposition::anyFiniteMaximum(OpBuilder &builder, Value maximum) {
  if (unit != 1)
    return finiteMaximum(builder, maximum);
  auto type = cast<FloatType>(accumulator);
  Value lowest = arith::ConstantOp::create(
      builder, loc,
      builder.getFloatAttr(type, APFloat::getLargest(type.getFloatSemantics(),
                                                     /*Negative=*/true)));
  Value larger = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT,
                                       maximum, lowest);
  return arith::SelectOp::create(builder, loc, larger, maximum, lowest);
}

/// What is added to exponents of 2: the maximum, negated; for an empty row
/// something finite.
Value TileDecomposition::emitShift(Value maximum) {
  AffineMap map = b.getMultiDimIdentityMap(1);
  return emit.generic(
      maximum, emptyLike(maximum), {map, map}, {false},
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        return SmallVector<Value>{
            multiply(builder, anyFiniteMaximum(builder, args[0]), -unit)};
      })[0];
}

/// tensor[..., i, ...] * perQuery[i].
Value TileDecomposition::scaleBy(Value tensor, Value perQuery) {
  unsigned rank = cast<ShapedType>(tensor.getType()).getRank();
  return emit.generic(perQuery, tensor,
                      {emit.map(rank, {rowsFirst ? 0 : rank - 1}),
                       b.getMultiDimIdentityMap(rank)},
                      SmallVector<bool>(rank, false),
                      [](OpBuilder &b, Location loc, ValueRange args) {
                        return SmallVector<Value>{
                            arith::MulFOp::create(b, loc, args[1], args[0])};
                      })[0];
}
