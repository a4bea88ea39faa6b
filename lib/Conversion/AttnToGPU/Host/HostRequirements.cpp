//===- HostRequirements.cpp - What launches require -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostRequirements.h"

#include "attn/Dialect/Attn/IR/Attn.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// Whether one of the ops in `op` is an `OpTys`.
template <typename... OpTys>
static bool holds(Operation *op) {
  return op
      ->walk([](Operation *nested) {
        return isa<OpTys...>(nested) ? WalkResult::interrupt()
                                     : WalkResult::advance();
      })
      .wasInterrupted();
}

/// The requirement and what it is made of, in order.
static SetVector<Operation *> getParts(RequireOp require) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitBlockArguments = true;
  (void)getBackwardSlice(require.getOperation(), &slice, options);
  return slice;
}

void attn::dropUnreadableRequirements(func::FuncOp function) {
  SmallVector<RequireOp> dropped;
  function.walk([&](RequireOp require) {
    if (llvm::any_of(getParts(require),
                     holds<tensor::ExtractOp, memref::LoadOp>))
      dropped.push_back(require);
  });
  for (RequireOp require : dropped)
    require.erase();
}

void attn::moveRequirementsUp(func::FuncOp function) {
  if (function.isExternal())
    return;
  Block &body = function.getBody().front();
  auto first = llvm::find_if(body, [](Operation &op) {
    return holds<gpu::AllocOp, gpu::LaunchFuncOp>(&op);
  });
  if (first == body.end())
    return;
  for (RequireOp require : llvm::to_vector(body.getOps<RequireOp>())) {
    SetVector<Operation *> parts = getParts(require);
    // What asks of scratch stays behind it.
    if (llvm::any_of(parts, holds<gpu::AllocOp>))
      continue;
    for (Operation *op : parts)
      if (op->getBlock() == &body && first->isBeforeInBlock(op))
        op->moveBefore(&*first);
  }
}
