//===- ABI.h - How functions look from outside -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ABI_H
#define ATTN_DIALECT_ATTN_IR_ABI_H

#include "attn/Dialect/Attn/IR/AttributeNames.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

#include <optional>

namespace mlir::attn {

/// A DLPack element type.
struct ElementCode {
  int64_t code; ///< DLDataTypeCode.
  int64_t bits;
};

/// The DLPack type of elements of `type`, or nullopt.
std::optional<ElementCode> getElementCode(Type type);

/// The memref in which a compiled function receives a tensor: any strides, but
/// 1 innermost.
MemRefType getArgumentBufferType(RankedTensorType type);

/// The name of an argument, or of a result: `attn.name`, else "arg0", "result"
/// or, of several, "result0".
std::string getArgumentName(func::FuncOp func, unsigned index);
std::string getResultName(func::FuncOp func, unsigned index);

/// Whether `func` is compiled for callers outside of the module.
bool isCompiledFunction(func::FuncOp func);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_IR_ABI_H
