//===- Vectorize.cpp - Turns linalg on memrefs into vector loops -*- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockEmitter.h"
#include "PrepareBody.h"

#include "attn/Conversion/LinalgToVector/LinalgToVector.h"
#include "attn/Conversion/LinalgToVector/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Remarks.h"

#define DEBUG_TYPE "attn-vectorize"

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

LogicalResult attn::vectorizeLinalgOp(RewriterBase &rewriter,
                                      linalg::LinalgOp linalgOp,
                                      const TargetSpec &target) {
  rewriter.setInsertionPoint(linalgOp);
  auto op = dyn_cast<linalg::GenericOp>(linalgOp.getOperation());
  if (!op) {
    FailureOr<linalg::GenericOp> generic =
        linalg::generalizeNamedOp(rewriter, linalgOp);
    if (failed(generic)) {
      remarkMissed(linalgOp, "has no form as linalg.generic");
      return failure();
    }
    op = *generic;
  }
  std::string reason;
  FailureOr<BlockPlan> plan = BlockPlan::get(op, target, reason);
  if (failed(plan)) {
    remarkMissed(op, reason);
    return failure();
  }
  if (!plan->laneDim)
    remarkMissed(op, "no parallel dimension can run along vector lanes");
  if (target.hasFMA)
    formMultiplyAdds(rewriter, op);
  SmallVector<Value> initialValues = absorbFills(rewriter, op);
  rewriter.setInsertionPoint(op);
  BlockEmitter(op, *plan, initialValues).emit(rewriter);
  rewriter.eraseOp(op);
  return success();
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
/// Remembers what is erased, so that it is not visited.
struct ErasedOps : RewriterBase::Listener {
  DenseSet<Operation *> ops;

  void notifyOperationErased(Operation *op) override { ops.insert(op); }
};

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
    ErasedOps erased;
    IRRewriter rewriter(&getContext(), &erased);
    generalizeStridedCopies(rewriter, getOperation());
    SmallVector<linalg::LinalgOp> ops;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (op.hasPureBufferSemantics())
        ops.push_back(op);
    });
    // From the end, so that an op still finds the fills before it.
    for (linalg::LinalgOp op : llvm::reverse(ops))
      if (!erased.ops.contains(op))
        static_cast<void>(vectorizeLinalgOp(rewriter, op, spec));
  }

  TargetSpec spec;
};
} // namespace
