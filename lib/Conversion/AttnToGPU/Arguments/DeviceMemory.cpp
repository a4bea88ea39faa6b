//===- DeviceMemory.cpp - Tensors in the memory of a device -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceMemory.h"

#include "attn/Dialect/Attn/IR/ViewRoot.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

/// Of an element in memory: i1 takes a byte, index 64 bits.
static int64_t getElementBytes(Type element) {
  return element.isIndex()
             ? 8
             : llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

DeviceTensor attn::describeMemory(OpBuilder &builder, Location loc,
                                  Value memory) {
  ImplicitLocOpBuilder b(loc, builder);
  auto toI64 = [&](Value index) {
    return b.createOrFold<arith::IndexCastOp>(b.getI64Type(), index);
  };
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  auto type = cast<MemRefType>(memory.getType());
  auto metadata = memref::ExtractStridedMetadataOp::create(b, memory);
  auto [strides, offset] = type.getStridesAndOffset();
  DeviceTensor result;
  auto known = [&](int64_t size, Value dynamic) {
    return toI64(ShapedType::isDynamic(size) ? dynamic : constant(size));
  };
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    result.sizes.push_back(
        known(type.getDimSize(dim), metadata.getSizes()[dim]));
    result.strides.push_back(known(strides[dim], metadata.getStrides()[dim]));
  }
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, memory);
  Value bytes = b.createOrFold<arith::MulIOp>(
      ShapedType::isDynamic(offset) ? metadata.getOffset() : constant(offset),
      constant(getElementBytes(type.getElementType())));
  address = b.createOrFold<arith::AddIOp>(address, bytes);
  result.pointer = LLVM::IntToPtrOp::create(
      b, LLVM::LLVMPointerType::get(b.getContext(), 1), toI64(address));
  return result;
}

Value attn::getMemory(Value tensor) {
  auto view = tensor.getDefiningOp<bufferization::ToTensorOp>();
  return view ? view.getBuffer() : Value();
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

static Value emitView(OpBuilder &b, tensor::ExpandShapeOp op, Value memory) {
  auto type = memref::ExpandShapeOp::computeExpandedType(
      cast<MemRefType>(memory.getType()), op.getType().getShape(),
      op.getReassociationIndices());
  if (failed(type))
    return {};
  return memref::ExpandShapeOp::create(
      b, op.getLoc(), *type, memory, op.getReassociationIndices(),
      getMixedValues(op.getStaticOutputShape(), op.getOutputShape(), b));
}

static Value emitView(OpBuilder &b, tensor::CollapseShapeOp op, Value memory) {
  auto reassociation = op.getReassociationIndices();
  if (!memref::CollapseShapeOp::isGuaranteedCollapsible(
          cast<MemRefType>(memory.getType()), reassociation))
    return {};
  return memref::CollapseShapeOp::create(b, op.getLoc(), memory, reassociation);
}

static Value emitView(OpBuilder &b, tensor::CastOp op, Value memory) {
  auto from = cast<MemRefType>(memory.getType());
  auto to = dyn_cast<RankedTensorType>(op.getType());
  if (!to)
    return {};
  auto type =
      MemRefType::get(to.getShape(), from.getElementType(), from.getLayout());
  if (type == from)
    return memory;
  if (!memref::CastOp::areCastCompatible(from, type))
    return {};
  return memref::CastOp::create(b, op.getLoc(), type, memory);
}

static Value emitView(OpBuilder &b, tensor::ExtractSliceOp op, Value memory) {
  auto type = memref::SubViewOp::inferRankReducedResultType(
      op.getType().getShape(), cast<MemRefType>(memory.getType()),
      op.getMixedOffsets(), op.getMixedSizes(), op.getMixedStrides());
  return memref::SubViewOp::create(b, op.getLoc(), cast<MemRefType>(type),
                                   memory, op.getMixedOffsets(),
                                   op.getMixedSizes(), op.getMixedStrides());
}

Value attn::emitView(OpBuilder &builder, Operation *op, Value memory) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp,
            tensor::ExtractSliceOp>(
          [&](auto view) { return ::emitView(builder, view, memory); })
      .Default([](Operation *) { return Value(); });
}

//===----------------------------------------------------------------------===//
// Scratch
//===----------------------------------------------------------------------===//

Value attn::allocateTensor(OpBuilder &b, Location loc, RankedTensorType type,
                           ArrayRef<OpFoldResult> sizes) {
  SmallVector<Value> dynamic;
  Value bytes = arith::ConstantIndexOp::create(
      b, loc, getElementBytes(type.getElementType()));
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
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  return memref::ViewOp::create(
      b, loc, MemRefType::get(type.getShape(), type.getElementType()), memory,
      zero, dynamic);
}

void attn::freeScratch(func::FuncOp function) {
  function.walk([](gpu::AllocOp scratch) {
    OpBuilder atEnd(scratch->getBlock()->getTerminator());
    gpu::DeallocOp::create(atEnd, scratch.getLoc(), Type(), ValueRange(),
                           scratch.getMemref());
  });
}

bool attn::isScratch(Value memory) {
  return getViewRoot(memory).getDefiningOp<gpu::AllocOp>() != nullptr;
}
