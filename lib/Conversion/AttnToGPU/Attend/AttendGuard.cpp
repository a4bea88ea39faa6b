//===- AttendGuard.cpp - Rows where a value is not finite -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A product of matrices multiplies every weight by every value, also a weight
// of 0 by NaN, and an infinite f32 is no sum of two tf32. Scores are scaled and
// lowered by the maximum in one operation, which leaves of very large ones an
// error that weights cannot hold. Weights that are scores may be too small for
// f16. Where an accumulator is not finite, a maximum so large or a sum of such
// weights so small, its warp computes its rows anew, one query after the other,
// without the values of pairs that do not contribute. Lanes share the features.
//
//===----------------------------------------------------------------------===//

#include "AttendKernel.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// The largest power of two by which scores are lowered in one operation: the
/// rounding of the product is then at most 1/16.
static constexpr double largestShift = 1 << 20;

/// The least sum of weights of f16 without a maximum: each is right to 2^-25.
static constexpr double smallestSum = 0x1p-6;

/// Whether accumulators of the warp are finite, 0 times each being 0, and
/// maxima are small and sums are not, those of empty rows apart.
Value AttendKernel::isPlain(const State &state, ArrayRef<Value> sums) {
  Value zero = k.real(0.0), sum = zero;
  for (Value value : state.accumulator)
    sum = k.fma(value, zero, sum);
  Value special = k.negate(k.equalF(sum, zero));
  if (isSoftmax())
    for (Value maximum : state.maximum) {
      Value shift = k.mulF(maximum, k.real(unit * llvm::numbers::log2e));
      Value large =
          k.both(k.negate(k.equalF(maximum, k.real(-INFINITY))),
                 arith::CmpFOp::create(k.b, k.loc, arith::CmpFPredicate::UGT,
                                       math::AbsFOp::create(k.b, k.loc, shift),
                                       k.real(largestShift)));
      special = k.either(special, large);
    }
  else if (matrices.element.isF16())
    for (Value weights : sums)
      special = k.either(special,
                         k.both(k.negate(k.equalF(weights, zero)),
                                arith::CmpFOp::create(
                                    k.b, k.loc, arith::CmpFPredicate::OLT,
                                    math::AbsFOp::create(k.b, k.loc, weights),
                                    k.real(smallestSum))));
  return k.negate(k.anyLane(special));
}

/// An element of the row at `pointer`, 0 from `limit` on; null where there is
/// none.
Value AttendKernel::loadFeature(Value pointer, Value feature, Value limit) {
  auto load = [&] {
    return SmallVector<Value>{k.toF32(
        k.load(matrices.element, k.gep(pointer, matrices.element, feature)))};
  };
  auto zero = [&] { return SmallVector<Value>{k.real(0.0)}; };
  return limit ? k.choose(k.less(feature, limit), load, zero)[0] : load()[0];
}

/// Features lane, lane + 32, ... of the row at `pointer`, 0 from `limit` on,
/// which is `count` at most.
SmallVector<Value> AttendKernel::loadFeatures(Value pointer, int64_t count,
                                              Value limit) {
  SmallVector<Value> features;
  bool isWhole = getConstantIntValue(limit) == count;
  for (int64_t first = 0; first < count; first += warpSize) {
    bool isInside = isWhole && first + warpSize <= count;
    features.push_back(
        loadFeature(pointer, k.add(lane, first), isInside ? Value() : limit));
  }
  return features;
}

void AttendKernel::recomputeRows() {
  if (plan.warpgroups)
    emitKeyBounds();
  k.forLoop(k.integer(0), k.integer(warpRows), k.integer(1), {},
            [&](Value number, ValueRange) {
              QueryRow row = queryRow(k.add(k.add(firstRow, warpRow), number));
              k.when(row.exists, [&] { recomputeRow(row); });
              return SmallVector<Value>();
            });
}

/// State, the same in all lanes but for the accumulator: maximum, sum,
/// accumulator.
void AttendKernel::recomputeRow(const QueryRow &row) {
  auto add = [&](Value lhs, Value rhs) { return k.addF(lhs, rhs); };
  int64_t valueFeatures = plan.partColumns();
  Value limit = partLimit();
  auto loadRow = [&](Value pointer) {
    return loadFeatures(pointer, plan.query.filled,
                        k.integer(plan.query.filled));
  };
  SmallVector<Value> query =
      loadRow(rowPointer(arguments.query, row, matrices.element));
  SmallVector<Value> featureWeights(query.size());
  if (arguments.featureWeight)
    featureWeights = loadRow(arguments.featureWeight.pointer);
  auto scoreOf = [&](Value key) {
    Value score = k.real(0.0);
    SmallVector<Value> other = loadRow(keyRow(arguments.key, keyPointer, key));
    for (auto [lhs, rhs, weight] :
         llvm::zip_equal(query, other, featureWeights))
      score = addFeature(score, lhs, rhs, weight);
    score = k.reduceLanes(score, warpSize - 1, add);
    return applyMask(applyScore(score, row, key), isKept(row, key));
  };
  Value zero = k.real(0.0);
  auto [maximum, sum] = sinkState(row);
  SmallVector<Value> state{maximum, sum};
  state.append(llvm::divideCeil(valueFeatures, warpSize), zero);
  state = k.forLoop(
      lowerKey, upperKey, k.integer(1), state,
      [&](Value key, ValueRange before) {
        Weight w = weigh(scoreOf(key), before[0]);
        SmallVector<Value> after{w.maximum,
                                 k.fma(before[1], w.rescale, w.weight)};
        SmallVector<Value> scaled;
        for (Value old : before.drop_front(2))
          scaled.push_back(k.mulF(old, w.rescale));
        llvm::append_range(
            after, k.choose(
                       k.equalF(w.weight, zero), [&] { return scaled; },
                       [&] {
                         SmallVector<Value> sums = loadFeatures(
                             keyRow(arguments.value, valuePointer, key),
                             valueFeatures, limit);
                         for (auto [value, old] : llvm::zip_equal(sums, scaled))
                           value = k.fma(w.weight, value, old);
                         return sums;
                       }));
        return after;
      });
  Value isFirst = arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::eq,
                                        lane, k.integer(0));
  if (hasStatistics())
    k.when(k.both(isFirst, isFirstPart()),
           [&] { storeRowStatistics(row, state[0], state[1]); });
  Value factor = plan.splitKeys
                     ? k.real(1.0)
                     : normalizingFactor(k, op.getNormalizer(), state[1]);
  if (arguments.weights)
    k.forLoop(lowerKey, upperKey, k.integer(1), {}, [&](Value key, ValueRange) {
      Value weight = normalizedWeight(scoreOf(key), state[0], factor);
      k.when(k.both(isFirst, isFirstPart()),
             [&] { storeWeight(row, key, weight); });
      return SmallVector<Value>();
    });
  Type element = resultElement();
  Value pointer = resultRow(row);
  for (auto [index, value] : llvm::enumerate(ArrayRef(state).drop_front(2))) {
    Value feature = k.add(lane, index * warpSize);
    Value result = k.fromF32(k.mulF(value, factor), element);
    k.when(k.less(feature, limit),
           [&] { k.store(result, k.gep(pointer, element, feature)); });
  }
}
