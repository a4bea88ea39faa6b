//===- Embedding.h - Kernels within their host code -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_NVPTX_EMBEDDING_H
#define ATTN_TARGET_NVPTX_EMBEDDING_H

#include "attn/Target/NVPTX/GPUSpec.h"

#include "llvm/ADT/ArrayRef.h"

namespace llvm {
class Module;
} // namespace llvm

namespace mlir::attn {

/// PTX for one chip.
struct KernelImage {
  GPUChip chip;
  std::string ptx;
};

/// Defines the record that launches in `host` name (kernelsRecordName), with an
/// image for each chip (none where they are emulated), of which the runtime
/// takes the one that fits the device. A chip whose name ends in a letter runs
/// on that compute capability alone.
void embedKernels(llvm::Module &host, llvm::ArrayRef<KernelImage> images);

} // namespace mlir::attn

#endif // ATTN_TARGET_NVPTX_EMBEDDING_H
