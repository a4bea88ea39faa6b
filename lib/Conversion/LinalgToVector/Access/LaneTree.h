//===- LaneTree.h - The lanes of many vectors summed at once -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_LANETREE_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_LANETREE_H

#include "mlir/IR/Builders.h"

namespace mlir::attn {

/// The lanes of 128 bits, inside of which lanes are cheap to shuffle; `width`
/// at most.
int64_t getChunkLanes(int64_t width, Type element);

/// The lanes of all vectors in a row; their number is a power of two.
Value concatenate(OpBuilder &builder, Location loc, SmallVector<Value> vectors);

/// Transposes the square that each chunk of as many lanes as there are vectors
/// is: lane j of a chunk of result i is lane i of that chunk of `vectors[j]`.
SmallVector<Value> transposeChunks(OpBuilder &builder, Location loc,
                                   SmallVector<Value> vectors);

/// Transposes a square of as many vectors as lanes, a power of two: lane j of
/// result i is lane i of `vectors[j]`.
SmallVector<Value> transposeSquare(OpBuilder &builder, Location loc,
                                   ArrayRef<Value> vectors);

/// Of each chunk of two vectors the lower halves, and the upper ones, lane by
/// lane in turns.
std::pair<Value, Value> interleaveChunks(OpBuilder &builder, Location loc,
                                         Value x, Value y);

/// The even and the odd chunks of two vectors, one after the other; and two
/// such vectors in order again.
std::pair<Value, Value> separateChunks(OpBuilder &builder, Location loc,
                                       Value x, Value y);
std::pair<Value, Value> joinChunks(OpBuilder &builder, Location loc, Value even,
                                   Value odd);

/// A vector whose lane k is the sum of the lanes of `vectors[k]`, which are as
/// many as they have lanes, a power of two, or fewer; the last lanes, of which
/// there are no more than have to be, repeat others.
Value sumLanes(OpBuilder &builder, Location loc, SmallVector<Value> vectors);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_LANETREE_H
