//===- LowerRecompute.h - Calls that compute rows again -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOLLVM_LOWERRECOMPUTE_H
#define ATTN_LIB_CONVERSION_ATTNTOLLVM_LOWERRECOMPUTE_H

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::attn {

/// Adds the pattern that makes `attn.recompute` calls of the runtime, and an
/// `attn.closure` of its region.
void populateRecomputePatterns(const LLVMTypeConverter &converter,
                               RewritePatternSet &patterns);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOLLVM_LOWERRECOMPUTE_H
