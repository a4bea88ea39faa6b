//===- HoistStackBuffers.cpp - Stack buffers out of loops -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLLVM/Passes.h"

namespace mlir::attn {
#define GEN_PASS_DEF_HOISTSTACKBUFFERSPASS
#include "attn/Conversion/AttnToLLVM/AttnToLLVMPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
struct HoistStackBuffers
    : public attn::impl::HoistStackBuffersPassBase<HoistStackBuffers> {
  void runOnOperation() override {
    getOperation()->walk([](memref::AllocaOp alloca) {
      if (!alloca.getDynamicSizes().empty())
        return;
      Operation *scope = alloca->getParentOp();
      while (!isa<ParallelOp, FunctionOpInterface>(scope))
        scope = scope->getParentOp();
      Block &start = scope->getRegion(0).front();
      alloca->moveBefore(&start, start.begin());
    });
  }
};
} // namespace
