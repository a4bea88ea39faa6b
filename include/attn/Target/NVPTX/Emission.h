//===- Emission.h - Kernels to LLVM IR and PTX ------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_NVPTX_EMISSION_H
#define ATTN_TARGET_NVPTX_EMISSION_H

#include "attn/Target/NVPTX/GPUSpec.h"

#include "mlir/IR/BuiltinOps.h"

#include <memory>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace mlir::attn {

/// The kernels for a chip of a module in the form of Launch.h as LLVM IR for
/// NVPTX, before any optimisation. Fails where the module holds no kernels.
llvm::Expected<std::unique_ptr<llvm::Module>>
translateKernels(ModuleOp module, const GPUChip &chip,
                 llvm::LLVMContext &context);

/// Optimises kernels for a chip: what PTX is written from, and what emulation
/// runs. Fails where this LLVM lacks the target.
llvm::Error optimizeKernels(llvm::Module &kernels, const GPUChip &chip);

/// Optimises kernels and emits PTX for a chip. Fails where this LLVM lacks the
/// target.
llvm::Expected<std::string> emitPTX(llvm::Module &kernels, const GPUChip &chip);

} // namespace mlir::attn

#endif // ATTN_TARGET_NVPTX_EMISSION_H
