//===- AdditiveScores.h - Sums of tanh through exponentials -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOLINALG_ADDITIVESCORES_H
#define ATTN_LIB_CONVERSION_ATTNTOLINALG_ADDITIVESCORES_H

#include "ScoreEmitter.h"

namespace mlir::attn {

/// Whether the additive scores of `tile` can be made from exponentials: in f32,
/// of a number of features that is known.
bool hasExponentialForm(const TileScores &tile, Type accumulator);

/// Adds sum_d w tanh(q + k) to `scores` (keys, queries), by tanh(q + k) = 1 -
/// 2 / (e^2q e^2k + 1): exponentials per query and per key, four features to a
/// division. Where an exponential could leave the range of f32, `fallback` is
/// what adds them.
Value emitExponentialForm(OpBuilder &b, Location loc, const TileScores &tile,
                          Value scores,
                          function_ref<Value(OpBuilder &)> fallback);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOLINALG_ADDITIVESCORES_H
