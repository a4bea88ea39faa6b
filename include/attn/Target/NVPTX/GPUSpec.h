//===- GPUSpec.h - What a GPU offers to kernels -----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_NVPTX_GPUSPEC_H
#define ATTN_TARGET_NVPTX_GPUSPEC_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace mlir::attn {

/// A chip that code is made for.
struct GPUChip {
  std::string name;         ///< LLVM's, e.g. "sm_80" or "sm_90a".
  unsigned ptxVersion = 80; ///< Of the PTX ISA, times ten.

  /// 90 for "sm_90a".
  unsigned getCapability() const;
  /// Whether code for it runs on that capability alone.
  bool isExact() const;
};

/// A GPU as tile choice and lowering see it, or several with what all offer.
struct GPUSpec {
  std::string name; ///< As given, e.g. "sm_80,sm_90".
  llvm::SmallVector<GPUChip, 1> chips;
  unsigned sharedBytes = 0;     ///< Shared memory that one block can ask for.
  unsigned multiprocessors = 0; ///< That run blocks side by side.
  unsigned registers = 255;     ///< Per thread at most.
  unsigned blockRegisters = 65536; ///< Per block at most.

  /// Whether `target` names a GPU: it begins with "sm_".
  static bool isGPU(llvm::StringRef target);

  /// Reads names of chips, with commas between. The error lists those known.
  static llvm::Expected<GPUSpec> parse(llvm::StringRef target);
};

} // namespace mlir::attn

#endif // ATTN_TARGET_NVPTX_GPUSPEC_H
