//===- AttendScoring.h - What attend and its tiles share --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_ATTENDSCORING_H
#define ATTN_LIB_REFERENCE_ATTENDSCORING_H

#include "PairRegion.h"
#include "PairScores.h"
#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "llvm/Support/FormatVariadic.h"

namespace mlir::attn::reference {

/// Sizes of an op's dimensions, taken from operands; 1 where none has one.
class OperandSizes {
public:
  explicit OperandSizes(unsigned dimensions) : sizes(dimensions, -1) {}

  /// Takes in an operand; refuses one that contradicts those before.
  llvm::Error read(Operation *op, AffineMap map, ArrayRef<int64_t> shape) {
    for (auto [expression, size] : llvm::zip_equal(map.getResults(), shape)) {
      int64_t &known = sizes[cast<AffineDimExpr>(expression).getPosition()];
      if (known >= 0 && known != size)
        return opError(op, llvm::formatv("has operands of sizes {0} and {1} "
                                         "along one dimension; they must be "
                                         "equal",
                                         known, size));
      known = size;
    }
    return llvm::Error::success();
  }
  int64_t operator[](unsigned dim) const {
    return sizes[dim] < 0 ? 1 : sizes[dim];
  }

private:
  SmallVector<int64_t> sizes;
};

/// The score of an op's pairs, before its regions.
template <typename OpTy>
std::unique_ptr<PairScore> makePairScore(Interpreter &state, OpTy op,
                                         Type accumulator) {
  double scale = op.getScale().convertToDouble();
  switch (op.getCompatibility()) {
  case Compatibility::Dot:
    return std::make_unique<DotScore>(
        getElementTypeOrSelf(op.getQuery().getType()), scale);
  case Compatibility::Additive:
    return std::make_unique<AdditiveScore>(
        accumulator, state.tensor(op.getFeatureWeight()), scale);
  case Compatibility::NegativeSquaredDistance:
    return std::make_unique<DistanceScore>(
        accumulator, SmallVector<Scalar>{Scalar::ofReal(scale)});
  }
  return nullptr;
}

/// Fills in regions and normaliser; gives the score, which has to live as long
/// as `problem` points to it.
template <typename OpTy>
std::unique_ptr<PairScore> readScoring(Interpreter &state, OpTy op,
                                       AttentionProblem &problem) {
  problem.op = op;
  problem.accumulator =
      getAccumulatorType(getElementTypeOrSelf(op.getQuery().getType()));
  problem.normalizer = op.getNormalizer();
  SmallVector<RuntimeValue> captures;
  for (Value capture : op.getCaptures())
    captures.push_back(state.get(capture));
  if (!op.getScore().empty())
    problem.modifiers.push_back(
        makeRegionModifier(op.getScore().front(), captures));
  if (!op.getMask().empty())
    problem.mask = makeRegionMask(op.getMask().front(), captures);
  return makePairScore(state, op, problem.accumulator);
}

/// A feature weight has an entry for each feature.
template <typename OpTy>
llvm::Error checkFeatureWeight(Interpreter &state, OpTy op, int64_t features) {
  if (!op.getFeatureWeight())
    return llvm::Error::success();
  int64_t entries = state.tensor(op.getFeatureWeight())->value.size();
  if (entries == features)
    return llvm::Error::success();
  return opError(op,
                 llvm::formatv("feature weight has {0} entries; it takes one "
                               "per feature, {1}",
                               entries, features));
}

} // namespace mlir::attn::reference

#endif // ATTN_LIB_REFERENCE_ATTENDSCORING_H
