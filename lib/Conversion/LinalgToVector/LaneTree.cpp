//===- LaneTree.cpp - The lanes of many vectors summed at once -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneTree.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::attn;

/// shuffle(x, y, low) + shuffle(x, y, high).
static Value combine(OpBuilder &builder, Location loc, Value x, Value y,
                     ArrayRef<int64_t> low, ArrayRef<int64_t> high) {
  Value lows = vector::ShuffleOp::create(builder, loc, x, y, low);
  Value highs = vector::ShuffleOp::create(builder, loc, x, y, high);
  return arith::AddFOp::create(builder, loc, lows, highs);
}

/// Inside of each chunk of `chunk` lanes, runs of `unit` lanes of x and y
/// alternate: those of the lower halves, and those of the upper halves.
static void interleaveInChunks(int64_t width, int64_t chunk, int64_t unit,
                               SmallVectorImpl<int64_t> &low,
                               SmallVectorImpl<int64_t> &high) {
  for (int64_t first = 0; first < width; first += chunk)
    for (int64_t run = 0; run < chunk / 2; run += unit)
      for (int64_t source : {int64_t(0), width})
        for (int64_t lane = 0; lane < unit; ++lane) {
          low.push_back(source + first + run + lane);
          high.push_back(source + first + chunk / 2 + run + lane);
        }
}

/// The even chunks of x, then of y; and the odd ones.
static void separateChunks(int64_t width, int64_t chunk,
                           SmallVectorImpl<int64_t> &low,
                           SmallVectorImpl<int64_t> &high) {
  for (int64_t first = 0; first < 2 * width; first += 2 * chunk)
    for (int64_t lane = 0; lane < chunk; ++lane) {
      low.push_back(first + lane);
      high.push_back(first + chunk + lane);
    }
}

Value attn::sumLanes(OpBuilder &builder, Location loc,
                     SmallVector<Value> vectors) {
  auto type = cast<VectorType>(vectors.front().getType());
  int64_t width = type.getNumElements();
  // Shuffles inside of 128 bits are the cheap ones.
  int64_t chunk = std::min<int64_t>(width, 128 / type.getElementTypeBitWidth());
  auto reduce = [&](ArrayRef<int64_t> low, ArrayRef<int64_t> high) {
    SmallVector<Value> next;
    for (size_t i = 0; i < vectors.size(); i += 2)
      next.push_back(
          combine(builder, loc, vectors[i], vectors[i + 1], low, high));
    vectors = next;
  };
  for (int64_t unit = 1; unit < chunk; unit *= 2) {
    SmallVector<int64_t> low, high;
    interleaveInChunks(width, chunk, unit, low, high);
    reduce(low, high);
  }
  for (int64_t chunks = 1; chunks < width / chunk; chunks *= 2) {
    SmallVector<int64_t> low, high;
    separateChunks(width, chunk, low, high);
    reduce(low, high);
  }
  return vectors.front();
}
