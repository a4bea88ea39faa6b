//===- IsolateParallel.cpp - Loop bodies as functions of MLIR -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLLVM/Passes.h"
#include "attn/Dialect/Attn/IR/ABI.h"
#include "attn/Dialect/Attn/IR/ViewRoot.h"

#include "FreeSymbol.h"
#include "SinkConstants.h"

#include "mlir/Dialect/SCF/Utils/Utils.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::attn {
#define GEN_PASS_DEF_ISOLATEPARALLELPASS
#include "attn/Conversion/AttnToLLVM/AttnToLLVMPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

static bool needsFrame(ParallelOp parallel) {
  return parallel
      .walk([](Operation *op) {
        return isa<memref::AllocOp, memref::DeallocOp, RequireOp>(op)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Whether the body does no more than to call what is made of it here.
static bool isIsolated(ParallelOp parallel) {
  auto call = dyn_cast<func::CallOp>(parallel.getBody().front().front());
  auto callee = call ? SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
                           call, call.getCalleeAttr())
                     : nullptr;
  return callee && callee->hasAttr(abi::body);
}

/// A result of the function around the loop, or a view of it, overlaps nothing
/// else that the body captures, unless there are two of these.
static void copyResults(func::CallOp call, func::FuncOp body) {
  auto parent = call->getParentOfType<func::FuncOp>();
  SmallVector<Value> roots =
      llvm::map_to_vector(call.getOperands(), getViewRoot);
  for (auto [index, root] : llvm::enumerate(roots)) {
    auto argument = dyn_cast<BlockArgument>(root);
    if (argument && argument.getOwner() == &parent.front() &&
        parent.getArgAttr(argument.getArgNumber(), abi::result) &&
        llvm::count(roots, root) == 1)
      body.setArgAttr(index, abi::result, UnitAttr::get(call.getContext()));
  }
}

namespace {
struct IsolateParallel
    : public attn::impl::IsolateParallelPassBase<IsolateParallel> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    for (auto func :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      SmallVector<ParallelOp> loops;
      func.walk([&](ParallelOp parallel) { loops.push_back(parallel); });
      for (size_t index = loops.size(); index-- > 0;)
        if (loops[index].getBody().hasOneBlock() && !needsFrame(loops[index]) &&
            !isIsolated(loops[index]))
          isolate(rewriter, loops[index],
                  func.getName() + ".parallel." + Twine(index));
    }
  }

private:
  void isolate(RewriterBase &rewriter, ParallelOp parallel, const Twine &name) {
    sinkConstants(parallel.getBody());
    // Fails on several blocks alone.
    FailureOr<func::FuncOp> body = outlineSingleBlockRegion(
        rewriter, parallel.getLoc(), parallel.getBody(),
        getFreeSymbol(getOperation(), name));
    body->setPrivate();
    (*body)->setAttr(abi::body, rewriter.getUnitAttr());
    copyResults(cast<func::CallOp>(parallel.getBody().front().front()), *body);
  }
};
} // namespace
