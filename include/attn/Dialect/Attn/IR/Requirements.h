//===- Requirements.h - What captures must satisfy at a call ------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_REQUIREMENTS_H
#define ATTN_DIALECT_ATTN_IR_REQUIREMENTS_H

#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn {

/// Requires `condition` in the name of `op`: "NAME: MESSAGE", where {0}, {1},
/// ... stand for `values`.
void emitRequirement(OpBuilder &builder, Location loc, Operation *op,
                     Value condition, const Twine &message,
                     ValueRange values = {});

/// Whether the float `number` is finite and greater than 0.
Value emitIsPositive(OpBuilder &builder, Location loc, Value number);

/// Whether `holds` is true of each position from 0 to `count`.
Value emitForAll(OpBuilder &builder, Location loc, Value count,
                 function_ref<Value(OpBuilder &, Value)> holds);

/// Emits attn.require for what the captures of a mask or score modifier must
/// satisfy apart from sizes, such as offsets that do not decrease.
void emitContentRequirements(OpBuilder &builder, Location loc,
                             Operation *modifier);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_IR_REQUIREMENTS_H
