//===- ModuleSplit.h - Half of a module's functions apart -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DRIVER_MODULESPLIT_H
#define ATTN_LIB_DRIVER_MODULESPLIT_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir::attn {

/// Moves local functions, about half of the code, from a module in the LLVM
/// dialect to a second one until the end of its life. Each module declares what
/// it uses of the other. What moves depends on the module alone.
class ModuleSplit {
public:
  explicit ModuleSplit(ModuleOp module);
  ModuleSplit(const ModuleSplit &) = delete;
  ~ModuleSplit();

  /// Null where two parts would not be faster than one.
  ModuleOp getSecond() { return *second; }

private:
  SmallVector<LLVM::LLVMFuncOp> choose();
  bool canMove(LLVM::LLVMFuncOp func);
  void move(LLVM::LLVMFuncOp func);
  void declareUsed(LLVM::LLVMFuncOp func);

  ModuleOp first;
  SymbolTable symbols;
  OwningOpRef<ModuleOp> second;
  /// What stands in the first module for a function of the second.
  SmallVector<std::pair<LLVM::LLVMFuncOp, LLVM::LLVMFuncOp>> moved;
};

} // namespace mlir::attn

#endif // ATTN_LIB_DRIVER_MODULESPLIT_H
