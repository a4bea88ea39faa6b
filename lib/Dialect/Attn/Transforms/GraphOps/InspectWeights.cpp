//===- InspectWeights.cpp - Sums over weights that are never stored -----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InspectWeights.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

bool attn::needsLse(AttentionOpInterface op, const Scoring &scoring) {
  return scoring.normalizer != Normalizer::None &&
         (op.getEntropy() || op.getReceived());
}

namespace {
/// Emits one sum over the pairs of each row, or of each key.
class PairSum {
public:
  PairSum(OpBuilder &builder, AttendOp attend, const CanonicalLayout &layout,
          const RegionBuilder &regions, const Scoring &scoring)
      : builder(builder), attend(attend), layout(layout), regions(regions),
        scoring(scoring), loc(attend.getLoc()),
        accumulator(getAccumulatorType(
            getElementTypeOrSelf(attend.getQuery().getType()))) {
    if (attend.getLse()) {
      lse = layout.perRow(builder, attend.getLse());
      this->regions.capture(lse);
    }
  }

  Value entropy(Type type) { return emit(type, /*perKey=*/false); }
  Value received(Type type) { return emit(type, /*perKey=*/true); }

private:
  Value emit(Type type, bool perKey);
  void buildScore(AttendOp sum, bool perKey);
  Value emitLse(OpBuilder &b, const PairIndices &indices, Value captured);
  Value emitWeight(OpBuilder &b, Value score, Value lse);
  Value emitSurprise(OpBuilder &b, Value score, Value lse);
  Value ones(OpFoldResult length);

  Value constant(OpBuilder &b, double value) {
    return arith::ConstantOp::create(b, loc,
                                     b.getFloatAttr(accumulator, value));
  }
  /// 0 where `score` says that the pair does not contribute, else `value`.
  Value unlessAbsent(OpBuilder &b, Value score, Value value);

  OpBuilder &builder;
  AttendOp attend;
  const CanonicalLayout &layout;
  RegionBuilder regions;
  const Scoring &scoring;
  Location loc;
  Type accumulator;
  Value lse;
};
} // namespace

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

Value PairSum::unlessAbsent(OpBuilder &b, Value score, Value value) {
  bool softmax = scoring.normalizer == Normalizer::Softmax;
  Value none =
      constant(b, softmax ? -std::numeric_limits<double>::infinity() : 0.0);
  Value absent =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, score, none);
  return arith::SelectOp::create(b, loc, absent, constant(b, 0.0), value);
}

/// The weight of a pair.
Value PairSum::emitWeight(OpBuilder &b, Value score, Value lse) {
  switch (scoring.normalizer) {
  case Normalizer::None:
    return score;
  case Normalizer::Sum: {
    // Sums that are finite may have inverses that are not: by their roots.
    Value half = arith::MulFOp::create(b, loc, lse, constant(b, -0.5));
    Value root = math::ExpOp::create(b, loc, half);
    Value weight = arith::MulFOp::create(b, loc, score, root);
    weight = arith::MulFOp::create(b, loc, weight, root);
    return unlessAbsent(b, score, weight);
  }
  case Normalizer::Softmax: {
    // No weight exceeds 1, but a large score found again may by its rounding.
    Value distance = arith::SubFOp::create(b, loc, score, lse);
    distance = arith::MinimumFOp::create(b, loc, distance, constant(b, 0.0));
    return unlessAbsent(b, score, math::ExpOp::create(b, loc, distance));
  }
  }
  llvm_unreachable("all normalizers are handled");
}

/// -w log w, the share of a pair in the entropy. Rounding may make a weight of
/// 1 a little more, which no weight is.
Value PairSum::emitSurprise(OpBuilder &b, Value score, Value lse) {
  Value weight = emitWeight(b, score, lse), logarithm;
  if (scoring.normalizer == Normalizer::Softmax)
    logarithm = arith::SubFOp::create(b, loc, lse, score);
  else
    logarithm = arith::NegFOp::create(
        b, loc, math::LogOp::create(b, loc, weight).getResult());
  Value zero = constant(b, 0.0);
  logarithm = arith::MaximumFOp::create(b, loc, logarithm, zero);
  Value surprise = arith::MulFOp::create(b, loc, weight, logarithm);
  Value none =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, weight, zero);
  return arith::SelectOp::create(b, loc, none, zero, surprise);
}

Value PairSum::emitLse(OpBuilder &b, const PairIndices &indices,
                       Value captured) {
  return LoadOp::create(b, loc, captured, layout.rowIndices(indices), Value());
}

//===----------------------------------------------------------------------===//
// Attention of keys to queries
//===----------------------------------------------------------------------===//

/// The map with queries and keys in each other's place.
static AffineMap exchange(AffineMap map) {
  MLIRContext *context = map.getContext();
  SmallVector<AffineExpr> dims;
  for (unsigned dim = 0; dim < AttendOp::NumDims; ++dim)
    dims.push_back(getAffineDimExpr(dim, context));
  std::swap(dims[AttendOp::I], dims[AttendOp::J]);
  return map.replaceDimsAndSymbols(dims, {}, AttendOp::NumDims, 0);
}

/// Lets a region read its query where its key was, and the reverse.
static void exchangeIndices(Region &region, unsigned firstIndex) {
  if (region.empty())
    return;
  BlockArgument i = region.getArgument(firstIndex + 2),
                j = region.getArgument(firstIndex + 3);
  SmallVector<OpOperand *> usesOfI, usesOfJ;
  for (OpOperand &use : i.getUses())
    usesOfI.push_back(&use);
  for (OpOperand &use : j.getUses())
    usesOfJ.push_back(&use);
  for (OpOperand *use : usesOfI)
    use->set(j);
  for (OpOperand *use : usesOfJ)
    use->set(i);
}

//===----------------------------------------------------------------------===//
// Attention that sums
//===----------------------------------------------------------------------===//

Value PairSum::ones(OpFoldResult length) {
  SmallVector<OpFoldResult> sizes{length, builder.getIndexAttr(1)};
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, accumulator);
  return linalg::FillOp::create(builder, loc, constant(builder, 1.0), empty)
      .getResult(0);
}

/// The score region of the attention, then the term of the sum.
void PairSum::buildScore(AttendOp sum, bool perKey) {
  auto keep = [](OpBuilder &, Value score, const PairIndices &,
                 const IRMapping &) { return score; };
  regions.buildScore(builder, sum.getScore(), accumulator,
                     scoring.prologue
                         ? RegionBuilder::Prologue(scoring.prologue)
                         : RegionBuilder::Prologue(keep));
  Block &block = sum.getScore().front();
  Operation *yield = block.getTerminator();
  OpBuilder b(yield);
  PairIndices indices{block.getArgument(1), block.getArgument(2),
                      block.getArgument(3), block.getArgument(4)};
  Value score = yield->getOperand(0), rowLse;
  if (lse) {
    unsigned position =
        llvm::find(sum.getCaptures(), lse) - sum.getCaptures().begin();
    rowLse = emitLse(b, indices, block.getArgument(5 + position));
  }
  yield->setOperand(0, perKey ? emitWeight(b, score, rowLse)
                              : emitSurprise(b, score, rowLse));
}

Value PairSum::emit(Type type, bool perKey) {
  Value query = attend.getQuery(), key = attend.getKey();
  AffineMap queryMap = attend.getQueryMap(), keyMap = attend.getKeyMap();
  OpFoldResult length = getAsOpFoldResult(layout.sizes.N);
  if (perKey) {
    std::swap(query, key);
    queryMap = exchange(attend.getKeyMap());
    keyMap = exchange(attend.getQueryMap());
    length = getAsOpFoldResult(layout.sizes.M);
  }
  MLIRContext *context = builder.getContext();
  AffineMap valueMap = AffineMap::getMultiDimMapWithTargets(
      AttendOp::NumDims, {AttendOp::J, AttendOp::E}, context);
  CanonicalLayout::Operand init = layout.rowInit(builder, accumulator, perKey);
  auto sum = AttendOp::create(
      builder, loc, init.value.getType(), /*lse=*/Type(), /*weights=*/Type(),
      /*top_weights=*/Type(), /*top_keys=*/Type(), scoring.compatibility,
      Normalizer::None, query, key, ones(length), scoring.featureWeight,
      /*sink=*/Value(), regions.getCaptures(), /*offsets=*/ValueRange(),
      /*whole=*/ValueRange(), init.value, /*lse_init=*/Value(),
      /*weights_init=*/Value(), /*top_weights_init=*/Value(),
      /*top_keys_init=*/Value(),
      builder.getAffineMapArrayAttr({queryMap, keyMap, valueMap, init.map}),
      llvm::APFloat(scoring.scale));
  buildScore(sum, perKey);
  regions.buildMask(builder, sum.getMask());
  if (perKey) {
    exchangeIndices(sum.getScore(), 1);
    exchangeIndices(sum.getMask(), 0);
  }
  return layout.restoreRows(builder, sum.getOutput(), type);
}

void attn::inspectWeights(OpBuilder &builder, AttentionOpInterface op,
                          AttendOp attend, const CanonicalLayout &layout,
                          const RegionBuilder &regions,
                          const Scoring &scoring) {
  if (!op.getEntropy() && !op.getReceived())
    return;
  PairSum sums(builder, attend, layout, regions, scoring);
  if (Value entropy = op.getEntropy())
    entropy.replaceAllUsesWith(sums.entropy(entropy.getType()));
  if (Value received = op.getReceived())
    received.replaceAllUsesWith(sums.received(received.getType()));
}
