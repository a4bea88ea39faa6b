//===- HostCode.h - What surrounds kernels for a GPU -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PIPELINES_HOSTCODE_H
#define ATTN_PIPELINES_HOSTCODE_H

#include "attn/Pipelines/Phases.h"

namespace mlir::attn {

/// Adds the passes that lower what surrounds the kernels of a module to the
/// LLVM dialect and the C ABI, after the phase lower for a GPU. The pass
/// manager runs on a module in the form of attn/Target/NVPTX/Launch.h.
void buildHostCode(OpPassManager &pm, const PhaseOptions &options);

} // namespace mlir::attn

#endif // ATTN_PIPELINES_HOSTCODE_H
