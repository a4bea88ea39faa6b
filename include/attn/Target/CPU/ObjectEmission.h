//===- ObjectEmission.h - LLVM IR to machine code -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_CPU_OBJECTEMISSION_H
#define ATTN_TARGET_CPU_OBJECTEMISSION_H

#include "attn/Target/CPU/TargetSpec.h"

#include "llvm/ADT/SmallVector.h"

#include <memory>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace mlir::attn {

/// Bits of CPU features (attn/Runtime/Layout.h) that code for `spec` may use.
int64_t getRequiredFeatures(const TargetSpec &spec);

/// Whether code for `spec` has this machine's architecture.
bool isHostArchitecture(const TargetSpec &spec);

/// Where the runtime support of a module comes from.
enum class RuntimeLinkage {
  Static, ///< All of it is linked in: the object stands for itself.
  Host,   ///< The loop and the error buffer are those of this process.
  Other,  ///< Another part of the same object holds it.
};

/// Lowers LLVM IR for one CPU: adds the runtime support, optimises, emits.
class MachineCodeEmitter {
public:
  /// Fails where this LLVM lacks the target.
  static llvm::Expected<MachineCodeEmitter> create(const TargetSpec &spec);
  MachineCodeEmitter(MachineCodeEmitter &&);
  ~MachineCodeEmitter();

  /// Sets target and attributes, adds the runtime, and optimises.
  void prepare(llvm::Module &module, RuntimeLinkage runtime);

  /// The module as an object file or as assembly.
  llvm::SmallVector<char, 0> emitObject(llvm::Module &module);
  llvm::SmallVector<char, 0> emitAssembly(llvm::Module &module);

private:
  explicit MachineCodeEmitter(const TargetSpec &spec);
  void setAttributes(llvm::Module &module);
  void addRuntime(llvm::Module &module, RuntimeLinkage runtime);
  void optimize(llvm::Module &module);
  llvm::SmallVector<char, 0> emit(llvm::Module &module, bool assembly);

  TargetSpec spec;
  std::unique_ptr<llvm::TargetMachine> machine;
};

} // namespace mlir::attn

#endif // ATTN_TARGET_CPU_OBJECTEMISSION_H
