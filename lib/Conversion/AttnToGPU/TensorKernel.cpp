//===- TensorKernel.cpp - Tables computed on the device -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorKernel.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

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

/// Whether all that the op takes and gives are numbers.
static bool isOnNumbers(Operation &op) {
  return op.getNumRegions() == 0 && llvm::none_of(op.getOperands(), isTensor) &&
         llvm::none_of(op.getResults(), isTensor);
}

/// Whether a number depends on an element of a tensor, which only the device
/// can read.
static bool readsElements(Value number) {
  Operation *op = number.getDefiningOp();
  return op &&
         (isa<tensor::ExtractOp>(op) ||
          (isOnNumbers(*op) && llvm::any_of(op->getOperands(), readsElements)));
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
      return op.emitOpError("is computed on tensors; on a GPU a function holds "
                            "attention on its arguments alone");
  }
  return success();
}

LogicalResult TensorKernel::check() {
  for (Operation *op : code) {
    auto loop = dyn_cast<scf::ForOp>(op);
    if (loop
            ? succeeded(check(*loop.getBody()))
            : isOnNumbers(*op) ||
                  isa<tensor::EmptyOp, tensor::ExtractOp, linalg::FillOp>(op)) {
      // Each tensor takes the place of the one before.
      bool replaced = llvm::all_of(op->getResults(), [&](Value result) {
        return !isTensor(result) || result == tensor || result.hasOneUse();
      });
      if (replaced)
        continue;
    }
    if (loop)
      return failure();
    if (isa<AttendOp>(op))
      return op->emitOpError("computes what other attention reads, as entropy "
                             "and received weights do; on a GPU attention "
                             "gives results of the function alone: ask for "
                             "the LSE or all weights, and compute the rest "
                             "after the call");
    return op->emitOpError("is computed on tensors; on a GPU a function holds "
                           "attention on its arguments alone");
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

Value TensorKernel::address(KernelBuilder &k, Value of, ValueRange indices) {
  const DeviceTensor &place = memory[of];
  Value pointer = place.pointer;
  Type element = getElementTypeOrSelf(of.getType());
  for (auto [index, stride] : llvm::zip_equal(indices, place.strides)) {
    Value position = arith::IndexCastOp::create(k.b, k.loc, k.b.getI64Type(),
                                                values->lookupOrDefault(index));
    pointer = k.gep(pointer, element, k.mul(position, stride));
  }
  return pointer;
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
  Value pointer = place.pointer;
  for (auto [size, stride] :
       llvm::reverse(llvm::zip_equal(place.sizes, place.strides))) {
    Value index = body.rem(rest, size);
    pointer = body.gep(pointer, value.getType(), body.mul(index, stride));
    rest = body.div(rest, size);
  }
  body.store(value, pointer);
  k.syncBlock();
}

void TensorKernel::emitBody(KernelBuilder &k, scf::ForOp loop) {
  for (Operation &op : loop.getBody()->without_terminator())
    emitOp(k, op);
}

void TensorKernel::emitLoop(KernelBuilder &k, scf::ForOp loop) {
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
    Value pointer = address(k, extract.getTensor(), extract.getIndices());
    values->map(extract.getResult(), k.load(extract.getType(), pointer));
    return;
  }
  if (auto insert = dyn_cast<tensor::InsertOp>(op)) {
    Value pointer = address(k, insert.getDest(), insert.getIndices());
    k.store(values->lookupOrDefault(insert.getScalar()), pointer);
    DeviceTensor place = memory[insert.getDest()];
    memory[insert.getResult()] = place;
    return;
  }
  k.b.clone(op, *values);
}

void TensorKernel::emit(OpBuilder &builder, Location loc, IRMapping &mapping,
                        ArrayRef<DeviceTensor> sourceMemory,
                        const DeviceTensor &result) {
  KernelBuilder k{builder, loc};
  values = &mapping;
  thread = NVVM::ThreadIdXOp::create(builder, loc, builder.getI32Type());
  for (auto [source, place] : llvm::zip_equal(sources, sourceMemory))
    memory[source] = place;
  for (Operation *op : code) {
    if (isa<tensor::EmptyOp>(op))
      memory[op->getResult(0)] = result;
    else
      emitOp(k, *op);
  }
}
