//===- PairSizes.cpp - Masks and modifiers against an attention's sizes -===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/PairSizes.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"
#include "attn/Dialect/Attn/IR/Requirements.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

int64_t attn::multiplySizes(int64_t lhs, int64_t rhs) {
  if (ShapedType::isDynamic(lhs) || ShapedType::isDynamic(rhs))
    return ShapedType::kDynamic;
  return lhs * rhs;
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

static int64_t getRank(Value capture) {
  return cast<ShapedType>(capture.getType()).getRank();
}

/// `capture` is absent, a scalar, or has one entry per batch.
static SmallVector<SizeRule> onePerBatch(StringRef what, Value capture) {
  if (!capture || !isa<ShapedType>(capture.getType()))
    return {};
  return {{capture, 0, what, SizeRule::Batch}};
}

/// `capture` is (length) or (batch, length), or longer.
static void addPerPosition(SmallVector<SizeRule> &rules, StringRef what,
                           Value capture, SizeRule::Unit unit) {
  int64_t last = getRank(capture) - 1;
  if (last == 1)
    rules.push_back({capture, 0, what, SizeRule::Batch});
  rules.push_back({capture, last, what, unit, SizeRule::AtLeast});
}

/// `capture` is aligned right with (B, H, M, N), sizes of 1 broadcast.
static SmallVector<SizeRule> broadcast(Value capture) {
  static constexpr StringRef what[] = {"batches", "heads", "queries", "keys"};
  SmallVector<SizeRule> rules;
  for (int64_t dim = 0, rank = getRank(capture); dim < rank; ++dim) {
    int64_t unit = 4 - rank + dim;
    rules.push_back({capture, dim, what[unit],
                     static_cast<SizeRule::Unit>(unit), SizeRule::OneOr});
  }
  return rules;
}

SmallVector<SizeRule> MaskCausalOp::getSizeRules() {
  return onePerBatch("offsets", getOffset());
}

SmallVector<SizeRule> MaskWindowOp::getSizeRules() {
  return onePerBatch("offsets", getOffset());
}

SmallVector<SizeRule> MaskPrefixOp::getSizeRules() {
  return onePerBatch("lengths", getLength());
}

SmallVector<SizeRule> MaskPaddingOp::getSizeRules() {
  SmallVector<SizeRule> rules = onePerBatch("lengths", getLengths());
  if (getRank(getLengths()) == 2)
    rules.push_back({getLengths(), 1, "lengths", SizeRule::Query});
  return rules;
}

SmallVector<SizeRule> MaskDocumentOp::getSizeRules() {
  SmallVector<SizeRule> rules;
  addPerPosition(rules, "ids", getIds(), SizeRule::Query);
  if (getKeyIds())
    addPerPosition(rules, "key ids", getKeyIds(), SizeRule::Key);
  else
    rules.push_back({getIds(), getRank(getIds()) - 1, "ids", SizeRule::Key,
                     SizeRule::AtLeast});
  return rules;
}

SmallVector<SizeRule> MaskBlockSparseOp::getSizeRules() {
  SmallVector<SizeRule> rules;
  int64_t rows = getRank(getLayout()) - 2;
  if (rows == 1)
    rules.push_back({getLayout(), 0, "layouts", SizeRule::Head});
  rules.push_back({getLayout(), rows, "rows of blocks", SizeRule::Query,
                   SizeRule::AtLeast, getBlock()[0]});
  rules.push_back({getLayout(), rows + 1, "columns of blocks", SizeRule::Key,
                   SizeRule::AtLeast, getBlock()[1]});
  return rules;
}

SmallVector<SizeRule> MaskDenseOp::getSizeRules() {
  return broadcast(getKeep());
}

SmallVector<SizeRule> ScoreAlibiOp::getSizeRules() {
  return {{getSlopes(), 0, "slopes", SizeRule::Head}};
}

SmallVector<SizeRule> ScoreRelativeBiasOp::getSizeRules() {
  if (getRank(getTable()) == 1)
    return {};
  return {{getTable(), 0, "tables", SizeRule::Head}};
}

SmallVector<SizeRule> ScoreBucketedBiasOp::getSizeRules() {
  if (getRank(getTable()) == 1)
    return {};
  return {{getTable(), 0, "tables", SizeRule::Head}};
}

SmallVector<SizeRule> ScoreImageBiasOp::getSizeRules() {
  if (getRank(getTable()) == 2)
    return {};
  return {{getTable(), 0, "tables", SizeRule::Head}};
}

SmallVector<SizeRule> ScoreBiasOp::getSizeRules() {
  return broadcast(getBias());
}

//===----------------------------------------------------------------------===//
// What an attention uses
//===----------------------------------------------------------------------===//

/// The op that `mask` comes from and those that it combines.
static SmallVector<MaskOpInterface> getMaskOps(Value mask) {
  llvm::SetVector<Operation *> ops;
  auto add = [&](Value value) {
    if (auto op = value.getDefiningOp<MaskOpInterface>())
      ops.insert(op);
  };
  add(mask);
  for (size_t next = 0; next < ops.size(); ++next)
    for (Value operand : ops[next]->getOperands())
      if (isa<MaskType>(operand.getType()))
        add(operand);
  return llvm::map_to_vector(
      ops, [](Operation *op) { return cast<MaskOpInterface>(op); });
}

/// The rules of `op`, where a tensor that is aligned with pairs counts batches
/// in place of the heads that its user does not have.
template <typename OpTy>
static SmallVector<SizeRule> getRulesFor(OpTy op, bool hasHeads) {
  SmallVector<SizeRule> rules = op.getSizeRules();
  if (!hasHeads)
    for (SizeRule &rule : rules)
      if (rule.relation == SizeRule::OneOr && rule.unit == SizeRule::Head &&
          getRank(rule.capture) == 3) {
        rule.unit = SizeRule::Batch;
        rule.what = "batches";
      }
  return rules;
}

/// Calls `visit` on every mask and modifier in use until one fails.
static LogicalResult forEachUsed(
    Value mask, ValueRange scores, bool hasHeads,
    function_ref<LogicalResult(Operation *, ArrayRef<SizeRule>)> visit) {
  if (mask)
    for (MaskOpInterface op : getMaskOps(mask)) {
      // Where blocks are out of order, the verifier comes here first.
      if (failed(op->getName().verifyInvariants(op)) ||
          failed(visit(op, getRulesFor(op, hasHeads))))
        return failure();
    }
  for (Value score : scores) {
    auto op = score.getDefiningOp<ScoreModOpInterface>();
    if (op && (failed(op->getName().verifyInvariants(op)) ||
               failed(visit(op, getRulesFor(op, hasHeads)))))
      return failure();
  }
  return success();
}

/// "it takes at least one per query block, " and the like, before the number.
static std::string describe(const SizeRule &rule) {
  static constexpr StringRef units[] = {"batch", "query head", "query", "key"};
  if (rule.relation == SizeRule::OneOr)
    return "it takes 1 or ";
  std::string text = "it takes ";
  if (rule.relation == SizeRule::AtLeast)
    text += "at least ";
  text += "one per " + units[rule.unit].str();
  return text + (rule.block == 1 ? ", " : " block, ");
}

static int64_t getCaptureSize(const SizeRule &rule) {
  return cast<ShapedType>(rule.capture.getType()).getDimSize(rule.dim);
}

/// Whether `size` satisfies `rule` for `units` units, if they are known.
static bool mayHold(const SizeRule &rule, int64_t size, int64_t units) {
  if (ShapedType::isDynamic(size) || ShapedType::isDynamic(units))
    return true;
  int64_t expected = llvm::divideCeil(units, rule.block);
  return size == expected || (rule.relation == SizeRule::OneOr && size == 1) ||
         (rule.relation == SizeRule::AtLeast && size > expected);
}

/// A score region computes in the accumulator type of its user.
static LogicalResult verifyScoreType(Operation *user, Operation *modifier,
                                     Type accumulator) {
  auto map = dyn_cast<ScoreMapOp>(modifier);
  if (!map || map.getBody()->getNumArguments() == 0)
    return success();
  Type score = map.getBody()->getArgument(0).getType();
  if (score == accumulator)
    return success();
  return user->emitOpError() << "score modifier '" << modifier->getName()
                             << "' takes scores of type " << score
                             << "; those of this attention are " << accumulator;
}

LogicalResult attn::verifyMaskAndScores(Operation *op, Value mask,
                                        ValueRange scores,
                                        const PairSizes &sizes, bool hasHeads) {
  int64_t units[] = {sizes.b, sizes.h, sizes.m, sizes.n};
  return forEachUsed(
      mask, scores, hasHeads,
      [&](Operation *used, ArrayRef<SizeRule> rules) -> LogicalResult {
        for (const SizeRule &rule : rules) {
          int64_t size = getCaptureSize(rule);
          if (mayHold(rule, size, units[rule.unit]))
            continue;
          return op->emitOpError()
                 << (isa<MaskOpInterface>(used) ? "mask '" : "score modifier '")
                 << used->getName() << "' has " << size << " " << rule.what
                 << " in " << rule.capture.getType() << "; " << describe(rule)
                 << llvm::divideCeil(units[rule.unit], rule.block);
        }
        return verifyScoreType(op, used, sizes.accumulator);
      });
}

/// Emits attn.require for one rule, unless a static 1 satisfies it.
static void emitSizeRequirement(OpBuilder &builder, Location loc,
                                Operation *used, const SizeRule &rule,
                                Value units) {
  if (rule.relation == SizeRule::OneOr && getCaptureSize(rule) == 1)
    return;
  Value size = emitDim(builder, loc, rule.capture, rule.dim);
  if (rule.block != 1) {
    Value block = arith::ConstantIndexOp::create(builder, loc, rule.block);
    units = arith::CeilDivSIOp::create(builder, loc, units, block);
  }
  auto predicate = rule.relation == SizeRule::AtLeast
                       ? arith::CmpIPredicate::sge
                       : arith::CmpIPredicate::eq;
  Value holds = arith::CmpIOp::create(builder, loc, predicate, size, units);
  emitRequirement(builder, loc, used, holds,
                  "there are {0} " + rule.what + "; " + describe(rule) + "{1}",
                  {size, units});
}

void attn::emitSizeRequirements(OpBuilder &builder, Location loc, Value mask,
                                ValueRange scores, ArrayRef<Value> sizes,
                                bool hasHeads) {
  // All rules are visited: the visitor does not fail.
  (void)forEachUsed(
      mask, scores, hasHeads, [&](Operation *used, ArrayRef<SizeRule> rules) {
        for (const SizeRule &rule : rules)
          emitSizeRequirement(builder, loc, used, rule, sizes[rule.unit]);
        emitContentRequirements(builder, loc, used);
        return success();
      });
}
