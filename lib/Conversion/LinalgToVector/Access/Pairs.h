//===- Pairs.h - Pairs of bf16 in a linalg op -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_PAIRS_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_PAIRS_H

#include "BlockPlan.h"

namespace mlir::attn {

/// Whether rows of the last two dimensions of `type` are whole, of pairs.
bool hasWholePairs(MemRefType type);

/// Whether `output` stores rows in pairs: indices (row / 2, lane, row mod 2).
bool storesPairs(OpOperand &output, AffineMap map, unsigned rowDim,
                 unsigned laneDim);

/// The dimension whose rows some output stores in pairs.
std::optional<unsigned> choosePairedRows(linalg::GenericOp op,
                                         unsigned laneDim);

/// Whether the body adds the product of two extended bf16 to an f32.
bool addsProductOfBF16(linalg::GenericOp op);

/// The reduction over the two elements of pairs, innermost in both inputs, if
/// the target multiplies them so; the second input has the lanes.
std::optional<unsigned> choosePairDim(linalg::GenericOp op,
                                      const BlockPlan &plan,
                                      const TargetSpec &target);

/// Whether `op` sums over one loop whose steps the target multiplies two at a
/// time: the first input has the lanes, a step a row, the second the steps in
/// pairs, (step / 2, row, step mod 2).
bool takesPairsOfSteps(linalg::GenericOp op, const BlockPlan &plan,
                       const TargetSpec &target);

/// Whether the body takes `input`, of bf16, as f32 alone.
bool isExtendedBF16(linalg::GenericOp op, OpOperand &input);

/// The even and the odd ones of a vector of bf16, as f32: an instruction each,
/// where lanes in their order take two and a shuffle.
std::pair<Value, Value> extendHalves(OpBuilder &builder, Location loc,
                                     Value pairs);

/// The even and the odd lanes of two vectors, one after the other; and two such
/// vectors in order again.
std::pair<Value, Value> separateHalves(OpBuilder &builder, Location loc,
                                       Value first, Value second);
std::pair<Value, Value> joinHalves(OpBuilder &builder, Location loc, Value even,
                                   Value odd);

/// A copy of a memref of static shape on the stack. In the last dimension, the
/// even ones of each 2 * `width` elements come first.
Value copyInHalves(OpBuilder &builder, Location loc, Value memref,
                   int64_t width);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_PAIRS_H
