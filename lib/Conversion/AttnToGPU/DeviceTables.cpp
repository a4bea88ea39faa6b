//===- DeviceTables.cpp - Tensors that the device computes -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceTables.h"

#include "AttendArguments.h"
#include "TensorKernel.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::attn;

/// Values that a kernel takes: each once, no constants.
static void addOperands(const DeviceTensor &tensor,
                        SetVector<Value> &operands) {
  auto add = [&](Value value) {
    if (!matchPattern(value, m_Constant()))
      operands.insert(value);
  };
  add(tensor.pointer);
  llvm::for_each(tensor.sizes, add);
  llvm::for_each(tensor.strides, add);
}

/// The kernel's values of what describes a tensor.
static DeviceTensor bindTensor(OpBuilder &b, const DeviceTensor &tensor,
                               IRMapping &mapping) {
  auto bind = [&](Value value) {
    if (!mapping.contains(value))
      b.clone(*value.getDefiningOp(), mapping);
    return mapping.lookup(value);
  };
  return {bind(tensor.pointer), llvm::map_to_vector(tensor.sizes, bind),
          llvm::map_to_vector(tensor.strides, bind)};
}

namespace {
/// Computes the tensors of one function.
class Tables {
public:
  Tables(func::FuncOp function, KernelModule &kernels)
      : function(function), kernels(kernels) {}
  LogicalResult compute();

private:
  LogicalResult computeInto(OpBuilder &b, Value tensor, Value memory);
  LogicalResult computeCaptures(AttendOp op);
  void dropRequirements();

  func::FuncOp function;
  KernelModule &kernels;
  unsigned count = 0;
};
} // namespace

Value attn::allocateTensor(OpBuilder &b, Location loc, RankedTensorType type,
                           ArrayRef<OpFoldResult> sizes) {
  SmallVector<Value> dynamic;
  Value bytes =
      arith::ConstantIndexOp::create(b, loc, type.getElementTypeBitWidth() / 8);
  for (OpFoldResult size : sizes) {
    Value known = getValueOrCreateConstantIndexOp(b, loc, size);
    bytes = b.createOrFold<arith::MulIOp>(loc, bytes, known);
    if (isa<Value>(size))
      dynamic.push_back(known);
  }
  auto scratch = MemRefType::get({ShapedType::kDynamic}, b.getIntegerType(8));
  Value memory = gpu::AllocOp::create(b, loc, scratch, Type(), ValueRange(),
                                      bytes, ValueRange())
                     .getResult(0);
  OpBuilder atEnd(b.getInsertionBlock()->getTerminator());
  gpu::DeallocOp::create(atEnd, loc, Type(), ValueRange(), memory);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  return memref::ViewOp::create(
      b, loc, MemRefType::get(type.getShape(), type.getElementType()), memory,
      zero, dynamic);
}

LogicalResult Tables::computeInto(OpBuilder &b, Value tensor, Value memory) {
  TensorKernel code(tensor);
  if (failed(code.check()))
    return failure();
  Location loc = tensor.getLoc();
  SmallVector<DeviceTensor> sources;
  for (Value source : code.getSources())
    sources.push_back(describeMemory(b, loc, getMemory(b, source)));
  DeviceTensor result = describeMemory(b, loc, memory);

  SetVector<Value> operands;
  for (const DeviceTensor &source : sources)
    addOperands(source, operands);
  addOperands(result, operands);
  // Indices are handed over as i64.
  SmallVector<Value> scalars;
  for (Value scalar : code.getScalars()) {
    if (matchPattern(scalar, m_Constant()))
      continue;
    Value given = scalar;
    if (scalar.getType().isIndex())
      given = arith::IndexCastOp::create(b, loc, b.getI64Type(), scalar);
    scalars.push_back(scalar);
    operands.insert(given);
  }
  size_t firstScalar = operands.size() - scalars.size();

  std::string name = (function.getName() + "_table" + Twine(count++)).str();
  OpBuilder inside(b.getContext());
  gpu::GPUFuncOp kernel = kernels.create(
      inside, loc, name, operands.getArrayRef(), TensorKernel::threads);
  auto parameters = kernel.getBody().front().getArguments();
  IRMapping mapping;
  mapping.map(operands.getArrayRef(), parameters);
  for (auto [index, scalar] : llvm::enumerate(scalars)) {
    Value parameter = parameters[firstScalar + index];
    if (scalar.getType().isIndex())
      parameter = arith::IndexCastOp::create(inside, loc, inside.getIndexType(),
                                             parameter);
    mapping.map(scalar, parameter);
  }
  for (Value scalar : code.getScalars())
    if (matchPattern(scalar, m_Constant()))
      inside.clone(*scalar.getDefiningOp(), mapping);
  SmallVector<DeviceTensor> bound;
  for (const DeviceTensor &source : sources)
    bound.push_back(bindTensor(inside, source, mapping));
  code.emit(inside, loc, mapping, bound, bindTensor(inside, result, mapping));
  kernels.finish(inside, kernel);

  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  kernels.launch(b, kernel, {one, TensorKernel::threads, 0},
                 operands.getArrayRef());
  return success();
}

/// The sizes of a computed tensor: those of the one in whose place it comes, as
/// a size of the tensor itself would keep what computes it.
static SmallVector<OpFoldResult> getSizes(OpBuilder &b, Value tensor) {
  Operation *op = tensor.getDefiningOp();
  if (auto empty = dyn_cast_if_present<tensor::EmptyOp>(op))
    return empty.getMixedSizes();
  if (auto loop = dyn_cast_if_present<scf::ForOp>(op))
    return getSizes(b, loop.getTiedLoopInit(cast<OpResult>(tensor))->get());
  if (auto into = dyn_cast_if_present<DestinationStyleOpInterface>(op))
    return getSizes(b, into.getTiedOpOperand(cast<OpResult>(tensor))->get());
  return tensor::getMixedSizes(b, tensor.getLoc(), tensor);
}

LogicalResult Tables::computeCaptures(AttendOp op) {
  OpBuilder b(op);
  for (OpOperand &operand : op.getCapturesMutable()) {
    Value capture = operand.get();
    if (!isa<TensorType>(capture.getType()) || getMemory(b, capture))
      continue;
    Value computed = capture;
    while (auto cast = computed.getDefiningOp<tensor::CastOp>())
      computed = cast.getSource();
    Location loc = computed.getLoc();
    Value memory =
        allocateTensor(b, loc, cast<RankedTensorType>(computed.getType()),
                       getSizes(b, computed));
    if (failed(computeInto(b, computed, memory)))
      return failure();
    Value table = bufferization::ToTensorOp::create(
        b, op.getLoc(), computed.getType(), memory, /*restrict=*/true);
    operand.set(
        b.createOrFold<tensor::CastOp>(op.getLoc(), capture.getType(), table));
  }
  return success();
}

void Tables::dropRequirements() {
  SmallVector<RequireOp> dropped;
  function.walk([&](RequireOp require) {
    SetVector<Operation *> slice;
    BackwardSliceOptions options;
    options.omitBlockArguments = true;
    (void)getBackwardSlice(require.getOperation(), &slice, options);
    bool reads = llvm::any_of(slice, [](Operation *op) {
      return op
          ->walk([](Operation *nested) {
            return isa<tensor::ExtractOp, memref::LoadOp>(nested)
                       ? WalkResult::interrupt()
                       : WalkResult::advance();
          })
          .wasInterrupted();
    });
    if (reads)
      dropped.push_back(require);
  });
  for (RequireOp require : dropped)
    require.erase();
}

LogicalResult Tables::compute() {
  dropRequirements();
  SmallVector<AttendOp> ops;
  SmallVector<bufferization::MaterializeInDestinationOp> results;
  function.walk([&](AttendOp op) { ops.push_back(op); });
  function.walk([&](bufferization::MaterializeInDestinationOp op) {
    if (op.getSource().getDefiningOp<linalg::FillOp>())
      results.push_back(op);
  });
  for (AttendOp op : ops)
    if (failed(computeCaptures(op)))
      return failure();
  for (auto op : results) {
    OpBuilder b(op);
    if (failed(computeInto(b, op.getSource(), op.getDest())))
      return failure();
    op.erase();
  }
  return success();
}

/// Erases what only the host would have computed.
static void eraseUnused(func::FuncOp function) {
  SmallVector<Operation *> ops;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op != function)
      ops.push_back(op);
    return op == function ? WalkResult::advance() : WalkResult::skip();
  });
  for (Operation *op : llvm::reverse(ops))
    if (isOpTriviallyDead(op))
      op->erase();
}

LogicalResult attn::computeTablesOnDevice(func::FuncOp function,
                                          KernelModule &kernels) {
  if (function.isExternal())
    return success();
  if (failed(Tables(function, kernels).compute()))
    return failure();
  eraseUnused(function);
  return success();
}
