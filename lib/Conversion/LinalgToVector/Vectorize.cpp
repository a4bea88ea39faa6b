//===- Vectorize.cpp - Turns linalg on memrefs into vector loops --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Blocks/BlockEmitter.h"
#include "Lanes/LaneFold.h"
#include "Lanes/LaneReduction.h"
#include "Lanes/ScalarReduction.h"
#include "PrepareBody.h"
#include "Tiles/PairTransposition.h"
#include "Tiles/TileProduct.h"

#include "attn/Conversion/LinalgToVector/LinalgToVector.h"
#include "attn/Conversion/LinalgToVector/Passes.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"

namespace mlir::attn {
#define GEN_PASS_DEF_VECTORIZEPASS
#include "attn/Conversion/LinalgToVector/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

static void remarkMissed(Operation *op, StringRef reason) {
  auto options = remark::RemarkOpts::name("vectorize").category("vectorize");
  remark::missed(op->getLoc(), options)
      << op->getName().getStringRef() << remark::reason("{0}", reason);
}

namespace {
/// An op with the loops that it will become.
struct PlannedOp {
  linalg::GenericOp op;
  BlockPlan plan;
  std::vector<FusedOp> epilogues;
  /// Of ops that run before or with it though they stand behind it.
  SmallVector<Value> written;
  /// On tile registers, unless the output starts from a value that is not zero.
  bool inTiles = false;
};

/// Vectorizes all linalg ops on memrefs under a root.
class Vectorizer : public RewriterBase::Listener {
public:
  Vectorizer(MLIRContext *context, const TargetSpec &target)
      : rewriter(context, this), target(target) {}

  void run(Operation *root);

private:
  void notifyOperationErased(Operation *op) override {
    waiting.erase(op);
    claimed.erase(op);
  }
  linalg::GenericOp generalize(linalg::LinalgOp linalgOp);
  void plan(linalg::GenericOp op);
  void emitPlanned();
  void schedule(PlannedOp planned);
  bool emitUnblocked(linalg::GenericOp op, Value initial);
  void emit(PlannedOp &planned);

  IRRewriter rewriter;
  const TargetSpec &target;
  std::vector<PlannedOp> plannedOps;
  /// Ops that run inside of others.
  DenseSet<Operation *> claimed;
  /// Planned ops and fills that are still there. A set of those erased would
  /// take a new op at the same address for one of them.
  DenseSet<Operation *> waiting;
};
} // namespace

void Vectorizer::schedule(PlannedOp planned) {
  waiting.insert(planned.op);
  plannedOps.push_back(std::move(planned));
}

/// Null, with a remark, where there is no such form.
linalg::GenericOp Vectorizer::generalize(linalg::LinalgOp linalgOp) {
  if (auto op = dyn_cast<linalg::GenericOp>(linalgOp.getOperation()))
    return op;
  rewriter.setInsertionPoint(linalgOp);
  FailureOr<linalg::GenericOp> generic =
      linalg::generalizeNamedOp(rewriter, linalgOp);
  if (succeeded(generic))
    return *generic;
  remarkMissed(linalgOp, "has no form as linalg.generic");
  return {};
}

void Vectorizer::plan(linalg::GenericOp op) {
  if (claimed.contains(op))
    return;
  if (isLaneReduction(op) || isScalarReduction(op, target) ||
      isPairTransposition(op, target) || isLaneFold(op, target) ||
      isLaneRepeat(op, target)) {
    BlockPlan unblocked;
    unblocked.sizes = op.getStaticLoopRanges();
    return schedule({op, unblocked, {}, {}});
  }
  std::string reason;
  FailureOr<BlockPlan> plan = BlockPlan::get(op, target, reason);
  if (failed(plan))
    return remarkMissed(op, reason);
  if (isTileProduct(op, target))
    return schedule({op, *plan, {}, {}, /*inTiles=*/true});
  if (!plan->laneDim)
    remarkMissed(op, "no parallel dimension can run along vector lanes");
  std::vector<FusedOp> epilogues = findEpilogues(op, *plan, claimed);
  int64_t cost = 0;
  for (const FusedOp &epilogue : epilogues) {
    claimed.insert(epilogue.op);
    cost += estimateInstructions(epilogue.op);
  }
  plan->shortenRows(cost);
  SmallVector<Value> written = findWrites(op, epilogues);
  schedule({op, *plan, std::move(epilogues), std::move(written)});
}

/// Emits an op that is a few whole vectors; false for all others.
bool Vectorizer::emitUnblocked(linalg::GenericOp op, Value initial) {
  rewriter.setInsertionPoint(op);
  if (isPairTransposition(op, target))
    emitPairTransposition(rewriter, op, target);
  else if (isScalarReduction(op, target))
    emitScalarReduction(rewriter, op, target, initial);
  else if (isLaneFold(op, target))
    emitLaneFold(rewriter, op, target, initial);
  else if (isLaneRepeat(op, target))
    emitLaneRepeat(rewriter, op, target);
  else
    return false;
  return true;
}

void Vectorizer::emit(PlannedOp &planned) {
  linalg::GenericOp op = planned.op;
  // Tiles are loaded as they lie: without lanes to block, a fill alone is
  // taken.
  std::vector<Initializer> initializers = absorbInitializers(
      rewriter, op, planned.inTiles ? BlockPlan() : planned.plan,
      planned.written, claimed);
  if (planned.inTiles) {
    Value initial = initializers.front().value;
    if (!initial || matchPattern(initial, m_AnyZeroFloat())) {
      rewriter.setInsertionPoint(op);
      emitTileProduct(rewriter, op, /*fromZero=*/bool(initial));
      rewriter.eraseOp(op);
      return;
    }
  }
  if (emitUnblocked(op, initializers.front().value))
    return rewriter.eraseOp(op);
  SmallVector<linalg::GenericOp> all{op};
  for (const FusedOp &epilogue : planned.epilogues)
    all.push_back(epilogue.op);
  // What stands between an op and its epilogues runs before.
  Operation *place = all.back();
  for (const Initializer &initializer : initializers)
    if (initializer.op)
      all.push_back(initializer.op->op);
  if (target.hasFMA)
    for (linalg::GenericOp fused : all)
      formMultiplyAdds(rewriter, fused);
  rewriter.setInsertionPoint(place);
  if (isLaneReduction(op))
    emitLaneReduction(rewriter, op, target, initializers.front().value);
  else
    BlockEmitter(op, planned.plan, initializers, planned.epilogues)
        .emit(rewriter);
  for (linalg::GenericOp done : all)
    rewriter.eraseOp(done);
}

/// From the end, so that an op still finds what initializes it.
void Vectorizer::emitPlanned() {
  for (PlannedOp &planned : llvm::reverse(plannedOps))
    if (waiting.contains(planned.op))
      emit(planned);
  plannedOps.clear();
}

void Vectorizer::run(Operation *root) {
  SmallVector<linalg::LinalgOp> named, fills;
  SmallVector<linalg::GenericOp> ops;
  root->walk([&](linalg::LinalgOp op) {
    if (op.hasPureBufferSemantics())
      (isa<linalg::FillOp>(op) ? fills : named).push_back(op);
  });
  for (linalg::LinalgOp op : named)
    if (linalg::GenericOp generic = generalize(op))
      ops.push_back(generic);
  for (linalg::GenericOp op : ops)
    plan(op);
  waiting.insert(fills.begin(), fills.end());
  emitPlanned();
  for (linalg::LinalgOp fill : fills)
    if (waiting.contains(fill))
      if (linalg::GenericOp generic = generalize(fill))
        plan(generic);
  emitPlanned();
}

void attn::vectorizeLinalgOps(Operation *root, const TargetSpec &target) {
  Vectorizer(root->getContext(), target).run(root);
}

/// A copy that changes the layout would become a call into a runtime library.
static void generalizeStridedCopies(RewriterBase &rewriter, Operation *root) {
  root->walk([&](memref::CopyOp copy) {
    auto source = dyn_cast<MemRefType>(copy.getSource().getType());
    auto target = dyn_cast<MemRefType>(copy.getTarget().getType());
    if (!source || !target ||
        (source.getLayout().isIdentity() && target.getLayout().isIdentity()))
      return;
    rewriter.setInsertionPoint(copy);
    linalg::makeMemRefCopyOp(rewriter, copy.getLoc(), copy.getSource(),
                             copy.getTarget());
    rewriter.eraseOp(copy);
  });
}

namespace {
struct VectorizePass : attn::impl::VectorizePassBase<VectorizePass> {
  using VectorizePassBase::VectorizePassBase;

  LogicalResult initialize(MLIRContext *context) override {
    llvm::Expected<TargetSpec> parsed = TargetSpec::parse(target);
    if (!parsed)
      return emitError(UnknownLoc::get(context))
             << llvm::toString(parsed.takeError());
    spec = *parsed;
    return success();
  }

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    generalizeStridedCopies(rewriter, getOperation());
    vectorizeLinalgOps(getOperation(), spec);
  }

  TargetSpec spec;
};
} // namespace
