//===- PairScores.h - How a query and a key give a score --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_PAIRSCORES_H
#define ATTN_LIB_REFERENCE_PAIRSCORES_H

#include "AttentionCore.h"

namespace mlir::attn::reference {

/// scale * sum_d q k, of queries and keys of type `element`.
class DotScore : public PairScore {
public:
  DotScore(Type element, double scale) : element(element), scale(scale) {}
  Scalar compute(const RowPair &pair) const override;

private:
  Type element;
  double scale;
};

/// scale * sum_d w tanh(q + k).
class AdditiveScore : public PairScore {
public:
  AdditiveScore(Type accumulator, TensorRef weight, double scale)
      : accumulator(accumulator), weight(std::move(weight)), scale(scale) {}
  Scalar compute(const RowPair &pair) const override;

private:
  Type accumulator;
  TensorRef weight;
  double scale;
};

/// -scale * sum_d (q - k)^2; a scale for all heads, or one per head.
class DistanceScore : public PairScore {
public:
  DistanceScore(Type accumulator, SmallVector<Scalar> scales)
      : accumulator(accumulator), scales(std::move(scales)) {}
  Scalar compute(const RowPair &pair) const override;

private:
  Type accumulator;
  SmallVector<Scalar> scales;
};

/// The kernel K(|q - k| / bandwidth), a weight, or u itself of a custom kernel,
/// which modifiers take on from there; a bandwidth for all heads, or one per
/// head. Not for the gaussian, whose log is a DistanceScore.
class KernelWeight : public PairScore {
public:
  KernelWeight(Type accumulator, RegressionKernel kernel,
               SmallVector<Scalar> bandwidths)
      : accumulator(accumulator), kernel(kernel),
        bandwidths(std::move(bandwidths)) {}
  Scalar compute(const RowPair &pair) const override;

private:
  Type accumulator;
  RegressionKernel kernel;
  SmallVector<Scalar> bandwidths;
};

} // namespace mlir::attn::reference

#endif // ATTN_LIB_REFERENCE_PAIRSCORES_H
