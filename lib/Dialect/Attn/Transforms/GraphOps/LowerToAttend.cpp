//===- LowerToAttend.cpp - Reduce graph ops to attn.attend -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CanonicalLayout.h"
#include "EmptyFeatures.h"
#include "InspectWeights.h"

#include "attn/Dialect/Attn/Analysis/ScoreRange.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::attn {
#define GEN_PASS_DEF_LOWERTOATTENDPASS
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// The op's mask, with what else says that weights are 0.
static Value getMask(OpBuilder &builder, AttentionOpInterface op,
                     const Scoring &scoring, const CanonicalLayout &layout) {
  Value mask = op.getMask();
  if (!scoring.support)
    return mask;
  Value support = scoring.support(builder, layout);
  if (!mask)
    return support;
  return MaskAndOp::create(builder, op.getLoc(), support.getType(),
                           ValueRange{support, mask});
}

static LogicalResult lowerToAttend(AttentionOpInterface op,
                                   const Scoring &scoring, OpBuilder &builder) {
  Location loc = op.getLoc();
  FailureOr<CanonicalLayout> layout = CanonicalLayout::get(builder, op);
  if (failed(layout))
    return failure();
  FailureOr<RegionBuilder> regions =
      RegionBuilder::get(builder, loc, getMask(builder, op, scoring, *layout),
                         op.getScoreModifiers(), layout->sizes);
  if (failed(regions))
    return failure();
  for (Value capture : scoring.captures)
    regions->capture(capture);

  SmallVector<AffineMap> maps;
  auto take = [&](CanonicalLayout::Operand operand) {
    maps.push_back(operand.map);
    return operand.value;
  };
  auto elementTypeOf = [](Value value) {
    return cast<ShapedType>(value.getType()).getElementType();
  };
  Value query = take(layout->query(builder, scoring.query));
  Value key = take(layout->key(builder, scoring.key));
  Value value = take(layout->value(builder, op.getValue()));
  Value outputInit =
      take(layout->outputInit(builder, elementTypeOf(op.getOutput())));
  Type accumulator = getAccumulatorType(elementTypeOf(query));
  Value lseInit, weightsInit, topWeightsInit, topKeysInit;
  if (op.getLse() || needsLse(op, scoring))
    lseInit = take(layout->lseInit(builder, accumulator));
  Value emptyWeights;
  if (Value weights = op.getWeights()) {
    CanonicalLayout::Operand init =
        layout->weightsInit(builder, elementTypeOf(weights));
    // Tiles of static size 0 cannot be inserted.
    bool isEmpty = llvm::any_of(
        TypeRange{weights.getType(), init.value.getType()}, [](Type type) {
          return llvm::is_contained(cast<ShapedType>(type).getShape(), 0);
        });
    (isEmpty ? emptyWeights : weightsInit) = isEmpty ? init.value : take(init);
  }
  if (op.getTopKeys()) {
    int64_t count =
        cast<ShapedType>(op.getTopKeys().getType()).getShape().back();
    auto initOf = [&](Value top) {
      return take(layout->topInit(builder, elementTypeOf(top), count));
    };
    topWeightsInit = initOf(op.getTopWeights());
    topKeysInit = initOf(op.getTopKeys());
  }
  Value sink = scoring.sink ? layout->perHead(builder, scoring.sink) : Value();
  auto typeOf = [](Value init) { return init ? init.getType() : Type(); };
  auto attend = AttendOp::create(
      builder, loc, outputInit.getType(), typeOf(lseInit), typeOf(weightsInit),
      typeOf(topWeightsInit), typeOf(topKeysInit), scoring.compatibility,
      scoring.normalizer, query, key, value, scoring.featureWeight, sink,
      regions->getCaptures(), /*offsets=*/ValueRange(), /*whole=*/ValueRange(),
      outputInit, lseInit, weightsInit, topWeightsInit, topKeysInit,
      builder.getAffineMapArrayAttr(maps), llvm::APFloat(scoring.scale));
  if (scoring.bound)
    attend->setAttr(scoreBoundAttr, builder.getF64FloatAttr(*scoring.bound));
  regions->buildScore(builder, attend.getScore(), accumulator,
                      scoring.prologue
                          ? RegionBuilder::Prologue(scoring.prologue)
                          : RegionBuilder::Prologue());
  regions->buildMask(builder, attend.getMask());

  op.getOutput().replaceAllUsesWith(layout->restoreOutput(
      builder, attend.getOutput(), op.getOutput().getType()));
  if (Value lse = op.getLse())
    lse.replaceAllUsesWith(
        layout->restoreLse(builder, attend.getLse(), lse.getType()));
  if (Value weights = op.getWeights())
    weights.replaceAllUsesWith(layout->restoreWeights(
        builder, emptyWeights ? emptyWeights : attend.getWeights(),
        weights.getType()));
  if (op.getTopKeys()) {
    for (auto [old, top] :
         {std::pair<Value, Value>{op.getTopWeights(), attend.getTopWeights()},
          std::pair<Value, Value>{op.getTopKeys(), attend.getTopKeys()}})
      old.replaceAllUsesWith(layout->restoreTop(builder, top, old.getType()));
  }
  inspectWeights(builder, op, attend, *layout, *regions, scoring);
  op->erase();
  return success();
}

namespace {
struct LowerToAttend : public attn::impl::LowerToAttendPassBase<LowerToAttend> {
  void runOnOperation() override {
    SmallVector<AttentionOpInterface> ops;
    getOperation()->walk([&](AttentionOpInterface op) { ops.push_back(op); });
    for (AttentionOpInterface op : ops) {
      OpBuilder builder(op);
      padValueFeatures(builder, op);
      FailureOr<Scoring> scoring = Scoring::get(builder, op);
      if (failed(scoring))
        return signalPassFailure();
      padScoredFeatures(builder, op, *scoring);
      if (failed(lowerToAttend(op, *scoring, builder)))
        return signalPassFailure();
    }
    eraseMaskValues();
  }

  /// Masks and modifiers are dead now; users come after their operands.
  void eraseMaskValues() {
    SmallVector<Operation *> dead;
    getOperation()->walk([&](Operation *op) {
      if (isa<MaskOpInterface, ScoreModOpInterface>(op))
        dead.push_back(op);
    });
    for (Operation *op : llvm::reverse(dead))
      if (op->use_empty())
        op->erase();
  }
};
} // namespace
