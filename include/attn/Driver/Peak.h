//===- Peak.h - What this machine could do at best -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DRIVER_PEAK_H
#define ATTN_DRIVER_PEAK_H

#include "attn/Driver/Call.h"

namespace mlir::attn {

/// Measures, with a compiled loop of fused multiply-adds in registers, the
/// GFLOP/s of `threads` threads (0 for all) for the accumulators of elements of
/// `elementType`: the dot instruction for bf16 where the target has it, f64 for
/// f64, else f32. `manyRows`: for products of so many rows that bf16 runs on
/// tile registers where the target has them.
llvm::Expected<double> measurePeak(const CompileOptions &options,
                                   Type elementType, bool manyRows);

/// Measures, with a compiled loop that sums them, the GB/s at which as many
/// threads read `tensors`: all of their bytes, one tensor after the other.
llvm::Expected<double> measureReading(const CompileOptions &options,
                                      MutableArrayRef<HostTensor> tensors);

} // namespace mlir::attn

#endif // ATTN_DRIVER_PEAK_H
