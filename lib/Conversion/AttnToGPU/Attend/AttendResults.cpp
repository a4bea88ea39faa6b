//===- AttendResults.cpp - Output and LSE of a tile of queries -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttendKernel.h"

using namespace mlir;
using namespace mlir::attn;

/// One of the blocks that share the columns of a tile stores what is the same
/// in all of them.
Value AttendKernel::isFirstPart() {
  if (plan.parts == 1)
    return k.boolean(true);
  return k.less(part, k.integer(1));
}

void AttendKernel::emitResults(const State &state) {
  SmallVector<Value> sums, factors;
  for (Value sum : state.sum) {
    sums.push_back(k.reduceLanes(
        sum, 3, [&](Value lhs, Value rhs) { return k.addF(lhs, rhs); }));
    factors.push_back(normalizingFactor(k, op.getNormalizer(), sums.back()));
  }
  if (arguments.weights)
    emitWeights(state, factors);
  // Nothing may arrive any more, and other warps be done with what is there.
  syncComputation();
  auto store = [&] {
    if (hasStatistics())
      k.when(isFirstPart(), [&] { storeStatistics(state, sums); });
    if (plan.splitKeys)
      storePartials(state);
    else
      storeOutput(state, factors);
  };
  Value plain = isPlain(state, sums);
  k.when(plain, store);
  k.when(k.negate(plain), [&] { recomputeRows(); });
}

/// Each warp puts its 16 rows where their queries were, so that a lane can
/// write 16 bytes, or as many as rows are multiples of, and neighbours
/// neighbouring ones.
void AttendKernel::storeOutput(const State &state, ArrayRef<Value> factors) {
  SharedTile tile = sharedTile(plan.output, 0);
  Value offset = k.mul(k.bitAnd(lane, 3), 2);
  for (int64_t group = 0; group < plan.output.columns / 8; ++group)
    for (int64_t row = 0; row < laneRows; ++row) {
      int64_t index = group * fragmentSize + 2 * row;
      Value inTile = k.add(k.add(warpRow, k.div(lane, 4)), 8 * row);
      matrices.storePair(k.mulF(state.accumulator[index], factors[row]),
                         k.mulF(state.accumulator[index + 1], factors[row]),
                         tile.elementAddress(k, inTile, group, offset));
    }
  k.syncWarp();

  int64_t bytes = plan.output.piece;
  Type type = bytes == SharedLayout::chunkBytes
                  ? Type(VectorType::get(4, k.b.getI32Type()))
                  : k.b.getIntegerType(8 * bytes);
  Value limit = partLimit();
  int64_t perRow = plan.output.pitch * SharedLayout::chunkBytes / bytes;
  Value first = k.mul(warpRow, perRow);
  k.shareAll(warpRows, perRow, lane, warpSize, [&](Value number) {
    SharedTile::Piece piece = tile.getPiece(k, k.add(first, number), bytes);
    QueryRow row = queryRow(k.add(firstRow, piece.row));
    k.when(k.both(row.exists, k.less(piece.column, limit)), [&] {
      k.store(k.load(type, piece.address, bytes),
              k.gep(resultRow(row), k.b.getI8Type(), piece.offset), bytes);
    });
  });
}

Type AttendKernel::resultElement() {
  return plan.splitKeys ? k.b.getF32Type() : matrices.element;
}

Value AttendKernel::resultRow(const QueryRow &row) {
  Value pointer = plan.splitKeys
                      ? partials.accumulator(split, rowNumber(row))
                      : rowPointer(arguments.output, row, matrices.element);
  return partPointer(pointer, resultElement());
}

/// Each row's sum is in four lanes.
void AttendKernel::storeStatistics(const State &state, ArrayRef<Value> sums) {
  Value isFirst = arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::eq,
                                        k.bitAnd(lane, 3), k.integer(0));
  for (int64_t laneRow = 0; laneRow < laneRows; ++laneRow) {
    const QueryRow &row = laneQueries[laneRow];
    k.when(k.both(isFirst, row.exists), [&] {
      storeRowStatistics(row, state.maximum[laneRow], sums[laneRow]);
    });
  }
}

void AttendKernel::storeRowStatistics(const QueryRow &row, Value maximum,
                                      Value sum) {
  if (isSoftmax())
    maximum = k.mulF(maximum, k.real(unit));
  if (plan.splitKeys)
    return partials.storeStatistics(split, rowNumber(row), {maximum, sum});
  Value lse = logOfSum(k, op.getNormalizer(), {maximum, sum});
  k.store(lse, rowPointer(arguments.lse, row, lse.getType()));
}
