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

static Type elementTypeOf(Value value) {
  return cast<ShapedType>(value.getType()).getElementType();
}

namespace {
/// The tensors that an attend op reads and fills, each with its map; what is
/// not asked for is null.
class AttendOperands {
public:
  AttendOperands(OpBuilder &builder, AttentionOpInterface op,
                 const Scoring &scoring, const CanonicalLayout &layout)
      : query(take(layout.query(builder, scoring.query))),
        key(take(layout.key(builder, scoring.key))),
        value(take(layout.value(builder, op.getValue()))),
        output(take(layout.outputInit(builder, elementTypeOf(op.getOutput())))),
        accumulator(getAccumulatorType(elementTypeOf(query))) {
    if (op.getLse() || needsLse(op, scoring))
      lse = take(layout.lseInit(builder, accumulator));
    if (op.getWeights())
      takeWeights(builder, op.getWeights(), layout);
    if (op.getTopKeys())
      takeTop(builder, op, layout);
    if (scoring.sink)
      sink = layout.perHead(builder, scoring.sink);
  }

  AttendOp createOp(OpBuilder &builder, Location loc, const Scoring &scoring,
                    ValueRange captures) const;

  SmallVector<AffineMap> maps;
  Value query, key, value, output;
  Type accumulator;
  Value lse, weights, topWeights, topKeys, sink;
  /// Weights of static size 0, which are no result of the attend op: tiles of
  /// such a size cannot be inserted.
  Value emptyWeights;

private:
  Value take(CanonicalLayout::Operand operand) {
    maps.push_back(operand.map);
    return operand.value;
  }

  void takeWeights(OpBuilder &builder, Value result,
                   const CanonicalLayout &layout) {
    CanonicalLayout::Operand init =
        layout.weightsInit(builder, elementTypeOf(result));
    bool isEmpty = llvm::any_of(
        TypeRange{result.getType(), init.value.getType()}, [](Type type) {
          return llvm::is_contained(cast<ShapedType>(type).getShape(), 0);
        });
    if (isEmpty)
      emptyWeights = init.value;
    else
      weights = take(init);
  }

  void takeTop(OpBuilder &builder, AttentionOpInterface op,
               const CanonicalLayout &layout) {
    int64_t count =
        cast<ShapedType>(op.getTopKeys().getType()).getShape().back();
    auto initOf = [&](Value top) {
      return take(layout.topInit(builder, elementTypeOf(top), count));
    };
    topWeights = initOf(op.getTopWeights());
    topKeys = initOf(op.getTopKeys());
  }
};
} // namespace

AttendOp AttendOperands::createOp(OpBuilder &builder, Location loc,
                                  const Scoring &scoring,
                                  ValueRange captures) const {
  auto typeOf = [](Value init) { return init ? init.getType() : Type(); };
  auto attend = AttendOp::create(
      builder, loc, output.getType(), typeOf(lse), typeOf(weights),
      typeOf(topWeights), typeOf(topKeys), scoring.compatibility,
      scoring.normalizer, query, key, value, scoring.featureWeight, sink,
      captures, /*offsets=*/ValueRange(), /*whole=*/ValueRange(), output, lse,
      weights, topWeights, topKeys, builder.getAffineMapArrayAttr(maps),
      llvm::APFloat(scoring.scale));
  if (scoring.bound)
    attend->setAttr(scoreBoundAttr, builder.getF64FloatAttr(*scoring.bound));
  return attend;
}

/// Gives the users of `op` the results of `attend`.
static void replaceResults(OpBuilder &builder, AttentionOpInterface op,
                           AttendOp attend, const AttendOperands &operands,
                           const CanonicalLayout &layout) {
  op.getOutput().replaceAllUsesWith(layout.restoreOutput(
      builder, attend.getOutput(), op.getOutput().getType()));
  if (Value lse = op.getLse())
    lse.replaceAllUsesWith(
        layout.restoreLse(builder, attend.getLse(), lse.getType()));
  if (Value weights = op.getWeights())
    weights.replaceAllUsesWith(layout.restoreWeights(
        builder,
        operands.emptyWeights ? operands.emptyWeights : attend.getWeights(),
        weights.getType()));
  if (!op.getTopKeys())
    return;
  for (auto [old, top] :
       {std::pair<Value, Value>{op.getTopWeights(), attend.getTopWeights()},
        std::pair<Value, Value>{op.getTopKeys(), attend.getTopKeys()}})
    old.replaceAllUsesWith(layout.restoreTop(builder, top, old.getType()));
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

  AttendOperands operands(builder, op, scoring, *layout);
  AttendOp attend =
      operands.createOp(builder, loc, scoring, regions->getCaptures());
  regions->buildScore(builder, attend.getScore(), operands.accumulator,
                      scoring.prologue
                          ? RegionBuilder::Prologue(scoring.prologue)
                          : RegionBuilder::Prologue());
  regions->buildMask(builder, attend.getMask());
  replaceResults(builder, op, attend, operands, *layout);
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
