//===- GPUPhases.h - Phases of attention on a GPU ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_PIPELINES_GPUPHASES_H
#define ATTN_LIB_PIPELINES_GPUPHASES_H

#include "attn/Pipelines/Phases.h"

namespace mlir::attn {

/// Tile: attend ops become kernels, on fragments in registers already.
void buildKernels(OpPassManager &pm, const PhaseOptions &options);

/// Lower: kernels become the LLVM dialect.
void lowerKernels(OpPassManager &pm, const PhaseOptions &options);

} // namespace mlir::attn

#endif // ATTN_LIB_PIPELINES_GPUPHASES_H
