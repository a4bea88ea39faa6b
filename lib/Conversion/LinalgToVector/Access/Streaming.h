//===- Streaming.h - Fetches of streamed operands ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_STREAMING_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_STREAMING_H

#include "attn/Dialect/Attn/IR/StreamedOperands.h"

namespace mlir::attn {

/// Fetches the share of step `step`, of `steps`, of an operand that is spread.
void emitSpreadFetch(OpBuilder &builder, OpOperand &spread, Value step,
                     int64_t steps);

/// Fetches what step `step`, of `steps`, takes of the share of block `block`,
/// of `blocks`, of an operand that is spread: as many lines in each, the same
/// one twice where there are more steps.
void emitSpreadFetch(OpBuilder &builder, OpOperand &spread, Value block,
                     int64_t blocks, Value step, int64_t steps);

/// Fetches into the second-level cache the line of a streamed operand that lies
/// its number of rows after `position`.
void emitPrefetch(OpBuilder &builder, OpOperand &streamed,
                  SmallVector<Value> position);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_STREAMING_H
