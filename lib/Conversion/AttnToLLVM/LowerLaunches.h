//===- LowerLaunches.h - Kernels are started by the runtime -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOLLVM_LOWERLAUNCHES_H
#define ATTN_LIB_CONVERSION_ATTNTOLLVM_LOWERLAUNCHES_H

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::attn {

/// gpu.launch_func, gpu.alloc, gpu.dealloc and nvgpu.tma.create.descriptor in
/// functions with a call frame, in the form of attn/Target/NVPTX/Launch.h,
/// become calls of the runtime.
void populateLaunchPatterns(LLVMTypeConverter &converter,
                            RewritePatternSet &patterns);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOLLVM_LOWERLAUNCHES_H
