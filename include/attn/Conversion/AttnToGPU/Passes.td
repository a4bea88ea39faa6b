//===- Passes.td - Passes from attn to GPU kernels ---------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_ATTNTOGPU_PASSES_TD
#define ATTN_CONVERSION_ATTNTOGPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertAttnToGPUPass : Pass<"convert-attn-to-gpu", "::mlir::ModuleOp"> {
  let summary = "Turn attend ops into kernels and their launches";
  let description = [{
    Accepts modules as the phase optimize leaves them: functions on memrefs,
    `attn.attend`, linalg ops, reshapes and slices. Each attend op becomes kernels
    in the gpu.module `attn_kernels`, for many queries, for few, for few and many
    keys, and launches in its place, of which the host takes those that fit the
    sizes (include/attn/Target/NVPTX/Launch.h). What the kernel needs of its
    arguments beyond their sizes (strides, alignment) is required of the caller
    by `attn.require` before the launch.

    A block takes one tile of queries of one head, a warp 16 of them. Keys and
    values come tile by tile through shared memory, two in flight; products are
    mma.sync. For sm_90a blocks stay and take one tile after the other, keys and
    values come by TMA, and products are wgmma (docs/Rationale/GPU.md). Tiles that
    the mask leaves empty are not loaded, full ones run no mask code.

    A linalg op becomes a kernel with a thread for each element of its results,
    loops over elements one of one block; their results are in scratch or in
    memory of the function's results. Requirements on what tensors hold are
    dropped, since host code cannot read the memory of a device.

    Scores that are no products are computed pair by pair; weights, where they
    are wanted, by going over all tiles once more.

    Refuses, with the reason, an attend op that has no such kernel, and other
    tensor code around it.

    Examples: test/Conversion/AttnToGPU/attn-to-gpu.mlir and tensors.mlir.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"sm_80\"",
           "Chip whose shared memory and registers tiles are chosen for">];
  let dependentDialects = ["arith::ArithDialect", "gpu::GPUDialect",
                           "LLVM::LLVMDialect", "math::MathDialect",
                           "memref::MemRefDialect", "nvgpu::NVGPUDialect",
                           "NVVM::NVVMDialect", "scf::SCFDialect"];
}

#endif // ATTN_CONVERSION_ATTNTOGPU_PASSES_TD
