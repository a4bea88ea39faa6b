//===- HostCode.h - Host code around kernels, as LLVM IR -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DRIVER_HOSTCODE_H
#define ATTN_LIB_DRIVER_HOSTCODE_H

#include "attn/Pipelines/Phases.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace mlir::attn {

/// What runs the kernels of a function.
enum class KernelRunner {
  CUDA,     ///< The driver: tensors lie in a device's memory, PTX is embedded.
  Emulator, ///< This process: tensors lie in its memory.
};

/// The functions of `module`, which the phases have brought into the form of
/// attn/Target/NVPTX/Launch.h and which stays as it is, as LLVM IR.
llvm::Expected<std::unique_ptr<llvm::Module>>
translateHostCode(ModuleOp module, const PhaseOptions &options,
                  KernelRunner runner, llvm::LLVMContext &context);

} // namespace mlir::attn

#endif // ATTN_LIB_DRIVER_HOSTCODE_H
