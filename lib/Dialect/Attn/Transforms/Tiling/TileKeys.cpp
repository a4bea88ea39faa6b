//===- TileKeys.cpp - Loop over key tiles -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../PassTarget.h"
#include "QueryBand.h"

#include "attn/Dialect/Attn/Analysis/ScoreRange.h"
#include "attn/Dialect/Attn/IR/AttentionShape.h"
#include "attn/Dialect/Attn/IR/AttnFacts.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::attn {
#define GEN_PASS_DEF_TILEKEYSPASS
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Whether every tensor of the op has one batch and the heads of one tile.
static bool isSingleHead(AttendOp op, const TilePlan &plan) {
  Value operands[] = {op.getQuery(), op.getKey(), op.getValue()};
  for (auto [index, operand] : llvm::enumerate(operands))
    for (auto [position, result] :
         llvm::enumerate(op.getMap(index).getResults()))
      if (unsigned dim = cast<AffineDimExpr>(result).getPosition();
          dim <= AttendOp::G &&
          cast<ShapedType>(operand.getType()).getDimSize(position) !=
              (dim == AttendOp::G ? plan.group : 1))
        return false;
  return !op.getOffsets().empty();
}

/// The step of the loop that a piece of `dim` comes from, or null.
static OpFoldResult stepOf(AttendOp op, unsigned dim, scf::ForallOp loop) {
  auto index = dyn_cast<BlockArgument>(op.getOffsets()[dim]);
  if (!index || !loop || index.getOwner() != loop.getBody())
    return OpFoldResult();
  return loop.getMixedStep()[index.getArgNumber()];
}

/// `value` where it dominates `loop`: the ops that define it inside move out.
static FailureOr<Value> hoist(Value value, scf::ForallOp loop) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitBlockArguments = true;
  options.filter = [&](Operation *op) { return loop->isProperAncestor(op); };
  if (failed(getBackwardSlice(value, &slice, options)))
    return failure();
  for (Operation *op : slice)
    if (!isPure(op) || llvm::any_of(op->getOperands(), [&](Value operand) {
          auto argument = dyn_cast<BlockArgument>(operand);
          return argument &&
                 loop->isAncestor(argument.getOwner()->getParentOp());
        }))
      return failure();
  for (Operation *op : slice)
    op->moveBefore(loop);
  if (auto argument = dyn_cast<BlockArgument>(value))
    if (loop->isAncestor(argument.getOwner()->getParentOp()))
      return failure();
  return value;
}

/// Whether `step` is a multiple of `size`: a constant, or one of two.
static bool isMultiple(OpFoldResult step, int64_t size) {
  if (auto value = dyn_cast_if_present<Value>(step))
    if (auto select = value.getDefiningOp<arith::SelectOp>())
      return isMultiple(select.getTrueValue(), size) &&
             isMultiple(select.getFalseValue(), size);
  std::optional<int64_t> known =
      step ? getConstantIntValue(step) : std::nullopt;
  return known && *known % size == 0;
}

/// Whether pieces of `dim` begin at multiples of `size`.
static bool isAligned(AttendOp op, unsigned dim, scf::ForallOp loop,
                      int64_t size) {
  Value offset = op.getOffsets()[dim];
  if (auto apply = offset.getDefiningOp<affine::AffineApplyOp>())
    return apply.getMap().getResult(0).isMultipleOf(size);
  return matchPattern(offset, m_Zero()) ||
         isMultiple(stepOf(op, dim, loop), size);
}

static std::string describe(Value capture, const CaptureFacts &facts) {
  SmallVector<std::string> stated;
  if (facts.ascending)
    stated.push_back("to ascend");
  if (facts.atLeast)
    stated.push_back("to be at least " + std::to_string(*facts.atLeast));
  if (facts.atMost)
    stated.push_back((facts.atLeast ? "at most " : "to be at most ") +
                     std::to_string(*facts.atMost));
  std::string last = stated.pop_back_val();
  std::string text = getSourceName(capture, "a capture") +
                     (facts.proved ? " is proved " : " is stated ");
  return text + llvm::join(stated, ", ") + (stated.empty() ? "" : " and ") +
         last;
}

/// Says of each capture about which facts are known what changes with them.
static void remarkFacts(AttendOp op, ArrayRef<CaptureFacts> facts,
                        const TileClassifier &classifier) {
  for (auto [number, known] : llvm::enumerate(facts)) {
    if (!known.any())
      continue;
    SmallVector<CaptureFacts> others(facts);
    others[number] = {};
    TileClassifier without(op.getMask(), ShapedType::kDynamic,
                           ShapedType::kDynamic, others);
    std::string gain;
    if (without.mayLeaveGaps() && !classifier.mayLeaveGaps())
      gain = "; the keys of a tile of queries are one range, whose ends are "
             "searched for, and no block of tiles is asked";
    else if (known.ascending)
      gain = "; it is searched without a look at whether it ascends";
    if (int conditions =
            int(without.countPremises()) - int(classifier.countPremises());
        conditions > 0)
      gain += llvm::formatv("; {0} conditions less are checked per tile",
                            conditions);
    remark::passed(op.getCaptures()[number].getLoc(),
                   remark::RemarkOpts::name("facts").category("attn-tile-keys"))
        << (describe(op.getCaptures()[number], known) +
            (gain.empty() ? "; nothing changes here" : gain));
  }
}

/// A classifier of the op's mask with its pre-pass before the loop over query
/// tiles, or null: without a mask, or where the op was tiled in another way.
static std::unique_ptr<TileClassifier>
prepareClassifier(OpBuilder &builder, AttendOp op, const TilePlan &plan) {
  auto loop = op->getParentOfType<scf::ForallOp>();
  if (op.getMask().empty() || !loop ||
      !isAligned(op, AttendOp::I, loop, plan.queries) ||
      !isAligned(op, AttendOp::J, loop, plan.keys))
    return nullptr;
  SmallVector<Value> whole;
  for (Value size : op.getWhole()) {
    FailureOr<Value> hoisted = hoist(size, loop);
    if (failed(hoisted))
      return nullptr;
    whole.push_back(*hoisted);
  }
  OpBuilder::InsertionGuard restore(builder);
  builder.setInsertionPoint(loop);
  Location loc = op.getLoc();
  Value heads = arith::MulIOp::create(builder, loc, whole[AttendOp::Hkv],
                                      whole[AttendOp::G]);
  auto sizeOf = [](Value value) {
    return getConstantIntValue(value).value_or(ShapedType::kDynamic);
  };
  SmallVector<CaptureFacts> facts = getCaptureFacts(op.getCaptures());
  auto classifier =
      std::make_unique<TileClassifier>(op.getMask(), sizeOf(whole[AttendOp::I]),
                                       sizeOf(whole[AttendOp::J]), facts);
  MaskDomain domain{whole[AttendOp::B], heads,        whole[AttendOp::I],
                    whole[AttendOp::J], plan.queries, plan.keys,
                    plan.group};
  classifier->emitPrepass(builder, loc, domain, op.getCaptures());
  if (classifier->mayLeaveGaps())
    remark::passed(
        loc,
        remark::RemarkOpts::name("mask-in-blocks").category("attn-tile-keys"))
        << "blocks of 16 tiles are asked first whether the mask leaves them "
           "empty";
  remarkFacts(op, facts, *classifier);
  classifier->remarkNotes("attn-tile-keys");
  return classifier;
}

/// Says what the bound on scores buys, and a key kept in each row with it.
static void remarkScores(AttendOp op, const QueryTile &tile) {
  auto report = [&](StringRef name, const std::string &what) {
    remark::passed(op.getLoc(),
                   remark::RemarkOpts::name(name).category("attn-tile-keys"))
        << what;
  };
  if (getFixedMaximum(op))
    report("score-bounded",
           llvm::formatv("scores stay within {0:f1}: no running maximum, no "
                         "rescaling",
                         *getScoreBound(op))
               .str());
  if (tile.keepsEveryRow())
    report("rows-not-empty", "every row keeps a key: no test of empty rows");
}

/// The plan for a tile of queries that an enclosing loop fixed already.
static TilePlan getPlanOfTile(const TargetSpec &target, AttendOp op) {
  TilePlan plan = getPlan(target, op);
  if (op.getOffsets().empty() || plan.resident)
    return plan;
  auto loop = op->getParentOfType<scf::ForallOp>();
  if (OpFoldResult step = stepOf(op, AttendOp::I, loop))
    plan.queries = getConstantIntValue(step).value_or(plan.queries);
  return plan;
}

namespace {
struct TileKeys : public attn::impl::TileKeysPassBase<TileKeys> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<TargetSpec> spec = getPassTarget(getOperation(), target);
    if (failed(spec))
      return signalPassFailure();
    for (AttendOp op : getAttendOps(getOperation())) {
      TilePlan plan = getPlanOfTile(*spec, op);
      if (!isSingleHead(op, plan)) {
        op.emitOpError("has several batches or heads; tile queries first");
        return signalPassFailure();
      }
      IRRewriter rewriter(op);
      std::unique_ptr<TileClassifier> classifier =
          prepareClassifier(rewriter, op, plan);
      QueryTile tile(rewriter, op, plan, classifier.get());
      remarkScores(op, tile);
      rewriter.replaceOp(
          op, plan.resident
                  ? QueryBand(rewriter, op, plan, classifier.get()).emit()
                  : tile.emit());
    }
  }
};
} // namespace
