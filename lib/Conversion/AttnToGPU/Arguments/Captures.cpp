//===- Captures.cpp - Captured values inside of a kernel -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Captures.h"

#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// A stand-in is a cast from pointer, sizes, strides to the tensor's type.
SmallVector<Value> attn::emitCaptures(KernelBuilder &k,
                                      ArrayRef<DeviceValue> captures) {
  SmallVector<Value> values;
  for (const DeviceValue &capture : captures) {
    if (capture.number) {
      values.push_back(capture.number);
      continue;
    }
    SmallVector<Value> parts{capture.tensor.pointer};
    llvm::append_range(parts, capture.tensor.sizes);
    llvm::append_range(parts, capture.tensor.strides);
    values.push_back(
        UnrealizedConversionCastOp::create(k.b, k.loc, capture.type, parts)
            .getResult(0));
  }
  return values;
}

/// The type of an element in memory: bytes for i1, 64 bits for index.
static Type memoryType(OpBuilder &b, Type element) {
  if (element.isInteger(1))
    return b.getI8Type();
  return element.isIndex() ? b.getI64Type() : element;
}

Value attn::addressElement(KernelBuilder &k, Type element,
                           const DeviceTensor &tensor, ValueRange indices) {
  Value pointer = tensor.pointer;
  for (auto [index, stride] : llvm::zip_equal(indices, tensor.strides)) {
    Value position =
        arith::IndexCastOp::create(k.b, k.loc, k.b.getI64Type(), index);
    pointer = k.gep(pointer, memoryType(k.b, element), k.mul(position, stride));
  }
  return pointer;
}

void attn::storeElement(KernelBuilder &k, Value value,
                        const DeviceTensor &tensor, ValueRange indices) {
  Type element = value.getType(), type = memoryType(k.b, element);
  Value pointer = addressElement(k, element, tensor, indices);
  if (element.isInteger(1))
    value = arith::ExtUIOp::create(k.b, k.loc, type, value);
  else if (element.isIndex())
    value = arith::IndexCastOp::create(k.b, k.loc, type, value);
  k.store(value, pointer);
}

Value attn::readElement(KernelBuilder &k, Type element, Value pointer) {
  Value value = k.load(memoryType(k.b, element), pointer);
  if (element.isIndex())
    return k.toIndex(value);
  if (!element.isInteger(1))
    return value;
  Value zero = arith::ConstantIntOp::create(k.b, k.loc, 0, 8);
  return arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::ne, value,
                               zero);
}

static void lowerLoad(LoadOp load, UnrealizedConversionCastOp source) {
  OpBuilder b(load);
  KernelBuilder k{b, load.getLoc()};
  Type element = load.getType();
  ValueRange parts = source.getInputs();
  int64_t rank = load.getIndices().size();
  Value guard = load.getGuard(), offset;
  for (auto [dim, index] : llvm::enumerate(load.getIndices())) {
    Value position =
        arith::IndexCastOp::create(b, k.loc, b.getI64Type(), index);
    Value inside = arith::CmpIOp::create(b, k.loc, arith::CmpIPredicate::ult,
                                         position, parts[1 + dim]);
    guard = conjunction(b, k.loc, guard, inside);
    Value term = k.mul(position, parts[1 + rank + dim]);
    offset = offset ? k.add(offset, term) : term;
  }
  auto read = [&] {
    Value pointer = parts[0];
    if (offset)
      pointer = k.gep(pointer, memoryType(b, element), offset);
    return SmallVector<Value>{readElement(k, element, pointer)};
  };
  auto zero = [&] {
    return SmallVector<Value>{
        arith::ConstantOp::create(b, k.loc, b.getZeroAttr(element))};
  };
  load.replaceAllUsesWith(guard ? k.choose(guard, read, zero)[0] : read()[0]);
  load.erase();
}

/// Of a tensor: the position is inside.
static void lowerExtract(tensor::ExtractOp extract,
                         UnrealizedConversionCastOp source) {
  OpBuilder b(extract);
  KernelBuilder k{b, extract.getLoc()};
  ValueRange parts = source.getInputs();
  int64_t rank = extract.getIndices().size();
  DeviceTensor tensor{parts[0], parts.slice(1, rank),
                      parts.slice(1 + rank, rank)};
  Value pointer =
      addressElement(k, extract.getType(), tensor, extract.getIndices());
  extract.replaceAllUsesWith(readElement(k, extract.getType(), pointer));
  extract.erase();
}

void attn::lowerCaptures(Operation *kernel) {
  SmallVector<UnrealizedConversionCastOp> sources;
  kernel->walk([&](UnrealizedConversionCastOp cast) {
    if (isa<TensorType, MemRefType>(cast.getResult(0).getType()))
      sources.push_back(cast);
  });
  for (UnrealizedConversionCastOp source : sources) {
    for (Operation *user :
         llvm::make_early_inc_range(source.getResult(0).getUsers())) {
      if (auto load = dyn_cast<LoadOp>(user)) {
        lowerLoad(load, source);
        continue;
      }
      if (auto extract = dyn_cast<tensor::ExtractOp>(user)) {
        lowerExtract(extract, source);
        continue;
      }
      OpBuilder b(user);
      auto dim = cast<ShapedDimOpInterface>(user);
      std::optional<int64_t> number = getConstantIntValue(dim.getDimension());
      assert(number && "captures have no computed dimensions");
      Value size = arith::IndexCastOp::create(
          b, user->getLoc(), b.getIndexType(), source.getInputs()[1 + *number]);
      user->getResult(0).replaceAllUsesWith(size);
      user->erase();
    }
    source.erase();
  }
}
