//===- AttendSplits.cpp - A block that takes some of the keys -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttendKernel.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// Of the keys that the tile of queries reaches, those of this block.
void AttendKernel::takeSplit() {
  if (!plan.splitKeys)
    return;
  auto most = [&](Value lhs, Value rhs) -> Value {
    return k.b.createOrFold<arith::MaxSIOp>(k.loc, lhs, rhs);
  };
  Value reached = most(k.sub(upperKey, lowerKey), k.integer(0));
  Value tiles = k.div(k.add(reached, plan.keys - 1), plan.keys);
  Value splits = k.toI32(arguments.splits);
  Value each = k.div(k.add(tiles, k.sub(splits, k.integer(1))), splits);
  each = most(each, k.integer(plan.splitTiles()));
  Value first = k.min(k.mul(split, each), tiles);
  lowerKey = k.add(lowerKey, k.mul(first, plan.keys));
  Value count = k.min(each, k.sub(tiles, first));
  upperKey = k.min(upperKey, k.add(lowerKey, k.mul(count, plan.keys)));
}

/// Of the row among all rows of all heads.
Value AttendKernel::rowNumber(const QueryRow &row) {
  Value heads = k.mul(k.toI32(arguments.sizes[AttendOp::Hkv]), groupSize);
  Value head = k.add(k.mul(batch, heads), row.head);
  return k.add(k.mul(head, queries), row.query);
}

/// Four lanes fill a sector.
void AttendKernel::storePartials(const State &state) {
  Type pairType = VectorType::get(2, k.b.getF32Type());
  for (int64_t laneRow = 0; laneRow < laneRows; ++laneRow) {
    const QueryRow &row = laneQueries[laneRow];
    k.when(row.exists, [&] {
      Value to = k.gep(resultRow(row), pairType, k.bitAnd(lane, 3));
      for (int64_t group = 0; group < llvm::divideCeil(plan.partColumns(), 8);
           ++group) {
        int64_t index = group * fragmentSize + 2 * laneRow;
        Value pair =
            k.pair(state.accumulator[index], state.accumulator[index + 1]);
        k.store(pair, k.gep(to, pairType, k.integer(4 * group)), 8);
      }
    });
  }
}
