//===- ExponentialRange.h - Where e^2x of f32 serves for tanh ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOLINALG_EXPONENTIALRANGE_H
#define ATTN_LIB_CONVERSION_ATTNTOLINALG_EXPONENTIALRANGE_H

#include "ScoreEmitter.h"

namespace mlir::attn {

/// Terms e^2q e^2k + 1 stop here, where 2 / term is below a rounding of 1: the
/// product of a group of them stays in range.
constexpr double largestTerm = 1073741824.0;

/// Emits the questions whether the additive scores of a tile can be made from
/// exponentials in f32. Their answers are i1; NaN counts as no magnitude.
class ExponentialRange {
public:
  ExponentialRange(OpBuilder &builder, Location loc)
      : b(builder), loc(loc), f32(builder.getF32Type()),
        emit(builder, loc, f32) {}

  /// Whether exponentials stay in range, and whether terms stay below their
  /// limit.
  struct Result {
    Value usable, small;
  };
  Result find(const TileScores &tile);
  /// Whether weights keep numerators in range.
  Value fitWeights(const TileScores &tile);

private:
  Value largest(Value operand);
  Value fits(Value value, double limit);

  OpBuilder &b;
  Location loc;
  Type f32;
  ScoreEmitter emit;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOLINALG_EXPONENTIALRANGE_H
