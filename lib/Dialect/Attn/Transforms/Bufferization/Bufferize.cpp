//===- Bufferize.cpp - Tensors become memrefs -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::attn {
#define GEN_PASS_DEF_BUFFERIZEPASS
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Stack that one body of a parallel loop may take, or a function without one,
/// in bytes: thread stacks are at least 2 MiB.
static constexpr int64_t maxStackBytes = 1280 * 1024;
/// Vector loads of scratch are then aligned on every target.
static constexpr int64_t scratchAlignment = 64;

static int64_t sizeInBytes(MemRefType type) {
  return type.getNumElements() *
         llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

/// Allocations of static size move to the top of `body`, on the stack, as far
/// as they fit.
static void placeOnStack(ArrayRef<memref::AllocOp> scratch, Block *body) {
  int64_t bytes = 0;
  for (memref::AllocOp alloc : scratch) {
    int64_t size = sizeInBytes(alloc.getType());
    if (bytes + size > maxStackBytes)
      continue;
    bytes += size;
    auto builder = OpBuilder::atBlockBegin(body);
    Value stack =
        memref::AllocaOp::create(builder, alloc.getLoc(), alloc.getType(),
                                 builder.getI64IntegerAttr(scratchAlignment));
    alloc.replaceAllUsesWith(stack);
    alloc.erase();
  }
}

/// Scratch of the body of a parallel loop.
static void placeScratch(scf::ForallOp loop) {
  SmallVector<memref::AllocOp> scratch;
  loop.walk([&](memref::AllocOp alloc) {
    if (alloc.getType().hasStaticShape() &&
        alloc->getParentOfType<scf::ForallOp>() == loop)
      scratch.push_back(alloc);
  });
  placeOnStack(scratch, loop.getBody());
}

/// A function whose parallel loop had a single step has its scratch in its own
/// body, where to ask for it takes longer than a short head, or in other loops,
/// which would ask for it in every step.
static void placeScratch(func::FuncOp function) {
  if (function.isExternal() || function.getNumResults() > 0 ||
      function.walk([](scf::ForallOp) { return WalkResult::interrupt(); })
          .wasInterrupted())
    return;
  SmallVector<memref::AllocOp> scratch;
  function.walk([&](memref::AllocOp alloc) {
    if (alloc.getType().hasStaticShape())
      scratch.push_back(alloc);
  });
  placeOnStack(scratch, &function.front());
}

static FailureOr<Value> allocate(OpBuilder &builder, Location loc,
                                 MemRefType type, ValueRange sizes,
                                 unsigned alignment) {
  return memref::AllocOp::create(builder, loc, type, sizes,
                                 builder.getI64IntegerAttr(std::max<int64_t>(
                                     alignment, scratchAlignment)))
      .getResult();
}

static LogicalResult copy(OpBuilder &builder, Location loc, Value from,
                          Value to) {
  if (from != to)
    linalg::CopyOp::create(builder, loc, from, to);
  return success();
}

/// Whether the dimensions that MLIR takes for dropped leave the sizes of the
/// type: it tells those of size 1 apart by strides, which may not be known.
static bool areDroppedRight(memref::SubViewOp view) {
  llvm::SmallBitVector dropped = view.getDroppedDims();
  SmallVector<int64_t> kept;
  for (auto [dim, size] : llvm::enumerate(view.getStaticSizes()))
    if (!dropped[dim])
      kept.push_back(size);
  return ArrayRef(kept) == view.getType().getShape();
}

/// Takes the dropped dimensions by sizes: joins each with one that is kept.
static void dropBySizes(memref::SubViewOp view) {
  std::optional<llvm::SmallDenseSet<unsigned>> dropped =
      computeRankReductionMask(view.getStaticSizes(),
                               view.getType().getShape());
  if (!dropped || areDroppedRight(view))
    return;
  SmallVector<ReassociationIndices> groups;
  bool isFirst = true; // Dropped dimensions before it are of its group.
  for (int64_t dim = 0; dim < view.getSourceType().getRank(); ++dim) {
    bool isKept = !dropped->contains(dim);
    if (groups.empty() || (isKept && !isFirst))
      groups.emplace_back();
    isFirst &= !isKept;
    groups.back().push_back(dim);
  }
  OpBuilder builder(view);
  Location loc = view.getLoc();
  Value whole = memref::SubViewOp::create(
      builder, loc, view.getSource(), view.getMixedOffsets(),
      view.getMixedSizes(), view.getMixedStrides());
  Value joined = memref::CollapseShapeOp::create(builder, loc, whole, groups);
  if (joined.getType() != view.getType())
    joined = memref::CastOp::create(builder, loc, view.getType(), joined);
  view.replaceAllUsesWith(joined);
  view.erase();
}

/// Of ops that do not bufferize, One-Shot Bufferize says no more than that.
static LogicalResult verifyBufferizable(Operation *root) {
  auto isTensor = llvm::IsaPred<TensorType>;
  WalkResult result = root->walk([&](Operation *op) {
    if ((llvm::none_of(op->getOperandTypes(), isTensor) &&
         llvm::none_of(op->getResultTypes(), isTensor)) ||
        isa<bufferization::BufferizableOpInterface>(op))
      return WalkResult::advance();
    return WalkResult(
        op->emitOpError("has no bufferization; attn-bufferize takes ops of "
                        "linalg, tensor, scf and others that implement "
                        "BufferizableOpInterface: lower it to these first"));
  });
  return failure(result.wasInterrupted());
}

namespace {
struct Bufferize : public attn::impl::BufferizePassBase<Bufferize> {
  void runOnOperation() override {
    if (failed(verifyBufferizable(getOperation())))
      return signalPassFailure();
    bufferization::OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = true;
    options.allowReturnAllocsFromLoops = true;
    options.allocationFn = allocate;
    options.memCpyFn = copy;
    bufferization::BufferizationState state;
    if (failed(bufferization::runOneShotModuleBufferize(getOperation(), options,
                                                        state)))
      return signalPassFailure();
    getOperation()->walk([](memref::SubViewOp view) { dropBySizes(view); });
    getOperation()->walk([](scf::ForallOp loop) { placeScratch(loop); });
    getOperation()->walk([](func::FuncOp op) { placeScratch(op); });
  }
};
} // namespace
