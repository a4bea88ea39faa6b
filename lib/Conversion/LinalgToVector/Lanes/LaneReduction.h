//===- LaneReduction.h - Sums along vector lanes -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_LANEREDUCTION_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_LANEREDUCTION_H

#include "attn/Target/CPU/TargetSpec.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::attn {

/// Whether `op`, on memrefs, is a sum whose inputs all lie contiguous along the
/// summed dimension, and along no other: out[j, i] += sum_d f(k[j, d], q[i,
/// d]).
bool isLaneReduction(linalg::GenericOp op);

/// Whether every op of the body can run on vectors.
bool isElementwise(linalg::GenericOp op);

/// Whether the body takes more than arithmetic.
bool hasFunctions(linalg::GenericOp op);

/// The size of a loop where any operand knows it.
int64_t getLoopSize(linalg::GenericOp op, unsigned dim);

/// Whether an instruction multiplies and adds pairs of what `op` sums.
bool sumsPairs(linalg::GenericOp op, const TargetSpec &target);

/// Whether the rows of a streamed input, each of few outputs, are read one
/// after the other, as hardware follows them. To widen them for several outputs
/// takes the time that this saves.
bool readsRowsInOrder(linalg::GenericOp op, const TargetSpec &target);

/// Emits `op` before it with the summed dimension along lanes: one accumulator
/// per output in a block, then a tree of shuffles that adds the lanes of as
/// many accumulators as a vector has lanes at once. `initial` is what the
/// output holds before, or null for its contents. Sums run per lane, then over
/// the tree: results depend on the vector width.
void emitLaneReduction(OpBuilder &builder, linalg::GenericOp op,
                       const TargetSpec &target, Value initial);

/// The value of the body of `op`, whose ops are elementwise, for `arguments`
/// that are vectors of `width` or scalars.
Value emitBodyOnLanes(OpBuilder &builder, linalg::GenericOp op,
                      ArrayRef<Value> arguments, int64_t width);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_LANEREDUCTION_H
