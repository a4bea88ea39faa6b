//===- PartialSums.cpp - What blocks that share keys sum up -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PartialSums.h"

using namespace mlir;
using namespace mlir::attn;

Value attn::normalizingFactor(KernelBuilder &k, Normalizer normalizer,
                              Value sum) {
  Value zero = k.real(0.0), one = k.real(1.0);
  if (normalizer == Normalizer::None)
    return one;
  Value inverse = arith::DivFOp::create(k.b, k.loc, one, sum);
  return k.select(k.equalF(sum, zero), zero, inverse);
}

Value attn::logOfSum(KernelBuilder &k, Normalizer normalizer,
                     const RowStatistics &row) {
  Value value = k.mulF(k.log2(row.sum), k.real(llvm::numbers::ln2));
  return normalizer == Normalizer::Softmax ? k.addF(row.maximum, value) : value;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value PartialSums::rowCount() const {
  Value count = arguments.sizes[AttendOp::I];
  for (unsigned dim : {AttendOp::G, AttendOp::Hkv, AttendOp::B})
    count = k.mul(count, arguments.sizes[dim]);
  return count;
}

static Value times(KernelBuilder &k, Value value, int64_t factor) {
  return k.mul(value, arith::ConstantIntOp::create(k.b, k.loc, factor, 64));
}

Value PartialSums::accumulator(Value split, Value row) const {
  Value number = k.add(k.mul(k.toI64(split), rowCount()), k.toI64(row));
  return k.gep(arguments.partials, k.b.getF32Type(), times(k, number, columns));
}

Value PartialSums::statistics(Value split, Value row) const {
  Value splits = k.toI64(arguments.splits);
  Value number = k.add(k.mul(k.toI64(row), splits), k.toI64(split));
  Value first =
      k.add(times(k, k.mul(splits, rowCount()), columns), times(k, number, 2));
  return k.gep(arguments.partials, k.b.getF32Type(), first);
}

void PartialSums::storeStatistics(Value split, Value row,
                                  const RowStatistics &given) const {
  Value pair = k.pair(given.maximum, given.sum);
  k.store(pair, statistics(split, row), 8);
}

RowStatistics PartialSums::loadStatistics(Value split, Value row) const {
  Value pair =
      k.load(VectorType::get(2, k.b.getF32Type()), statistics(split, row), 8);
  return {k.element(pair, 0), k.element(pair, 1)};
}

//===----------------------------------------------------------------------===//
// Merging
//===----------------------------------------------------------------------===//

MergeKernel::MergeKernel(OpBuilder &builder, AttendOp op, AttendArguments given,
                         int64_t sumColumns)
    : k{builder, op.getLoc()}, op(op), arguments(std::move(given)),
      columns(cast<ShapedType>(op.getValue().getType()).getShape().back()),
      partials{k, arguments, sumColumns} {}

void MergeKernel::emit() {
  Type word = k.b.getI32Type();
  Value thread = NVVM::ThreadIdXOp::create(k.b, k.loc, word);
  lane = k.bitAnd(thread, warpSize - 1);
  splits = k.toI32(arguments.splits);
  Value block = NVVM::BlockIdXOp::create(k.b, k.loc, word);
  Value row = k.add(k.mul(block, rowsPerBlock), k.div(thread, warpSize));
  k.when(k.less(row, k.toI32(partials.rowCount())), [&] { mergeRow(row); });
}

/// What weights of a part count under the maximum of all parts. A part without
/// any weight has no maximum.
Value MergeKernel::weigh(const RowStatistics &part, Value maximum) {
  if (!isSoftmax())
    return k.real(1.0);
  Value below = k.subF(part.maximum, maximum);
  Value weight = k.exp2(k.mulF(below, k.real(llvm::numbers::log2e)));
  Value zero = k.real(0.0);
  return k.select(k.equalF(part.sum, zero), zero, weight);
}

/// Lanes share the splits.
RowStatistics MergeKernel::mergeStatistics(Value row) {
  auto most = [&](Value lhs, Value rhs) { return k.maxF(lhs, rhs); };
  auto add = [&](Value lhs, Value rhs) { return k.addF(lhs, rhs); };
  Value step = k.integer(warpSize), maximum = k.real(-INFINITY);
  if (isSoftmax()) {
    maximum = k.forLoop(
        lane, splits, step, maximum, [&](Value split, ValueRange before) {
          RowStatistics part = partials.loadStatistics(split, row);
          return SmallVector<Value>{most(before[0], part.maximum)};
        })[0];
    maximum = k.reduceLanes(maximum, warpSize - 1, most);
  }
  Value sum = k.forLoop(
      lane, splits, step, k.real(0.0), [&](Value split, ValueRange before) {
        RowStatistics part = partials.loadStatistics(split, row);
        return SmallVector<Value>{
            k.fma(weigh(part, maximum), part.sum, before[0])};
      })[0];
  return {maximum, k.reduceLanes(sum, warpSize - 1, add)};
}

/// Lanes share the columns.
void MergeKernel::mergeRow(Value row) {
  RowStatistics merged = mergeStatistics(row);
  Type real = k.b.getF32Type();
  int64_t perLane = llvm::divideCeil(columns, warpSize);
  // A part without weight is not read: it may hold 0 times infinity.
  SmallVector<Value> sums(perLane, k.real(0.0));
  sums = k.forLoop(k.integer(0), splits, k.integer(1), sums,
                   [&](Value split, ValueRange before) {
                     RowStatistics part = partials.loadStatistics(split, row);
                     Value weight = weigh(part, merged.maximum);
                     Value from = partials.accumulator(split, row);
                     auto add = [&] {
                       SmallVector<Value> after;
                       for (auto [index, old] : llvm::enumerate(before)) {
                         // Lanes beyond the last column read it again.
                         Value column = k.min(k.add(lane, index * warpSize),
                                              k.integer(columns - 1));
                         Value value = k.load(real, k.gep(from, real, column));
                         after.push_back(k.fma(weight, value, old));
                       }
                       return after;
                     };
                     if (!isSoftmax())
                       return add();
                     return k.choose(
                         k.equalF(part.sum, k.real(0.0)),
                         [&] { return SmallVector<Value>(before); }, add);
                   });

  SmallVector<std::pair<unsigned, Value>> place;
  Value rest = row;
  for (unsigned dim : {AttendOp::I, AttendOp::G, AttendOp::Hkv, AttendOp::B}) {
    Value size = k.toI32(arguments.sizes[dim]);
    place.push_back({dim, k.rem(rest, size)});
    rest = k.div(rest, size);
  }
  Type element = getElementTypeOrSelf(op.getQuery().getType());
  Value factor = normalizingFactor(k, op.getNormalizer(), merged.sum);
  Value output =
      arguments.output.move(k, element, arguments.output.pointer, place);
  for (auto [index, sum] : llvm::enumerate(sums)) {
    Value column = k.add(lane, index * warpSize);
    Value result = k.fromF32(k.mulF(sum, factor), element);
    k.when(k.less(column, k.integer(columns)),
           [&] { k.store(result, k.gep(output, element, column)); });
  }
  if (!arguments.lse)
    return;
  k.when(k.less(lane, k.integer(1)), [&] {
    k.store(logOfSum(k, op.getNormalizer(), merged),
            arguments.lse.move(k, real, arguments.lse.pointer, place));
  });
}
