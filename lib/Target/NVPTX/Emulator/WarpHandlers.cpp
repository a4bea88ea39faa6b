//===- WarpHandlers.cpp - Shuffles, votes, barriers -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Handlers.h"
#include "Machine.h"

using namespace mlir::attn::emulator;

//===----------------------------------------------------------------------===//
// Shuffles
//===----------------------------------------------------------------------===//

namespace {
enum class Shuffle { Butterfly, Index, Up, Down };

struct ShuffleArguments {
  uint32_t mask, value;
  int32_t operand, clamp;
};
struct ShuffleResult {
  uint32_t value;
  bool valid; ///< Only where the instruction returns it.
};
} // namespace

/// The lane that `lane` reads, and whether it lies within the segment that bits
/// 8 to 12 of the clamp describe.
template <Shuffle kind>
static std::pair<int, bool> getSource(int lane, const ShuffleArguments &given) {
  int segment = given.clamp >> 8 & 31, clamp = given.clamp & 31;
  int operand = given.operand & 31;
  int last = (lane & segment) | (clamp & ~segment), first = lane & segment;
  int source;
  bool valid;
  switch (kind) {
  case Shuffle::Up:
    source = lane - operand;
    valid = source >= last;
    break;
  case Shuffle::Down:
    source = lane + operand;
    valid = source <= last;
    break;
  case Shuffle::Butterfly:
    source = lane ^ operand;
    valid = source <= last;
    break;
  case Shuffle::Index:
    source = first | (operand & ~segment);
    valid = source <= last;
    break;
  }
  return {valid ? source : lane, valid};
}

template <Shuffle kind, bool withPredicate>
static void shuffle(void *result, void *arguments, uint32_t site) {
  uint32_t mask = as<ShuffleArguments>(arguments).mask;
  Machine::get().meetWarp(
      mask, site, result, arguments, [=](void **results, void **all) {
        ShuffleResult values[warpSize];
        for (int lane = 0; lane < int(warpSize); ++lane) {
          if (!(mask >> lane & 1))
            continue;
          auto [source, valid] =
              getSource<kind>(lane, as<ShuffleArguments>(all[lane]));
          // A lane that does not take part has no value to give.
          bool there = mask >> source & 1;
          values[lane] = {there ? as<ShuffleArguments>(all[source]).value
                                : 0xffffffff,
                          valid};
        }
        for (unsigned lane = 0; lane < warpSize; ++lane) {
          if (!(mask >> lane & 1))
            continue;
          if (withPredicate)
            resultAs<ShuffleResult>(results[lane]) = values[lane];
          else
            resultAs<uint32_t>(results[lane]) = values[lane].value;
        }
      });
}

//===----------------------------------------------------------------------===//
// Votes and reductions
//===----------------------------------------------------------------------===//

namespace {
enum class Vote { All, Any, Ballot };
enum class Reduction { Add, Min, Max, UMin, UMax, And, Or };

struct VoteArguments {
  uint32_t mask;
  bool predicate;
};
struct ReductionArguments {
  uint32_t value, mask;
};
} // namespace

template <Vote kind>
static void vote(void *result, void *arguments, uint32_t site) {
  uint32_t mask = as<VoteArguments>(arguments).mask;
  Machine::get().meetWarp(
      mask, site, result, arguments, [=](void **results, void **all) {
        uint32_t ballot = 0;
        for (unsigned lane = 0; lane < warpSize; ++lane)
          if (mask >> lane & 1)
            ballot |= uint32_t(as<VoteArguments>(all[lane]).predicate) << lane;
        for (unsigned lane = 0; lane < warpSize; ++lane) {
          if (!(mask >> lane & 1))
            continue;
          if (kind == Vote::Ballot)
            resultAs<uint32_t>(results[lane]) = ballot;
          else
            resultAs<bool>(results[lane]) =
                kind == Vote::All ? ballot == mask : ballot != 0;
        }
      });
}

template <Reduction kind>
static uint32_t combine(uint32_t lhs, uint32_t rhs) {
  switch (kind) {
  case Reduction::Add:
    return lhs + rhs;
  case Reduction::Min:
    return std::min<int32_t>(lhs, rhs);
  case Reduction::Max:
    return std::max<int32_t>(lhs, rhs);
  case Reduction::UMin:
    return std::min(lhs, rhs);
  case Reduction::UMax:
    return std::max(lhs, rhs);
  case Reduction::And:
    return lhs & rhs;
  case Reduction::Or:
    return lhs | rhs;
  }
}

template <Reduction kind>
static void reduce(void *result, void *arguments, uint32_t site) {
  uint32_t mask = as<ReductionArguments>(arguments).mask;
  Machine::get().meetWarp(
      mask, site, result, arguments, [=](void **results, void **all) {
        uint32_t rest = mask & (mask - 1);
        uint32_t value =
            as<ReductionArguments>(all[llvm::countr_zero(mask)]).value;
        for (; rest; rest &= rest - 1)
          value = combine<kind>(
              value,
              as<ReductionArguments>(all[llvm::countr_zero(rest)]).value);
        for (unsigned lane = 0; lane < warpSize; ++lane)
          if (mask >> lane & 1)
            resultAs<uint32_t>(results[lane]) = value;
      });
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

static void syncWarp(void *, void *arguments, uint32_t site) {
  Machine::get().syncWarp(as<uint32_t>(arguments), site);
}

static void syncBlock(void *, void *arguments, uint32_t site) {
  Machine::get().arriveAtBarrier(as<uint32_t>(arguments), 0, site, true);
}

static void syncFirstBarrier(void *, void *, uint32_t site) {
  Machine::get().arriveAtBarrier(0, 0, site, true);
}

namespace {
struct BarrierArguments {
  uint32_t id, count;
};
} // namespace

template <bool waits>
static void syncCount(void *, void *arguments, uint32_t site) {
  const auto &given = as<BarrierArguments>(arguments);
  Machine::get().arriveAtBarrier(given.id, given.count, site, waits);
}

/// Fences order what threads do through memory; here nothing is reordered.
static void ignore(void *, void *, uint32_t) {}

llvm::ArrayRef<Handler> mlir::attn::emulator::getWarpHandlers() {
  static const Handler handlers[] = {
      {"shfl.sync.bfly.i32", shuffle<Shuffle::Butterfly, false>},
      {"shfl.sync.bfly.f32", shuffle<Shuffle::Butterfly, false>},
      {"shfl.sync.idx.i32", shuffle<Shuffle::Index, false>},
      {"shfl.sync.idx.f32", shuffle<Shuffle::Index, false>},
      {"shfl.sync.up.i32", shuffle<Shuffle::Up, false>},
      {"shfl.sync.up.f32", shuffle<Shuffle::Up, false>},
      {"shfl.sync.down.i32", shuffle<Shuffle::Down, false>},
      {"shfl.sync.down.f32", shuffle<Shuffle::Down, false>},
      {"shfl.sync.bfly.i32p", shuffle<Shuffle::Butterfly, true>},
      {"shfl.sync.bfly.f32p", shuffle<Shuffle::Butterfly, true>},
      {"shfl.sync.idx.i32p", shuffle<Shuffle::Index, true>},
      {"shfl.sync.idx.f32p", shuffle<Shuffle::Index, true>},
      {"shfl.sync.up.i32p", shuffle<Shuffle::Up, true>},
      {"shfl.sync.up.f32p", shuffle<Shuffle::Up, true>},
      {"shfl.sync.down.i32p", shuffle<Shuffle::Down, true>},
      {"shfl.sync.down.f32p", shuffle<Shuffle::Down, true>},
      {"vote.all.sync", vote<Vote::All>},
      {"vote.any.sync", vote<Vote::Any>},
      {"vote.ballot.sync", vote<Vote::Ballot>},
      {"redux.sync.add", reduce<Reduction::Add>},
      {"redux.sync.min", reduce<Reduction::Min>},
      {"redux.sync.max", reduce<Reduction::Max>},
      {"redux.sync.umin", reduce<Reduction::UMin>},
      {"redux.sync.umax", reduce<Reduction::UMax>},
      {"redux.sync.and", reduce<Reduction::And>},
      {"redux.sync.or", reduce<Reduction::Or>},
      {"bar.warp.sync", syncWarp},
      {"barrier0", syncFirstBarrier},
      {"barrier.cta.sync.aligned.all", syncBlock},
      {"barrier.cta.sync.all", syncBlock},
      {"barrier.cta.sync.aligned.count", syncCount<true>},
      {"barrier.cta.sync.count", syncCount<true>},
      {"barrier.cta.arrive.aligned.count", syncCount<false>},
      {"barrier.cta.arrive.count", syncCount<false>},
      {"membar.cta", ignore},
      {"membar.gl", ignore},
  };
  return handlers;
}
