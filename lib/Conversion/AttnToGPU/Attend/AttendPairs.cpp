//===- AttendPairs.cpp - Scores that are no products of matrices --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each lane computes the scores of the pairs that its fragment holds, from rows
// of queries and keys in shared memory, 16 bytes of features at a time.
//
//===----------------------------------------------------------------------===//

#include "AttendKernel.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// tanh(x) = 1 - 2 / (2^(2 x log2(e)) + 1), absolutely as near as f32's
/// rounding of 1.
static Value emitTanh(KernelBuilder &k, Value x) {
  Value power = k.exp2(k.mulF(x, k.real(2 * llvm::numbers::log2e)));
  Value inverse = k.intrinsic("llvm.nvvm.rcp.approx.ftz.f", k.b.getF32Type(),
                              k.addF(power, k.real(1.0)));
  return k.fma(inverse, k.real(-2.0), k.real(1.0));
}

Value AttendKernel::addFeature(Value sum, Value query, Value key,
                               Value weight) {
  switch (op.getCompatibility()) {
  case Compatibility::Dot:
    return k.fma(query, key, sum);
  case Compatibility::Additive:
    return k.fma(weight, emitTanh(k, k.addF(query, key)), sum);
  case Compatibility::NegativeSquaredDistance: {
    Value difference = k.subF(query, key);
    Value negated = arith::NegFOp::create(k.b, k.loc, difference);
    return k.fma(negated, difference, sum);
  }
  }
  llvm_unreachable("all compatibilities are handled");
}

/// Neighbours from `pointer` on, which is a multiple of their size, in f32.
static SmallVector<Value> loadNeighbours(KernelBuilder &k, Type element,
                                         Value pointer, int64_t count) {
  auto type = VectorType::get(count, element);
  Value loaded = k.load(type, pointer, SharedLayout::chunkBytes);
  if (!element.isF32())
    loaded = arith::ExtFOp::create(
        k.b, k.loc, VectorType::get(count, k.b.getF32Type()), loaded);
  SmallVector<Value> values;
  for (int64_t index = 0; index < count; ++index)
    values.push_back(k.element(loaded, index));
  return values;
}

SmallVector<Value> AttendKernel::emitPairScores(Value buffer) {
  Type element = matrices.element;
  SharedTile queryTile = sharedTile(plan.query, 0);
  SharedTile keyTile = sharedTile(plan.key, plan.keyBase(), buffer);
  int64_t perChunk = SharedLayout::chunkBytes / plan.key.elementBytes;
  Value firstQuery = k.add(warpRow, k.div(lane, 4));
  Value firstKey = k.mul(k.bitAnd(lane, 3), 2);
  SmallVector<Value> scores(plan.keys / 8 * fragmentSize, k.real(0.0));
  return k.forLoop(
      k.integer(0), k.integer(llvm::divideCeil(plan.key.filled, perChunk)),
      k.integer(1), scores, [&](Value chunk, ValueRange before) {
        auto load = [&](const SharedTile &tile, Value row) {
          return loadNeighbours(k, element, tile.address(k, row, chunk),
                                perChunk);
        };
        SmallVector<Value> query[laneRows], weights(perChunk);
        for (int64_t row = 0; row < laneRows; ++row)
          query[row] = load(queryTile, k.add(firstQuery, 8 * row));
        if (arguments.featureWeight)
          for (auto [index, weight] : llvm::enumerate(weights)) {
            Value feature = k.add(k.mul(chunk, perChunk), index);
            weight = loadFeature(arguments.featureWeight.pointer, feature,
                                 plan.key.filled % perChunk
                                     ? k.integer(plan.key.filled)
                                     : Value());
          }
        SmallVector<Value> after(before);
        for (int64_t pair = 0; pair < plan.keys / 4; ++pair) {
          int64_t group = pair / 2, next = pair % 2;
          SmallVector<Value> key =
              load(keyTile, k.add(firstKey, 8 * group + next));
          for (int64_t row = 0; row < laneRows; ++row) {
            Value &sum = after[group * fragmentSize + 2 * row + next];
            for (int64_t index = 0; index < perChunk; ++index)
              sum = addFeature(sum, query[row][index], key[index],
                               weights[index]);
          }
        }
        return after;
      });
}
