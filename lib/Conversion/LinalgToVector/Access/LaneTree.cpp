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
static void alternateChunks(int64_t width, int64_t chunk,
                            SmallVectorImpl<int64_t> &low,
                            SmallVectorImpl<int64_t> &high) {
  for (int64_t first = 0; first < 2 * width; first += 2 * chunk)
    for (int64_t lane = 0; lane < chunk; ++lane) {
      low.push_back(first + lane);
      high.push_back(first + chunk + lane);
    }
}

int64_t attn::getChunkLanes(int64_t width, Type element) {
  int64_t bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  return std::min(width, 128 / bits);
}

/// shuffle(x, y, low), shuffle(x, y, high).
static std::pair<Value, Value> shuffleBoth(OpBuilder &builder, Location loc,
                                           Value x, Value y,
                                           ArrayRef<int64_t> low,
                                           ArrayRef<int64_t> high) {
  return {vector::ShuffleOp::create(builder, loc, x, y, low),
          vector::ShuffleOp::create(builder, loc, x, y, high)};
}

std::pair<Value, Value> attn::interleaveChunks(OpBuilder &builder, Location loc,
                                               Value x, Value y) {
  auto type = cast<VectorType>(x.getType());
  int64_t width = type.getNumElements();
  SmallVector<int64_t> low, high;
  interleaveInChunks(width, getChunkLanes(width, type.getElementType()),
                     /*unit=*/1, low, high);
  return shuffleBoth(builder, loc, x, y, low, high);
}

std::pair<Value, Value> attn::separateChunks(OpBuilder &builder, Location loc,
                                             Value x, Value y) {
  auto type = cast<VectorType>(x.getType());
  int64_t width = type.getNumElements();
  SmallVector<int64_t> low, high;
  alternateChunks(width, getChunkLanes(width, type.getElementType()), low,
                  high);
  return shuffleBoth(builder, loc, x, y, low, high);
}

std::pair<Value, Value> attn::joinChunks(OpBuilder &builder, Location loc,
                                         Value even, Value odd) {
  auto type = cast<VectorType>(even.getType());
  int64_t width = type.getNumElements();
  int64_t chunk = getChunkLanes(width, type.getElementType());
  SmallVector<int64_t> order;
  for (int64_t first = 0; first < width; first += chunk)
    for (int64_t source : {int64_t(0), width})
      for (int64_t lane = 0; lane < chunk; ++lane)
        order.push_back(source + first + lane);
  ArrayRef<int64_t> lanes(order);
  return shuffleBoth(builder, loc, even, odd, lanes.take_front(width),
                     lanes.drop_front(width));
}

Value attn::concatenate(OpBuilder &builder, Location loc,
                        SmallVector<Value> vectors) {
  while (vectors.size() > 1) {
    int64_t width = cast<VectorType>(vectors[0].getType()).getNumElements();
    auto lanes = llvm::to_vector(llvm::seq<int64_t>(0, 2 * width));
    SmallVector<Value> next;
    for (size_t i = 0; i < vectors.size(); i += 2)
      next.push_back(vector::ShuffleOp::create(builder, loc, vectors[i],
                                               vectors[i + 1], lanes));
    vectors = next;
  }
  return vectors.front();
}

// Step s holds, of each 2^s vectors, 2^s columns of their chunks in each run.
SmallVector<Value> attn::transposeChunks(OpBuilder &builder, Location loc,
                                         SmallVector<Value> vectors) {
  int64_t chunk = vectors.size();
  int64_t width = cast<VectorType>(vectors[0].getType()).getNumElements();
  for (int64_t unit = 1; unit < chunk; unit *= 2) {
    SmallVector<int64_t> low, high;
    interleaveInChunks(width, chunk, unit, low, high);
    SmallVector<Value> next;
    for (int64_t group = 0; group < chunk; group += 2 * unit)
      for (int64_t i = group; i < group + unit; ++i)
        for (ArrayRef<int64_t> half : {ArrayRef(low), ArrayRef(high)})
          next.push_back(vector::ShuffleOp::create(builder, loc, vectors[i],
                                                   vectors[i + unit], half));
    vectors = next;
  }
  return vectors;
}

// Inside of chunks first. Then result i of each group of vectors has, in its
// chunks, parts of rows i, i + chunk and so on, which trade places.
SmallVector<Value> attn::transposeSquare(OpBuilder &builder, Location loc,
                                         ArrayRef<Value> vectors) {
  auto type = cast<VectorType>(vectors.front().getType());
  int64_t width = type.getNumElements();
  int64_t chunk = getChunkLanes(width, type.getElementType());
  SmallVector<SmallVector<Value>> groups;
  for (int64_t first = 0; first < width; first += chunk)
    groups.push_back(transposeChunks(
        builder, loc, SmallVector<Value>(vectors.slice(first, chunk))));
  SmallVector<int64_t> even, odd;
  alternateChunks(width, chunk, even, odd);
  SmallVector<Value> rows(width);
  for (int64_t i = 0; i < chunk; ++i) {
    // Each list has the vectors of the chunks `offset`, `offset` + `stride` ...
    SmallVector<SmallVector<Value>> lists(1);
    for (ArrayRef<Value> group : groups)
      lists[0].push_back(group[i]);
    while (lists.size() < groups.size()) {
      SmallVector<SmallVector<Value>> next(2 * lists.size());
      for (auto [offset, list] : llvm::enumerate(lists))
        for (size_t pair = 0; pair < list.size(); pair += 2)
          for (auto [half, order] :
               {std::pair(size_t(0), ArrayRef(even)), {1, ArrayRef(odd)}})
            next[offset + half * lists.size()].push_back(
                vector::ShuffleOp::create(builder, loc, list[pair],
                                          list[pair + 1], order));
      lists = next;
    }
    for (auto [number, list] : llvm::enumerate(lists))
      rows[number * chunk + i] = list.front();
  }
  return rows;
}

/// The lower lanes plus the upper ones.
static Value addHalves(OpBuilder &builder, Location loc, Value vector) {
  int64_t half = cast<VectorType>(vector.getType()).getNumElements() / 2;
  auto lanesFrom = [&](int64_t first) {
    return vector::ExtractStridedSliceOp::create(
        builder, loc, vector, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{half},
        ArrayRef<int64_t>{1});
  };
  return arith::AddFOp::create(builder, loc, lanesFrom(0), lanesFrom(half));
}

// Few vectors become shorter before their chunks are summed: shorter ones are
// the cheaper ones.
Value attn::sumLanes(OpBuilder &builder, Location loc,
                     SmallVector<Value> vectors) {
  auto type = cast<VectorType>(vectors.front().getType());
  int64_t width = type.getNumElements();
  int64_t chunk = getChunkLanes(width, type.getElementType());
  vectors.resize(llvm::PowerOf2Ceil(vectors.size()), vectors.back());
  auto reduce = [&](ArrayRef<int64_t> low, ArrayRef<int64_t> high) {
    SmallVector<Value> next;
    for (size_t i = 0; i < vectors.size(); i += 2)
      next.push_back(combine(builder, loc, vectors[i],
                             vectors[std::min(i + 1, vectors.size() - 1)], low,
                             high));
    vectors = next;
  };
  auto shorten = [&] {
    for (; int64_t(vectors.size()) * chunk < width; width /= 2)
      for (Value &vector : vectors)
        vector = addHalves(builder, loc, vector);
  };
  // There is none to share the shuffles of one.
  if (vectors.size() == 1)
    shorten();
  for (int64_t unit = 1; unit < chunk; unit *= 2) {
    SmallVector<int64_t> low, high;
    interleaveInChunks(width, chunk, unit, low, high);
    reduce(low, high);
  }
  shorten();
  while (vectors.size() > 1) {
    SmallVector<int64_t> low, high;
    alternateChunks(width, chunk, low, high);
    reduce(low, high);
  }
  return vectors.front();
}
