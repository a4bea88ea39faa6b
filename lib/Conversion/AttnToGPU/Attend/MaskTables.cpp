//===- MaskTables.cpp - What a mask says of one index -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskTables.h"

#include "../Arguments/Captures.h"
#include "../Instructions/SharedReduction.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::attn;

static bool isTensor(Value value) { return isa<TensorType>(value.getType()); }

MaskTables::MaskTables(OpBuilder &host, AttendOp op,
                       ArrayRef<DeviceValue> captures, KernelModule &kernels,
                       StringRef name)
    : host(host), op(op), kernels(kernels), name(name) {
  for (auto [capture, described] : llvm::zip_equal(op.getCaptures(), captures))
    if (!described.number)
      memory[capture] = described.tensor;
}

DeviceValue MaskTables::describe(Value value) {
  auto found = memory.find(value);
  if (found == memory.end())
    return {value.getType(), value, {}};
  return {value.getType(), {}, found->second};
}

/// The ops that `emit` adds at the builder.
static SmallVector<Operation *> collectNew(OpBuilder &builder,
                                           function_ref<void()> emit) {
  Block *block = builder.getInsertionBlock();
  Block::iterator end = builder.getInsertionPoint();
  Operation *before = end == block->begin() ? nullptr : &*std::prev(end);
  emit();
  Block::iterator first =
      before ? std::next(before->getIterator()) : block->begin();
  SmallVector<Operation *> ops;
  for (Operation &op : llvm::make_range(first, end))
    ops.push_back(&op);
  return ops;
}

SmallVector<DeviceValue> MaskTables::emit(TileClassifier &classifier,
                                          const MaskDomain &domain) {
  SmallVector<Operation *> ops = collectNew(host, [&] {
    classifier.emitPrepass(host, op.getLoc(), domain, op.getCaptures());
  });
  SmallVector<Value> values = classifier.getPrepassValues();
  auto isWanted = [&](Value value) {
    return !value.use_empty() || llvm::is_contained(values, value);
  };
  for (Operation *&op : llvm::reverse(ops))
    if (llvm::none_of(op->getResults(), isWanted)) {
      op->erase();
      op = nullptr;
    }
  llvm::erase(ops, nullptr);
  auto isOnTensors = [](Operation *op) {
    return llvm::any_of(op->getResults(), isTensor);
  };
  for (Operation *op : ops)
    if (auto loop = dyn_cast<scf::ForOp>(op); loop && isOnTensors(op))
      emitPass(loop);
  SmallVector<DeviceValue> described =
      llvm::map_to_vector(values, [&](Value value) { return describe(value); });
  for (Operation *op : llvm::reverse(ops))
    if (isOnTensors(op))
      op->erase();
  return described;
}

/// The loops of a pass, the outermost first: each but the last holds the next
/// one and numbers.
static SmallVector<scf::ForOp> getNest(scf::ForOp loop) {
  SmallVector<scf::ForOp> nest;
  while (loop) {
    nest.push_back(loop);
    scf::ForOp inner;
    for (auto candidate : loop.getBody()->getOps<scf::ForOp>())
      if (candidate.getNumResults() && isTensor(candidate.getResult(0)))
        inner = candidate;
    loop = inner;
  }
  return nest;
}

/// Loops of the elements of a nest that the lanes of a warp can share.
static bool isReduced(ArrayRef<scf::ForOp> nest) {
  return llvm::any_of(nest, [&](scf::ForOp level) {
    return llvm::any_of(level.getBody()->getOps<scf::ForOp>(),
                        [&](scf::ForOp inner) {
                          return !llvm::is_contained(nest, inner) &&
                                 SharedReduction::matches(inner);
                        });
  });
}

void MaskTables::emitPass(scf::ForOp loop) {
  SmallVector<scf::ForOp> nest = getNest(loop);
  AttendArguments given;
  for (auto [init, result] :
       llvm::zip_equal(loop.getInitArgs(), loop.getResults())) {
    auto empty = init.getDefiningOp<tensor::EmptyOp>();
    Value place = allocateTensor(host, op.getLoc(), empty.getType(),
                                 empty.getMixedSizes());
    memory[result] = describeMemory(host, op.getLoc(), place);
    given.tables.push_back(describe(result));
  }
  // What elements are made of; bounds and steps of the nest are not.
  SetVector<Value> used;
  for (scf::ForOp level : nest)
    for (Operation &nested : level.getBody()->without_terminator())
      if (!llvm::is_contained(nest, &nested))
        nested.walk([&](Operation *inner) {
          for (Value operand : inner->getOperands())
            if (!loop->isAncestor(operand.getParentBlock()->getParentOp()))
              used.insert(operand);
        });
  for (Value value : used)
    given.captures.push_back(describe(value));

  OpBuilder inside(host.getContext());
  SmallVector<Value> operands = given.getLaunchOperands();
  gpu::GPUFuncOp kernel = kernels.create(
      inside, op.getLoc(), (name + "_mask" + Twine(count++)).str(), operands,
      threads);
  const DeviceTensor result = given.tables.front().tensor;
  given.bind(inside, kernel.getBody().front().getArguments());
  emitElement(inside, nest, given.tables, used.getArrayRef(), given.captures);
  kernels.finish(inside, kernel);
  SmallVector<Value> sizes(result.sizes);
  if (isReduced(nest))
    sizes.push_back(arith::ConstantIntOp::create(host, op.getLoc(), warpSize,
                                                 /*width=*/64));
  kernels.launchEach(host, kernel, sizes, threads, operands);
}

/// A thread, or the lanes of a warp together, take an element of all results;
/// they are counted through batches, heads and entries.
void MaskTables::emitElement(OpBuilder &builder, ArrayRef<scf::ForOp> nest,
                             ArrayRef<DeviceValue> results,
                             ArrayRef<Value> used,
                             ArrayRef<DeviceValue> described) {
  KernelBuilder k{builder, op.getLoc()};
  IRMapping mapping;
  mapping.map(used, emitCaptures(k, described));
  int64_t lanes = isReduced(nest) ? warpSize : 1;
  Value number = k.toI32(k.emitGlobalThread(threads));
  Value lane = k.rem(number, lanes);
  number = k.div(number, lanes);
  SmallVector<Value> at(nest.size());
  Value rest = number, total = k.integer(1);
  for (size_t dim = nest.size(); dim-- > 0;) {
    Value size = k.toI32(results.front().tensor.sizes[dim]);
    at[dim] = k.toIndex(k.rem(rest, size));
    rest = k.div(rest, size);
    total = k.mul(total, size);
    scf::ForOp level = nest[dim];
    mapping.map(level.getInductionVar(), at[dim]);
  }
  auto store = [&](tensor::InsertOp insert) {
    unsigned result = cast<BlockArgument>(insert.getDest()).getArgNumber() - 1;
    k.when(k.less(lane, k.integer(1)), [&] {
      storeElement(k, mapping.lookup(insert.getScalar()),
                   results[result].tensor, at);
    });
  };
  k.when(k.less(number, total), [&] {
    for (scf::ForOp level : nest)
      for (Operation &nested : level.getBody()->without_terminator()) {
        if (llvm::is_contained(nest, &nested))
          continue;
        auto loop = dyn_cast<scf::ForOp>(nested);
        if (auto insert = dyn_cast<tensor::InsertOp>(nested))
          store(insert);
        else if (loop && SharedReduction::matches(loop))
          SharedReduction(loop).emit(k, mapping, lane, lanes,
                                     [&](KernelBuilder &inner, Operation &op) {
                                       inner.b.clone(op, mapping);
                                     });
        else
          builder.clone(nested, mapping);
      }
  });
}
