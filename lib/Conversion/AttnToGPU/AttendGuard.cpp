//===- AttendGuard.cpp - Rows where a value is not finite -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A product of matrices multiplies every weight by every value, also a weight
// of 0 by NaN. Where an accumulator is not finite, its warp computes its rows
// anew, one query after the other, without the values of pairs that do not
// contribute. Lanes share the features.
//
//===----------------------------------------------------------------------===//

#include "AttendKernel.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// A pair without weight can exist.
bool AttendKernel::needsGuard() {
  return !op.getMask().empty() || !op.getScore().empty();
}

/// Whether all accumulators of the warp are finite: 0 times each is 0.
Value AttendKernel::isFinite(const State &state) {
  Value zero = k.real(0.0), sum = zero;
  for (Value value : state.accumulator)
    sum = k.fma(value, zero, sum);
  return k.negate(k.anyLane(k.negate(k.equalF(sum, zero))));
}

/// Features lane, lane + 32, ... of the row at `pointer`, 0 beyond the last.
SmallVector<Value> AttendKernel::loadFeatures(Value pointer, int64_t count) {
  SmallVector<Value> features;
  for (int64_t first = 0; first < count; first += warpSize) {
    Value feature = k.add(lane, first);
    auto load = [&] {
      Value element = k.load(matrices.element,
                             k.gep(pointer, matrices.element, feature));
      return SmallVector<Value>{arith::ExtFOp::create(
          k.b, k.loc, k.b.getF32Type(), element)};
    };
    auto zero = [&] { return SmallVector<Value>{k.real(0.0)}; };
    features.push_back(
        first + warpSize <= count
            ? load()[0]
            : k.choose(k.less(feature, k.integer(count)), load, zero)[0]);
  }
  return features;
}

void AttendKernel::recomputeRows() {
  k.forLoop(k.integer(0), k.integer(warpRows), k.integer(1), {},
            [&](Value number, ValueRange) {
              Value row = k.add(k.add(firstQuery, warpRow), number);
              k.when(k.less(row, queries), [&] { recomputeRow(row); });
              return SmallVector<Value>();
            });
}

/// State, the same in all lanes but for the accumulator: maximum, sum,
/// accumulator.
void AttendKernel::recomputeRow(Value row) {
  auto add = [&](Value lhs, Value rhs) { return k.addF(lhs, rhs); };
  auto rowPointer = [&](const AttendOperand &operand, Value head, unsigned dim,
                        Value index) {
    return rowOf(operand, head, dim, index, queries).pointer;
  };
  int64_t features = plan.query.filled * 8, valueFeatures = plan.value.filled * 8;
  SmallVector<Value> query = loadFeatures(
      rowPointer(arguments.query,
                 headPointer(arguments.query, matrices.element), AttendOp::I,
                 row),
      features);
  Value zero = k.real(0.0);
  Value maximum = k.real(-INFINITY), sum = zero;
  if (op.getSink()) {
    maximum = sinkLogit();
    sum = k.select(k.equalF(maximum, k.real(-INFINITY)), zero, k.real(1.0));
  }
  SmallVector<Value> state{maximum, sum};
  state.append(llvm::divideCeil(valueFeatures, warpSize), zero);
  state = k.forLoop(
      lowerKey, upperKey, k.integer(1), state,
      [&](Value key, ValueRange before) {
        Value product = zero;
        SmallVector<Value> keyRow = loadFeatures(
            rowPointer(arguments.key, keyPointer, AttendOp::J, key), features);
        for (auto [q, kv] : llvm::zip_equal(query, keyRow))
          product = k.fma(q, kv, product);
        product = k.reduceLanes(product, warpSize - 1, add);
        Value score = applyToPair(product, row, key, /*partial=*/true);
        auto [weight, rescale, most] = weigh(score, before[0]);
        SmallVector<Value> after{most,
                                 k.fma(before[1], rescale, weight)};
        SmallVector<Value> scaled;
        for (Value old : before.drop_front(2))
          scaled.push_back(k.mulF(old, rescale));
        llvm::append_range(
            after,
            k.choose(
                k.equalF(weight, zero), [&] { return scaled; },
                [&] {
                  SmallVector<Value> sums = loadFeatures(
                      rowPointer(arguments.value, valuePointer, AttendOp::J,
                                 key),
                      valueFeatures);
                  for (auto [value, old] : llvm::zip_equal(sums, scaled))
                    value = k.fma(weight, value, old);
                  return sums;
                }));
        return after;
      });
  Value factor = normalizingFactor(state[1]);
  Value pointer = rowPointer(arguments.output,
                             headPointer(arguments.output, matrices.element),
                             AttendOp::I, row);
  for (auto [index, value] : llvm::enumerate(ArrayRef(state).drop_front(2))) {
    Value feature = k.add(lane, index * warpSize);
    Value result = arith::TruncFOp::create(k.b, k.loc, matrices.element,
                                           k.mulF(value, factor));
    k.when(k.less(feature, k.integer(valueFeatures)), [&] {
      k.store(result, k.gep(pointer, matrices.element, feature));
    });
  }
}
