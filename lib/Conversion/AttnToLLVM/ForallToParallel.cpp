//===- ForallToParallel.cpp - The loop that threads share -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLLVM/Passes.h"
#include "attn/Dialect/Attn/IR/AttributeNames.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::attn {
#define GEN_PASS_DEF_FORALLTOPARALLELPASS
#include "attn/Conversion/AttnToLLVM/AttnToLLVMPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// The number of iterations of every dimension.
static SmallVector<Value> emitCounts(OpBuilder &builder, scf::ForallOp forall) {
  Location loc = forall.getLoc();
  SmallVector<Value> counts;
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  for (auto [lower, upper, step] : llvm::zip_equal(
           forall.getLowerBound(builder), forall.getUpperBound(builder),
           forall.getStep(builder))) {
    Value span = arith::SubIOp::create(builder, loc, upper, lower);
    Value count = arith::CeilDivSIOp::create(builder, loc, span, step);
    counts.push_back(arith::MaxSIOp::create(builder, loc, count, zero));
  }
  return counts;
}

/// Moves the body of `forall` into `loop`, which runs over the linear index.
static void moveBody(RewriterBase &rewriter, scf::ForallOp forall,
                     scf::ForOp loop, ValueRange counts) {
  Location loc = forall.getLoc();
  rewriter.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> lower = forall.getLowerBound(rewriter);
  SmallVector<Value> step = forall.getStep(rewriter);
  Value rest = loop.getInductionVar();
  SmallVector<Value> indices(counts.size());
  for (int64_t d = counts.size() - 1; d >= 0; --d) {
    Value position = rest;
    if (d > 0) {
      position = arith::RemUIOp::create(rewriter, loc, rest, counts[d]);
      rest = arith::DivUIOp::create(rewriter, loc, rest, counts[d]);
    }
    Value scaled = arith::MulIOp::create(rewriter, loc, position, step[d]);
    indices[d] = arith::AddIOp::create(rewriter, loc, lower[d], scaled);
  }
  rewriter.eraseOp(forall.getTerminator());
  rewriter.inlineBlockBefore(forall.getBody(), loop.getBody()->getTerminator(),
                             indices);
}

static void convertToParallel(RewriterBase &rewriter, scf::ForallOp forall) {
  Location loc = forall.getLoc();
  rewriter.setInsertionPoint(forall);
  SmallVector<Value> counts = emitCounts(rewriter, forall);
  Value total = arith::ConstantIndexOp::create(rewriter, loc, 1);
  for (Value count : counts)
    total = arith::MulIOp::create(rewriter, loc, total, count);
  auto parallel = ParallelOp::create(rewriter, loc, total);
  Type index = rewriter.getIndexType();
  Block *body =
      rewriter.createBlock(&parallel.getBody(), {}, {index, index}, {loc, loc});
  Value one = arith::ConstantIndexOp::create(rewriter, loc, 1);
  auto loop = scf::ForOp::create(rewriter, loc, body->getArgument(0),
                                 body->getArgument(1), one);
  YieldOp::create(rewriter, loc);
  moveBody(rewriter, forall, loop, counts);
  rewriter.eraseOp(forall);
}

static bool isOutermost(scf::ForallOp forall) {
  return !forall->getParentOfType<scf::ForallOp>();
}

/// Whether steps of `loop` or of one inside are still to be interleaved, which
/// takes an scf.forall.
static bool isToInterleave(scf::ForallOp loop) {
  return loop
      .walk([](scf::ForallOp inner) {
        return inner->hasAttr(interleaveAttr) ? WalkResult::interrupt()
                                              : WalkResult::advance();
      })
      .wasInterrupted();
}

namespace {
struct ForallToParallel
    : public attn::impl::ForallToParallelPassBase<ForallToParallel> {
  using ForallToParallelPassBase::ForallToParallelPassBase;

  void runOnOperation() override {
    SmallVector<scf::ForallOp> loops;
    // Outer loops first: those inside of a converted one run in its thread.
    getOperation().walk<WalkOrder::PreOrder>([&](scf::ForallOp forall) {
      if (several && isToInterleave(forall))
        return WalkResult::skip();
      loops.push_back(forall);
      return WalkResult::advance();
    });
    if (several && (!parallel || llvm::count_if(loops, isOutermost) < 2))
      return;
    IRRewriter rewriter(&getContext());
    for (scf::ForallOp forall : loops) {
      if (forall.getNumResults()) {
        forall.emitOpError("on tensors; bufferize it first");
        return signalPassFailure();
      }
      rewriter.setInsertionPoint(forall);
      if (parallel && !forall->getParentOfType<ParallelOp>())
        convertToParallel(rewriter, forall);
      else if (failed(scf::forallToForLoop(rewriter, forall)))
        return signalPassFailure();
    }
  }
};
} // namespace
