//===- TensorKernel.cpp - Tables computed on the device -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorKernel.h"

#include "../Arguments/Captures.h"
#include "../Instructions/SharedReduction.h"
#include "DeviceCode.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::attn;

static bool isTensor(Value value) { return isa<TensorType>(value.getType()); }

/// Whether the loop only inserts elements at its own index, so that its
/// iterations can be shared.
static bool isShared(scf::ForOp loop) {
  if (!llvm::all_of(loop.getRegionIterArgs(), isTensor))
    return false;
  return llvm::all_of(loop.getBody()->without_terminator(), [&](Operation &op) {
    if (auto insert = dyn_cast<tensor::InsertOp>(op))
      return insert.getIndices().size() == 1 &&
             insert.getIndices()[0] == loop.getInductionVar();
    auto extract = dyn_cast<tensor::ExtractOp>(op);
    bool readsOwn = extract && isa<BlockArgument>(extract.getTensor());
    return op.getNumRegions() == 0 && !readsOwn;
  });
}

//===----------------------------------------------------------------------===//
// What the tensor is made of
//===----------------------------------------------------------------------===//

TensorKernel::TensorKernel(Value tensor) : tensor(tensor) {
  collect(tensor);
  auto ordered = llvm::to_vector(code);
  llvm::sort(ordered, [](Operation *lhs, Operation *rhs) {
    return lhs->isBeforeInBlock(rhs);
  });
  code = SetVector<Operation *>(ordered.begin(), ordered.end());
}

void TensorKernel::collect(Value value) {
  Operation *op = value.getDefiningOp();
  if (isTensor(value) && isa_and_nonnull<bufferization::ToTensorOp>(op)) {
    sources.insert(value);
    return;
  }
  bool onTensors =
      op && (isTensor(value) || op->getNumRegions() || readsElements(value));
  if (!onTensors) {
    scalars.insert(value);
    return;
  }
  if (!code.insert(op))
    return;
  for (Value operand : op->getOperands())
    collect(operand);
  op->walk([&](Operation *nested) {
    for (Value operand : nested->getOperands())
      if (!op->isAncestor(operand.getParentBlock()->getParentOp()) &&
          operand.getDefiningOp() != op)
        collect(operand);
  });
}

LogicalResult attn::refuseTensorOp(Operation *op) {
  return op->emitOpError(
      "on tensors has no code for GPUs; attention, linalg ops, reshapes, "
      "slices, and loops that insert elements at their own index have");
}

LogicalResult TensorKernel::check(Block &block) {
  for (Operation &op : block) {
    auto loop = dyn_cast<scf::ForOp>(op);
    if (loop && failed(check(*loop.getBody())))
      return failure();
    bool inShared = isa<scf::ForOp>(op.getParentOp()) &&
                    isShared(cast<scf::ForOp>(op.getParentOp()));
    if (!isOnNumbers(op) && !loop &&
        !isa<tensor::ExtractOp, scf::YieldOp>(op) &&
        !(inShared && isa<tensor::InsertOp>(op)))
      return refuseTensorOp(&op);
  }
  return success();
}

LogicalResult TensorKernel::check() {
  for (Operation *op : code) {
    auto loop = dyn_cast<scf::ForOp>(op);
    // What others may read is not overwritten.
    if (loop && llvm::any_of(loop.getInitArgs(), [&](Value init) {
          return sources.contains(init);
        }))
      return refuseTensorOp(op);
    if (loop ? succeeded(check(*loop.getBody()))
             : isOnNumbers(*op) ||
                   isa<tensor::EmptyOp, tensor::ExtractOp,
                       tensor::FromElementsOp, linalg::FillOp>(op)) {
      // Each tensor takes the place of the one before.
      bool replaced = llvm::all_of(op->getResults(), [&](Value result) {
        return !isTensor(result) || result == tensor || result.hasOneUse();
      });
      if (replaced)
        continue;
    }
    if (loop)
      return failure();
    return refuseTensorOp(op);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

SmallVector<Value> TensorKernel::lookup(ValueRange indices) {
  return llvm::map_to_vector(
      indices, [&](Value index) { return values->lookupOrDefault(index); });
}

/// Whether all threads reach the loop, and can share its iterations, the
/// innermost ones of a nest.
static bool canShare(scf::ForOp loop) {
  auto parent = dyn_cast<scf::ForOp>(loop->getParentOp());
  return SharedReduction::matches(loop) && !(parent && isShared(parent)) &&
         loop.getBody()->getOps<scf::ForOp>().empty();
}

/// Elements are counted through by all threads.
void TensorKernel::emitFill(KernelBuilder &k, Operation &op) {
  auto fill = cast<linalg::FillOp>(op);
  Value out = fill.getOutputs().front();
  DeviceTensor place = memory[out];
  memory[fill.getResult(0)] = place;
  Value count = arith::ConstantIntOp::create(k.b, k.loc, 1, 64);
  for (Value size : place.sizes)
    count = k.mul(count, size);
  Value value = values->lookupOrDefault(fill.getInputs().front());
  Value first = k.toIndex(thread), step = k.toIndex(k.integer(threads));
  auto loop = scf::ForOp::create(k.b, k.loc, first, k.toIndex(count), step);
  OpBuilder inner = OpBuilder::atBlockTerminator(loop.getBody());
  KernelBuilder body{inner, k.loc};
  Value rest = arith::IndexCastOp::create(inner, k.loc, inner.getI64Type(),
                                          loop.getInductionVar());
  SmallVector<Value> indices;
  for (Value size : llvm::reverse(place.sizes)) {
    indices.push_back(body.toIndex(body.rem(rest, size)));
    rest = body.div(rest, size);
  }
  std::reverse(indices.begin(), indices.end());
  storeElement(body, value, place, indices);
  k.syncBlock();
}

void TensorKernel::emitBody(KernelBuilder &k, scf::ForOp loop) {
  for (Operation &op : loop.getBody()->without_terminator())
    emitOp(k, op);
}

void TensorKernel::emitLoop(KernelBuilder &k, scf::ForOp loop) {
  if (canShare(loop)) {
    SharedReduction reduction(loop);
    sharedBytes = reduction.getSharedBytes(threads);
    return reduction.emit(
        k, *values, thread, threads,
        [&](KernelBuilder &inner, Operation &op) { emitOp(inner, op); });
  }
  bool shared = isShared(loop);
  SmallVector<Value> carried;
  for (auto [argument, init, result] : llvm::zip_equal(
           loop.getRegionIterArgs(), loop.getInitArgs(), loop.getResults())) {
    if (!isTensor(argument)) {
      carried.push_back(values->lookupOrDefault(init));
      continue;
    }
    DeviceTensor place = memory[init];
    memory[argument] = memory[result] = place;
  }
  Value lower = values->lookupOrDefault(loop.getLowerBound());
  Value step = values->lookupOrDefault(loop.getStep());
  if (shared) {
    Value offset = arith::MulIOp::create(k.b, k.loc, k.toIndex(thread), step);
    lower = arith::AddIOp::create(k.b, k.loc, lower, offset);
    Value all = k.toIndex(k.integer(threads));
    step = arith::MulIOp::create(k.b, k.loc, step, all);
  }
  auto copy = scf::ForOp::create(
      k.b, k.loc, lower, values->lookupOrDefault(loop.getUpperBound()), step,
      carried,
      [&](OpBuilder &inner, Location loc, Value index, ValueRange arguments) {
        KernelBuilder body{inner, loc};
        values->map(loop.getInductionVar(), index);
        for (Value argument : loop.getRegionIterArgs())
          if (!isTensor(argument)) {
            values->map(argument, arguments.front());
            arguments = arguments.drop_front();
          }
        emitBody(body, loop);
        SmallVector<Value> yielded;
        for (Value value : loop.getYieldedValues())
          if (!isTensor(value))
            yielded.push_back(values->lookupOrDefault(value));
        scf::YieldOp::create(inner, loc, yielded);
      });
  ValueRange results = copy.getResults();
  for (Value result : loop.getResults())
    if (!isTensor(result)) {
      values->map(result, results.front());
      results = results.drop_front();
    }
  if (shared)
    k.syncBlock();
}

void TensorKernel::emitOp(KernelBuilder &k, Operation &op) {
  if (isa<linalg::FillOp>(op))
    return emitFill(k, op);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return emitLoop(k, loop);
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    Value pointer =
        addressElement(k, extract.getType(), memory[extract.getTensor()],
                       lookup(extract.getIndices()));
    values->map(extract.getResult(),
                readElement(k, extract.getType(), pointer));
    return;
  }
  if (auto insert = dyn_cast<tensor::InsertOp>(op)) {
    DeviceTensor place = memory[insert.getDest()];
    storeElement(k, values->lookupOrDefault(insert.getScalar()), place,
                 lookup(insert.getIndices()));
    memory[insert.getResult()] = place;
    return;
  }
  if (auto elements = dyn_cast<tensor::FromElementsOp>(op))
    return emitElements(k, elements);
  k.b.clone(op, *values);
}

/// One thread stores all.
void TensorKernel::emitElements(KernelBuilder &k, tensor::FromElementsOp op) {
  ArrayRef<int64_t> shape = op.getType().getShape();
  SmallVector<int64_t> strides = computeStrides(shape);
  k.when(k.less(thread, k.integer(1)), [&] {
    for (auto [number, value] : llvm::enumerate(op.getElements())) {
      SmallVector<Value> indices;
      for (int64_t index : delinearize(number, strides))
        indices.push_back(arith::ConstantIndexOp::create(k.b, k.loc, index));
      storeElement(k, values->lookupOrDefault(value), memory[op], indices);
    }
  });
}

void TensorKernel::emit(OpBuilder &host, KernelModule &kernels, StringRef name,
                        function_ref<DeviceValue(Value)> describe,
                        const DeviceTensor &place) {
  AttendArguments given;
  for (const SetVector<Value> *list : {&sources, &scalars})
    for (Value value : *list)
      given.captures.push_back(describe(value));
  given.tables.push_back({tensor.getType(), {}, place});
  OpBuilder inside(host.getContext());
  Location loc = tensor.getLoc();
  SmallVector<Value> operands = given.getLaunchOperands();
  gpu::GPUFuncOp kernel = kernels.create(inside, loc, name, operands, threads);
  given.bind(inside, kernel.getBody().front().getArguments());

  KernelBuilder k{inside, loc};
  IRMapping mapping;
  values = &mapping;
  thread = NVVM::ThreadIdXOp::create(inside, loc, inside.getI32Type());
  ArrayRef<DeviceValue> bound(given.captures);
  for (auto [source, value] : llvm::zip(sources, bound))
    memory[source] = value.tensor;
  for (auto [scalar, value] :
       llvm::zip_equal(scalars, bound.drop_front(sources.size())))
    mapping.map(scalar, value.number);
  for (Operation *op : code) {
    if (isa<tensor::EmptyOp, tensor::FromElementsOp>(op))
      memory[op->getResult(0)] = given.tables.front().tensor;
    if (!isa<tensor::EmptyOp>(op))
      emitOp(k, *op);
  }
  kernels.finish(inside, kernel);
  Value one = arith::ConstantIndexOp::create(host, loc, 1);
  kernels.launch(host, kernel, {one, threads, sharedBytes}, operands);
}
