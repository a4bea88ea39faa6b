//===- SinkConstants.h - Constants inside of loop bodies -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOLLVM_SINKCONSTANTS_H
#define ATTN_LIB_CONVERSION_ATTNTOLLVM_SINKCONSTANTS_H

#include "mlir/IR/Region.h"

namespace mlir::attn {

/// Repeats at the start of `body` what it uses from above and what has no
/// operands, such as constants: only inside can they be folded.
void sinkConstants(Region &body);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOLLVM_SINKCONSTANTS_H
