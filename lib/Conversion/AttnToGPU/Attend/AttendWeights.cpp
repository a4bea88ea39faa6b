//===- AttendWeights.cpp - The weights of all pairs -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Once maximum and sum of each row are known, tiles of keys are gone over
// again, empty ones, too, to store the weights of all pairs. Keys take the
// first buffer.
//
//===----------------------------------------------------------------------===//

#include "AttendKernel.h"

using namespace mlir;
using namespace mlir::attn;

void AttendKernel::storeWeight(const QueryRow &row, Value key, Value weight) {
  Type element = getElementTypeOrSelf(op.getWeightsInit().getType());
  Value pointer = rowPointer(arguments.weights, row, element);
  k.store(k.fromF32(weight, element),
          arguments.weights.move(k, element, pointer, {{AttendOp::J, key}}));
}

/// Under the maximum of all scores of the row. A pair that is masked has no
/// weight, even where the sum is NaN.
Value AttendKernel::normalizedWeight(Value score, Value maximum, Value factor) {
  Value weight = k.mulF(weigh(score, maximum).weight, factor);
  if (!isSoftmax())
    return weight;
  Value isMasked = k.equalF(score, k.real(-INFINITY));
  return k.select(isMasked, k.real(0.0), weight);
}

/// Of a tile of keys from `start` on, in the places of its scores.
void AttendKernel::storeWeights(Value start, ArrayRef<Value> weights) {
  for (auto [index, weight] : llvm::enumerate(weights)) {
    int64_t column = index / fragmentSize * 8 + index % 2;
    Value key = k.add(k.add(start, k.mul(k.bitAnd(lane, 3), 2)), column);
    const QueryRow &row = laneQueries[index / 2 % laneRows];
    Value stored = weight;
    k.when(k.both(row.exists, k.less(key, keys)),
           [&] { storeWeight(row, key, stored); });
  }
}

void AttendKernel::emitWeights(const State &state, ArrayRef<Value> factors) {
  auto emitTile = [&](const KeyTile &tile) {
    Value buffer = k.integer(0);
    copyKeys(plan.key, plan.keyBase(), arguments.key, keyPointer, tile, buffer);
    NVVM::CpAsyncWaitGroupOp::create(k.b, k.loc, 0);
    k.syncBlock();
    SmallVector<Value> kept = emitKept(tile), weights = emitScores(buffer);
    applyRegions(weights, tile, kept);
    for (auto [index, weight] : llvm::enumerate(weights)) {
      int64_t row = index / 2 % laneRows;
      weight = normalizedWeight(weight, state.maximum[row], factors[row]);
    }
    storeWeights(tile.start, weights);
    k.syncBlock();
  };
  k.when(isFirstPart(), [&] {
    k.forLoop(k.integer(0), keys, k.integer(plan.keys), {},
              [&](Value start, ValueRange) {
                Value inside = k.both(k.negate(k.less(start, lowerKey)),
                                      k.less(start, upperKey));
                Value full = k.negate(k.less(keys, k.add(start, plan.keys)));
                SmallVector<Value> found{inside, full};
                if (classifier)
                  found = k.choose(
                      inside,
                      [&] {
                        TileClass tile = classify(start);
                        return SmallVector<Value>{tile.may, tile.must};
                      },
                      [&] { return SmallVector<Value>(2, k.boolean(false)); });
                k.when(found[0], [&] { emitTile({start, found[1]}); });
                k.when(k.negate(found[0]), [&] {
                  storeWeights(start,
                               SmallVector<Value>(plan.keys / 8 * fragmentSize,
                                                  k.real(0.0)));
                });
                return SmallVector<Value>();
              });
  });
  // Rows that are computed anew overwrite what other lanes stored.
  k.syncWarp();
}
