//===- InterleaveSteps.cpp - Steps of parallel loops side by side ---------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/LinalgToVector/Passes.h"
#include "attn/Dialect/Attn/IR/AttributeNames.h"
#include "attn/Dialect/Attn/IR/TilePlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::attn {
#define GEN_PASS_DEF_INTERLEAVESTEPSPASS
#include "attn/Conversion/LinalgToVector/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// The last dimension of `loop` with a multiple of `count` steps.
static std::optional<unsigned> findDimension(scf::ForallOp loop,
                                             int64_t count) {
  for (unsigned dim = loop.getRank(); dim-- > 0;) {
    int64_t lower = loop.getStaticLowerBound()[dim],
            upper = loop.getStaticUpperBound()[dim],
            step = loop.getStaticStep()[dim];
    if (!ShapedType::isDynamic(lower) && !ShapedType::isDynamic(upper) &&
        !ShapedType::isDynamic(step) && (upper - lower) % (step * count) == 0)
      return dim;
  }
  return std::nullopt;
}

/// Whether a stage ends with `op`, or a loop: what they write, others read.
static bool endsStage(Operation &op) {
  return op
      .walk([](MemoryEffectOpInterface inner) {
        return inner.hasEffect<MemoryEffects::Write>()
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

static void interleaveSteps(scf::ForallOp loop, unsigned dim, int64_t count) {
  SmallVector<int64_t> steps(loop.getStaticStep());
  Block *body = loop.getBody();
  SmallVector<SmallVector<Operation *>> stages(1);
  for (Operation &op : body->without_terminator()) {
    stages.back().push_back(&op);
    if (endsStage(op))
      stages.emplace_back();
  }

  SmallVector<IRMapping> copies(count - 1);
  auto builder = OpBuilder::atBlockBegin(body);
  Value first = loop.getInductionVar(dim);
  for (auto [index, copy] : llvm::enumerate(copies)) {
    Value distance = arith::ConstantIndexOp::create(builder, loop.getLoc(),
                                                    steps[dim] * (index + 1));
    copy.map(first,
             arith::AddIOp::create(builder, loop.getLoc(), first, distance));
  }
  for (ArrayRef<Operation *> stage : stages) {
    if (stage.empty())
      continue;
    builder.setInsertionPointAfter(stage.back());
    for (IRMapping &copy : copies)
      for (Operation *op : stage)
        builder.clone(*op, copy);
  }
  steps[dim] *= count;
  loop.setStaticStep(steps);
}

namespace {
struct InterleaveSteps
    : public attn::impl::InterleaveStepsPassBase<InterleaveSteps> {
  using Base::Base;

  void runOnOperation() override {
    getOperation()->walk([](scf::ForallOp loop) {
      Attribute attribute = loop->removeAttr(interleaveAttr);
      int64_t count = getCount(attribute).value_or(1);
      if (count == 1 || loop.getNumResults())
        return;
      if (std::optional<unsigned> dim = findDimension(loop, count))
        interleaveSteps(loop, *dim, count);
    });
  }
};
} // namespace
