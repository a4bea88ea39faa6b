//===- RuntimeCalls.h - Functions of the runtime -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOLLVM_RUNTIMECALLS_H
#define ATTN_LIB_CONVERSION_ATTNTOLLVM_RUNTIMECALLS_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::attn {

/// Functions of lib/Runtime/Runtime.h that lowered code calls.
enum class RuntimeFunction {
  Enter,
  Leave,
  Refuse,
  Alloc,
  Free,
  AllocLocal,
  FreeLocal,
  ParallelFor,
  Launch,
  DeviceAlloc,
  DeviceFree,
  TensorMap,
  Capability,
  RecomputeF32,
  RecomputeF64,
};

/// Declares all of them; those that nothing calls are dropped again by
/// `dropUnusedRuntimeFunctions`.
void declareRuntimeFunctions(ModuleOp module);
void dropUnusedRuntimeFunctions(ModuleOp module);

/// Calls one. Returns its result, or null for void.
Value emitRuntimeCall(OpBuilder &builder, Location loc,
                      RuntimeFunction function, ValueRange arguments);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOLLVM_RUNTIMECALLS_H
