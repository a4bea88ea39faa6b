//===- ABI.cpp - How functions look from outside -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/ABI.h"

#include "attn-c/dlpack.h"

using namespace mlir;
using namespace mlir::attn;

std::optional<ElementCode> attn::getElementCode(Type type) {
  if (type.isIndex())
    return ElementCode{kDLInt, 64};
  if (type.isInteger(1))
    return ElementCode{kDLBool, 8};
  if (auto integer = dyn_cast<IntegerType>(type)) {
    unsigned bits = integer.getWidth();
    if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
      return std::nullopt;
    return ElementCode{integer.isUnsigned() ? kDLUInt : kDLInt, bits};
  }
  if (type.isBF16())
    return ElementCode{kDLBfloat, 16};
  if (type.isF16() || type.isF32() || type.isF64())
    return ElementCode{kDLFloat, type.getIntOrFloatBitWidth()};
  return std::nullopt;
}

MemRefType attn::getArgumentBufferType(RankedTensorType type) {
  MemRefLayoutAttrInterface layout;
  if (type.getRank() > 1) {
    SmallVector<int64_t> strides(type.getRank(), ShapedType::kDynamic);
    strides.back() = 1;
    layout = StridedLayoutAttr::get(type.getContext(), 0, strides);
  }
  return MemRefType::get(type.getShape(), type.getElementType(), layout);
}

std::string attn::getArgumentName(func::FuncOp func, unsigned index) {
  if (auto name = func.getArgAttrOfType<StringAttr>(index, abi::name))
    return name.str();
  return "arg" + std::to_string(index);
}

std::string attn::getResultName(func::FuncOp func, unsigned index) {
  if (auto name = func.getResultAttrOfType<StringAttr>(index, abi::name))
    return name.str();
  return func.getNumResults() == 1 ? "result"
                                   : "result" + std::to_string(index);
}

bool attn::isCompiledFunction(func::FuncOp func) {
  return func.isPublic() && !func.isExternal() && !func->hasAttr(abi::entry);
}
