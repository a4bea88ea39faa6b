//===- MaskTables.cpp - What a mask says of one index -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskTables.h"

#include "Captures.h"

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
  kernels.launchEach(host, kernel, result.sizes, threads, operands);
}

/// A thread counts through batches, heads and entries of all results.
void MaskTables::emitElement(OpBuilder &builder, ArrayRef<scf::ForOp> nest,
                             ArrayRef<DeviceValue> results,
                             ArrayRef<Value> used,
                             ArrayRef<DeviceValue> described) {
  KernelBuilder k{builder, op.getLoc()};
  Type word = builder.getI32Type();
  IRMapping mapping;
  mapping.map(used, emitCaptures(k, described));
  Value number =
      k.add(k.mul(NVVM::BlockIdXOp::create(builder, k.loc, word), threads),
            NVVM::ThreadIdXOp::create(builder, k.loc, word));
  SmallVector<Value> at(nest.size());
  Value rest = number, total = k.integer(1);
  for (size_t dim = nest.size(); dim-- > 0;) {
    Value size = k.toI32(results.front().tensor.sizes[dim]);
    at[dim] = k.rem(rest, size);
    rest = k.div(rest, size);
    total = k.mul(total, size);
    scf::ForOp level = nest[dim];
    mapping.map(level.getInductionVar(), k.toIndex(at[dim]));
  }
  auto store = [&](tensor::InsertOp insert) {
    unsigned result = cast<BlockArgument>(insert.getDest()).getArgNumber() - 1;
    Value pointer = results[result].tensor.pointer;
    Value value = mapping.lookup(insert.getScalar());
    for (auto [position, stride] :
         llvm::zip_equal(at, results[result].tensor.strides))
      pointer =
          k.gep(pointer, value.getType(), k.mul(k.toI64(position), stride));
    k.store(value, pointer);
  };
  k.when(k.less(number, total), [&] {
    for (scf::ForOp level : nest)
      for (Operation &nested : level.getBody()->without_terminator()) {
        if (llvm::is_contained(nest, &nested))
          continue;
        if (auto insert = dyn_cast<tensor::InsertOp>(nested))
          store(insert);
        else
          builder.clone(nested, mapping);
      }
  });
}
