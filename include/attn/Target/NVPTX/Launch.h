//===- Launch.h - What a compiled module says about its kernels -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The form of a module after the phase `lower` for a GPU target. All that runs
// on the device is in one gpu.module; all that says how to run it is host code.
//
//   gpu.module @attn_kernels {
//     llvm.mlir.global external @attn_shared() : !llvm.array<0 x i8>  // AS 3
//     llvm.func @f_attend0(%q: !llvm.ptr<1>, ..., %m: i64, ...)
//         attributes {gpu.kernel, nvvm.kernel, nvvm.maxntid = [256, 1, 1]}
//   }
//   func.func @f(memrefs: inputs, then results) {
//     attn.require ...                       // before the first launch
//     %ptr = llvm.inttoptr ... : i64 to !llvm.ptr<1>
//     %blocks = ...                          // a function of sizes
//     gpu.launch_func @attn_kernels::@f_attend0
//         blocks in (%blocks, %c1, %c1) threads in (%c256, %c1, %c1)
//         dynamic_shared_memory_size %bytes
//         args(%q : !llvm.ptr<1>, ..., %m : i64, ...)
//   }
//
// - Kernel parameters are `!llvm.ptr<1>` (device memory, the element at the
//   memref's offset), i64 (sizes; strides in elements), and integers or floats
//   (captured scalars). The operands of the launch are the parameters in order.
// - A kernel parameter of type `!llvm.ptr` is a tensor map of 128 bytes, by
//   value. The operand is a cast of what nvgpu.tma.create.descriptor gives:
//   elements of 16 bits, boxes of rows of 128 bytes, swizzled.
// - Host code is func, arith, memref, scf, llvm.inttoptr, attn.require and
//   nvgpu.tma.create.descriptor; it never reads or writes device memory.
// - `func.call @attn_device_capability() : () -> i32` gives the compute
//   capability of the device, 90 for 9.0. A kernel with `attn.chips`, names of
//   chips, is in the images for these alone.
// - A launch of 0 blocks does nothing. Only x counts blocks or threads beyond
//   1. A block's threads and dynamic shared memory are constants.
// - Launches of one function run in order. gpu.alloc and gpu.dealloc of a
//   1-D memref of i8 are scratch on the device, used by later launches.
// - Dynamic shared memory is @attn_shared, aligned to 1024 bytes.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_NVPTX_LAUNCH_H
#define ATTN_TARGET_NVPTX_LAUNCH_H

#include "attn/Dialect/Attn/IR/AttributeNames.h"

namespace mlir::attn {

/// The gpu.module that holds the kernels of a module.
inline constexpr llvm::StringLiteral kernelsName = "attn_kernels";

/// In host code, the record of the kernels that launches hand to the runtime
/// (attn_rt_kernels in lib/Runtime/Runtime.h). Declared by the launches,
/// defined by whoever emits the code.
inline constexpr llvm::StringLiteral kernelsRecordName = "attn.kernels";

/// A tensor map, CUtensorMap of the driver.
inline constexpr unsigned tensorMapBytes = 128, tensorMapAlignment = 64;

/// The function, declared in host code, that gives the device's capability.
inline constexpr llvm::StringLiteral capabilityName = "attn_device_capability";

/// The global that dynamic shared memory begins at.
inline constexpr llvm::StringLiteral sharedMemoryName = "attn_shared";

} // namespace mlir::attn

#endif // ATTN_TARGET_NVPTX_LAUNCH_H
