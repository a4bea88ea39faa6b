//===- AttendScores.cpp - Scores, weights and values of a tile -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttendKernel.h"

#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

void AttendKernel::loadQueries() {
  if (!plan.keepQueries)
    return;
  for (int64_t step = 0; step < plan.query.chunks / 2; ++step)
    queryFragments.push_back(
        matrices.loadLeft(sharedTile(plan.query, 0), warpRow, step));
}

Factor AttendKernel::queryFragment(int64_t step) {
  if (plan.keepQueries)
    return queryFragments[step];
  return matrices.loadLeft(sharedTile(plan.query, 0), warpRow, step);
}

/// query * key, not scaled.
SmallVector<Value> AttendKernel::emitScores(Value buffer) {
  if (plan.pairwise)
    return emitPairScores(buffer);
  SharedTile tile = sharedTile(plan.key, plan.keyBase(), buffer);
  SmallVector<Value> scores(plan.keys / 8 * fragmentSize, k.real(0.0));
  MutableArrayRef<Value> sums(scores);
  for (int64_t step = 0; step < plan.query.chunks / 2; ++step) {
    Factor left = queryFragment(step);
    for (int64_t row = 0; row < plan.keys; row += 16) {
      Factor right = matrices.loadRight(tile, row, step);
      for (int64_t half : {0, 1})
        matrices.multiplyAdd(
            left, right, half,
            sums.slice((row / 8 + half) * fragmentSize, fragmentSize));
    }
  }
  return scores;
}

/// What regions are asked about: a pair, and captures.
SmallVector<Value> AttendKernel::pairArguments(const QueryRow &row, Value key) {
  SmallVector<Value> arguments{k.toIndex(batch), k.toIndex(row.head),
                               k.toIndex(row.query), k.toIndex(key)};
  llvm::append_range(arguments, captures);
  return arguments;
}

Value AttendKernel::applyScore(Value score, const QueryRow &row, Value key) {
  if (scale != 1.0)
    score = k.mulF(score, k.real(scale));
  if (op.getScore().empty())
    return score;
  SmallVector<Value> arguments = pairArguments(row, key);
  arguments.insert(arguments.begin(), score);
  return inlinePairRegion(k.b, op.getScore().front(), arguments,
                          /*guard=*/Value());
}

/// Loads check where they read, so that pairs beyond the last need no guard:
/// with one, each pair would load what it shares with others of its row or
/// column.
Value AttendKernel::isKept(const QueryRow &row, Value key) {
  Value keep = k.less(key, keys);
  if (op.getMask().empty())
    return keep;
  return k.both(keep, inlinePairRegion(k.b, op.getMask().front(),
                                       pairArguments(row, key),
                                       /*guard=*/Value()));
}

Value AttendKernel::applyMask(Value score, Value keep) {
  return k.select(keep, score, k.real(isSoftmax() ? -INFINITY : 0.0));
}

/// The query and the key of the lane's score at `index`.
std::pair<AttendKernel::QueryRow, Value>
AttendKernel::pairAt(int64_t index, const KeyTile &tile) {
  int64_t column = index / fragmentSize * 8 + index % 2;
  Value first = k.add(tile.start, k.mul(k.bitAnd(lane, 3), 2));
  return {laneQueries[index / 2 % laneRows], k.add(first, column)};
}

/// What regions compute from indices and read for all pairs would take too many
/// registers at once: a branch keeps as many apart from the others.
static constexpr int64_t together = 8;

SmallVector<Value> AttendKernel::emitKept(const KeyTile &tile) {
  int64_t count = plan.keys / 8 * fragmentSize;
  SmallVector<Value> words(llvm::divideCeil(count, wordBits), k.integer(-1));
  words = k.choose(
      tile.full, [&] { return words; },
      [&] {
        SmallVector<Value> some(words.size(), k.integer(0));
        for (int64_t begin = 0; begin < count; begin += together)
          some[begin / wordBits] = k.either(
              some[begin / wordBits],
              emitKeptPart(tile, begin, std::min(begin + together, count)));
        return some;
      });
  // Else what the bits are made of would be asked where they are used.
  for (Value &word : words)
    word = k.pin(word);
  return words;
}

/// `apply` on pairs of the lane from `begin` on, where there are keys for any
/// of them, else `otherwise`. What is computed from indices is computed anew.
SmallVector<Value>
AttendKernel::onPart(const KeyTile &tile, int64_t begin, Region &region,
                     function_ref<SmallVector<Value>(const KeyTile &)> apply,
                     function_ref<SmallVector<Value>()> otherwise) {
  if (region.empty())
    return apply(tile);
  Value start = k.add(tile.start, begin / fragmentSize * 8);
  SmallVector<QueryRow, laneRows> outer = laneQueries;
  SmallVector<Value> results = k.choose(
      k.less(start, keys),
      [&] {
        for (QueryRow &row : laneQueries)
          row.query = k.pin(row.query);
        return apply({k.pin(tile.start), tile.full});
      },
      otherwise);
  laneQueries = outer;
  return results;
}

/// The bits of pairs from `begin` on, at their place in a word.
Value AttendKernel::emitKeptPart(const KeyTile &tile, int64_t begin,
                                 int64_t end) {
  auto find = [&](const KeyTile &here) {
    Value bits = k.integer(0);
    for (int64_t index = begin; index < end; ++index) {
      auto [row, key] = pairAt(index, here);
      Value bit =
          k.select(isKept(row, key), k.integer(int32_t(1u << index % wordBits)),
                   k.integer(0));
      bits = k.either(bits, bit);
    }
    return SmallVector<Value>{bits};
  };
  return onPart(tile, begin, op.getMask(), find,
                [&] { return SmallVector<Value>{k.integer(0)}; })[0];
}

void AttendKernel::applyRegions(SmallVectorImpl<Value> &scores,
                                const KeyTile &tile, ArrayRef<Value> kept) {
  for (int64_t begin = 0, size = scores.size(); begin < size;
       begin += together) {
    auto part =
        MutableArrayRef(scores).slice(begin, std::min(together, size - begin));
    auto apply = [&](const KeyTile &here) {
      SmallVector<Value> results(part);
      for (auto [index, score] : llvm::enumerate(results)) {
        auto [row, key] = pairAt(begin + index, here);
        score = applyScore(score, row, key);
      }
      return results;
    };
    llvm::copy(onPart(tile, begin, op.getScore(), apply,
                      [&] { return SmallVector<Value>(part); }),
               part.begin());
  }
  scores = k.choose(
      tile.full, [&] { return llvm::to_vector(scores); },
      [&] {
        SmallVector<Value> some;
        for (auto [index, score] : llvm::enumerate(scores)) {
          Value bit =
              k.bitAnd(kept[index / wordBits], int32_t(1u << index % wordBits));
          some.push_back(applyMask(score, k.unequal(bit, k.integer(0))));
        }
        return some;
      });
}

/// What exponents are lowered by for a maximum, and by how much what was summed
/// under the maximum `before` shrinks. A row without any weight so far has
/// nothing to lower by.
std::pair<Value, Value> AttendKernel::shiftAndRescale(Value maximum,
                                                      Value before) {
  Value factor = k.real(unit * llvm::numbers::log2e);
  Value none = k.equalF(maximum, k.real(-INFINITY));
  Value shift = k.mulF(k.select(none, k.real(0.0), maximum), factor);
  return {shift, k.exp2(k.subF(k.mulF(before, factor), shift))};
}

AttendKernel::Weight AttendKernel::weigh(Value score, Value maximum) {
  if (!isSoftmax())
    return {score, k.real(1.0), maximum};
  Value most = k.maxF(maximum, score);
  Value none = k.equalF(most, k.real(-INFINITY));
  Value base = k.select(none, k.real(0.0), most);
  Value factor = k.real(unit * llvm::numbers::log2e);
  // Lowered first, so that none is too large to be scaled.
  auto power = [&](Value value) {
    return k.exp2(k.mulF(k.subF(value, base), factor));
  };
  return {power(score), power(maximum), most};
}

/// The running maximum of a row whose scores have reached `most`. It moves only
/// where weights would exceed 2^largestWeight, so that what was summed is
/// seldom rescaled; but weights that are results are at most 1.
Value AttendKernel::moveMaximum(Value before, Value most) {
  if (arguments.weights)
    return k.maxF(before, most);
  constexpr double largestWeight = 8;
  Value limit =
      k.addF(before, k.real(largestWeight / (unit * llvm::numbers::log2e)));
  Value moves =
      arith::CmpFOp::create(k.b, k.loc, arith::CmpFPredicate::OGT, most, limit);
  return k.select(moves, most, before);
}

/// Scores become weights: 2^(score - maximum), the running maximum being that
/// of all tiles so far, or near it. Gives the factors that shrink what was
/// summed of each row before. Without softmax scores are weights, and nothing
/// shrinks.
SmallVector<Value, AttendKernel::laneRows>
AttendKernel::normalize(State &state, MutableArrayRef<Value> scores) {
  SmallVector<Value, laneRows> factors;
  auto maximum = [&](Value lhs, Value rhs) { return k.maxF(lhs, rhs); };
  Value factor = k.real(unit * llvm::numbers::log2e);
  for (int64_t row = 0; row < laneRows; ++row) {
    SmallVector<Value *> mine;
    for (auto [index, score] : llvm::enumerate(scores))
      if (int64_t(index / 2 % laneRows) == row)
        mine.push_back(&score);
    if (isSoftmax()) {
      Value most = *mine.front();
      for (Value *score : ArrayRef(mine).drop_front())
        most = maximum(most, *score);
      most = moveMaximum(state.maximum[row], k.reduceLanes(most, 3, maximum));
      auto [shift, rescale] = shiftAndRescale(most, state.maximum[row]);
      Value down = arith::NegFOp::create(k.b, k.loc, shift);
      for (Value *score : mine)
        *score = k.exp2(k.fma(*score, factor, down));
      state.maximum[row] = most;
      state.sum[row] = k.mulF(state.sum[row], rescale);
      factors.push_back(rescale);
    }
    for (Value *weight : mine)
      state.sum[row] = k.addF(state.sum[row], *weight);
  }
  return factors;
}

/// Shrinks the accumulator by the factors that `normalize` gives, if a row of
/// the warp has another than 1.
void AttendKernel::rescale(State &state, ArrayRef<Value> factors) {
  if (!isSoftmax())
    return;
  Value moves = k.boolean(false);
  for (Value factor : factors)
    moves = k.either(moves, k.negate(k.equalF(factor, k.real(1.0))));
  state.accumulator = k.choose(
      k.anyLane(moves),
      [&] {
        SmallVector<Value> shrunk;
        for (auto [index, value] : llvm::enumerate(state.accumulator))
          shrunk.push_back(k.mulF(value, factors[index / 2 % laneRows]));
        return shrunk;
      },
      [&] { return llvm::to_vector(state.accumulator); });
}

/// accumulator += weights * values.
void AttendKernel::addValues(State &state, ArrayRef<Value> weights,
                             Value buffer) {
  SharedTile tile = sharedTile(plan.value, plan.valueBase(), buffer);
  MutableArrayRef<Value> sums(state.accumulator);
  int64_t depth = matrices.depth(), perDepth = depth / 8 * fragmentSize;
  for (int64_t row = 0; row < plan.keys; row += depth) {
    Factor left =
        matrices.toLeft(weights.slice(row / depth * perDepth, perDepth),
                        /*exact=*/!isSoftmax());
    for (int64_t step = 0; step < plan.value.columns / 16; ++step) {
      Factor right = matrices.loadRightTransposed(tile, row, step);
      for (int64_t half : {0, 1})
        matrices.multiplyAdd(
            left, right, half,
            sums.slice((2 * step + half) * fragmentSize, fragmentSize));
    }
  }
}
