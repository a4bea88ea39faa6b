//===- LinalgKernel.cpp - Kernels for linalg on tensors ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgKernel.h"

#include "../Arguments/Captures.h"
#include "DeviceCode.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::attn;

linalg::FillOp attn::getFill(Value value) {
  return value.getDefiningOp<linalg::FillOp>();
}

//===----------------------------------------------------------------------===//
// What has a kernel
//===----------------------------------------------------------------------===//

/// Whether each element of the results is made by one place of the parallel
/// dimensions, which all of them count.
static bool hasOwnElements(linalg::LinalgOp op) {
  for (OpOperand &init : op.getDpsInitsMutable()) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    if (!map.isProjectedPermutation() ||
        map.getNumResults() != op.getNumParallelLoops())
      return false;
    for (AffineExpr result : map.getResults())
      if (op.getIteratorTypesArray()[cast<AffineDimExpr>(result)
                                         .getPosition()] !=
          utils::IteratorType::parallel)
        return false;
  }
  return true;
}

/// Whether each dimension is one of an operand, whose size it has.
static bool hasSizes(linalg::LinalgOp op) {
  return llvm::all_of(llvm::seq(op.getNumLoops()), [&](unsigned dim) {
    return llvm::any_of(op.getIndexingMapsArray(), [&](AffineMap map) {
      return map.getResultPosition(getAffineDimExpr(dim, map.getContext()))
          .has_value();
    });
  });
}

LogicalResult LinalgKernel::check() {
  if (!hasOwnElements(op) || !hasSizes(op))
    return op.emitOpError(
        "has no kernel for GPUs; a linalg op has where its results are indexed "
        "by its parallel dimensions alone, and each dimension by itself "
        "indexes an operand");
  Region &body = op->getRegion(0);
  for (Operation &nested : body.getOps())
    if (!isOnNumbers(nested) &&
        !isa<tensor::ExtractOp, tensor::DimOp, LoadOp>(nested))
      return nested.emitOpError("has no code for GPUs within linalg; ops on "
                                "numbers and reads of elements have");
  return checkDeviceCode(body);
}

//===----------------------------------------------------------------------===//
// Host code
//===----------------------------------------------------------------------===//

void LinalgKernel::emit(OpBuilder &host, KernelModule &kernels, StringRef name,
                        function_ref<DeviceValue(Value)> describe,
                        ArrayRef<DeviceTensor> places) {
  for (OpOperand *input : op.getDpsInputOperands())
    read.push_back(input->get());
  for (OpOperand &init : op.getDpsInitsMutable())
    if (op.payloadUsesValueFromOperand(&init)) {
      linalg::FillOp fill = getFill(init.get());
      read.push_back(fill ? fill.getInputs().front() : init.get());
    }
  SetVector<Value> used;
  getUsedValuesDefinedAbove(op->getRegion(0), used);
  llvm::append_range(read, used);
  for (Value value : read)
    given.captures.push_back(describe(value));
  for (auto [place, result] : llvm::zip_equal(places, op->getResults()))
    given.tables.push_back({result.getType(), {}, place});

  OpBuilder inside(host.getContext());
  SmallVector<Value> operands = given.getLaunchOperands();
  gpu::GPUFuncOp kernel =
      kernels.create(inside, op.getLoc(), name, operands, threads);
  given.bind(inside, kernel.getBody().front().getArguments());
  emitElement(inside);
  kernels.finish(inside, kernel);
  kernels.launchEach(host, kernel, places.front().sizes, threads, operands);
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

/// The size of a dimension, that of an operand which it indexes.
Value LinalgKernel::sizeOf(unsigned dim) {
  AffineExpr expr = getAffineDimExpr(dim, op.getContext());
  for (auto [index, operand] : llvm::enumerate(op.getDpsInputOperands())) {
    auto found = op.getMatchingIndexingMap(operand).getResultPosition(expr);
    if (found)
      return given.captures[index].tensor.sizes[*found];
  }
  for (auto [index, init] : llvm::enumerate(op.getDpsInitsMutable())) {
    auto found = op.getMatchingIndexingMap(&init).getResultPosition(expr);
    if (found)
      return given.tables[index].tensor.sizes[*found];
  }
  llvm_unreachable("each dimension indexes an operand");
}

/// Threads count through the elements of a result as it lies.
void LinalgKernel::emitElement(OpBuilder &builder) {
  KernelBuilder here{builder, op.getLoc()};
  k = &here;
  values = emitCaptures(here, given.captures);
  at.resize(op.getNumLoops());
  Value number = here.emitGlobalThread(threads);
  Value rest = number, total = arith::ConstantIntOp::create(builder, k->loc, 1,
                                                            /*width=*/64);
  AffineMap order =
      op.getMatchingIndexingMap(&*op.getDpsInitsMutable().begin());
  for (AffineExpr result : llvm::reverse(order.getResults())) {
    unsigned dim = cast<AffineDimExpr>(result).getPosition();
    Value size = sizeOf(dim);
    at[dim] = k->rem(rest, size);
    rest = k->div(rest, size);
    total = k->mul(total, size);
  }
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  k->when(k->less(number, total), [&] {
    SmallVector<Value> initial;
    size_t next = op.getNumDpsInputs();
    for (OpOperand &init : op.getDpsInitsMutable()) {
      Type element = getElementTypeOrSelf(init.get().getType());
      Value value;
      if (!op.payloadUsesValueFromOperand(&init))
        value = arith::ConstantOp::create(builder, k->loc,
                                          builder.getZeroAttr(element));
      else if (value = values[next++]; isa<TensorType>(value.getType()))
        value =
            tensor::ExtractOp::create(builder, k->loc, value, indicesOf(init));
      initial.push_back(value);
    }
    SmallVector<Value> results = emitReductions(reductions, initial);
    for (auto [index, init] : llvm::enumerate(op.getDpsInitsMutable()))
      storeElement(*k, results[index], given.tables[index].tensor,
                   indicesOf(init));
  });
}

SmallVector<Value> LinalgKernel::indicesOf(OpOperand &operand) {
  SmallVector<Value> dims = llvm::map_to_vector(
      at, [&](Value index) { return index ? k->toIndex(index) : index; });
  return llvm::map_to_vector(
      op.getMatchingIndexingMap(&operand).getResults(), [&](AffineExpr result) {
        return affine::expandAffineExpr(k->b, k->loc, result, dims, {});
      });
}

SmallVector<Value> LinalgKernel::emitReductions(ArrayRef<unsigned> dims,
                                                ValueRange sums) {
  if (dims.empty())
    return emitBody(sums);
  auto constant = [&](int64_t value) {
    return arith::ConstantIntOp::create(k->b, k->loc, value, /*width=*/64);
  };
  return k->forLoop(constant(0), sizeOf(dims.front()), constant(1), sums,
                    [&](Value index, ValueRange inner) {
                      at[dims.front()] = index;
                      SmallVector<Value> results =
                          emitReductions(dims.drop_front(), inner);
                      at[dims.front()] = Value();
                      return results;
                    });
}

SmallVector<Value> LinalgKernel::emitBody(ValueRange sums) {
  IRMapping mapping;
  mapping.map(read, values);
  Block &body = *op.getBlock();
  for (auto [index, operand] : llvm::enumerate(op.getDpsInputOperands())) {
    Value value = values[index];
    if (isa<TensorType>(value.getType()))
      value =
          tensor::ExtractOp::create(k->b, k->loc, value, indicesOf(*operand));
    mapping.map(op.getMatchingBlockArgument(operand), value);
  }
  mapping.map(op.getRegionOutputArgs(), sums);
  for (Operation &nested : body.without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(nested))
      mapping.map(index.getResult(), k->toIndex(at[index.getDim()]));
    else
      k->b.clone(nested, mapping);
  }
  return llvm::map_to_vector(
      body.getTerminator()->getOperands(),
      [&](Value value) { return mapping.lookupOrDefault(value); });
}
