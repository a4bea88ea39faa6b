//===- Bench.cpp - attnc bench -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Commands.h"

#include "attn/Driver/Peak.h"
#include "attn/Driver/TileCounts.h"
#include "attn/Driver/Work.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/Threading.h"

#include <chrono>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::tool;

using Clock = std::chrono::steady_clock;

namespace {
struct Measurement {
  bool cached = false; ///< Whether the code came from the cache.
  double compileMs = 0, minMs = 0, medianMs = 0;
  double flops = 0;   ///< On visited work; 0 where it is not known.
  double bytes = 0;   ///< Of all arguments, without keys that no query reaches.
  double peak = 0;    ///< GFLOP/s.
  double reading = 0; ///< GB/s of a loop that only reads the arguments.
  unsigned calls = 0;

  double gflops() const { return flops / minMs / 1e6; }
  double percentOfPeak() const { return peak ? 100 * gflops() / peak : 0; }
  double bandwidth() const { return bytes / minMs / 1e6; }
  double percentOfReading() const {
    return reading ? 100 * bandwidth() / reading : 0;
  }
  /// Of the nearer of both limits.
  double percentOfLimit() const {
    return std::max(percentOfPeak(), percentOfReading());
  }
};
} // namespace

static double getMilliseconds(Clock::time_point since) {
  return std::chrono::duration<double, std::milli>(Clock::now() - since)
      .count();
}

/// The type whose peak bounds the function: of its first float argument.
static Type getPeakType(const FunctionSignature &signature) {
  for (const SignatureValue &input : signature.inputs)
    if (isa<FloatType>(input.elementType))
      return input.elementType;
  return {};
}

/// Tiles of 16 by 16, or larger ones where these were more than a million.
static int64_t getCountingTile(const AttentionSizes &sizes) {
  int64_t tile = 16;
  while (double(sizes.batch) * sizes.heads * (sizes.queries / tile) *
             (sizes.keys / tile) >
         1e6)
    tile *= 2;
  return tile;
}

namespace {
/// What a call does.
struct Work {
  double flops = 0;  ///< 0 where a size is not known.
  double unread = 0; ///< Bytes of keys and values that no query reaches.
};
} // namespace

/// The bytes of keys and values of `op`, as far as they are arguments that
/// nothing else reads.
static double getKeyBytes(AttentionOpInterface op,
                          const std::vector<HostTensor> &inputs) {
  double bytes = 0;
  for (Value operand : {op.getKey(), op.getValue()})
    if (auto argument = dyn_cast<BlockArgument>(operand);
        argument && argument.hasOneUse())
      bytes += inputs[argument.getArgNumber()].getNumBytes();
  return bytes;
}

/// Adds the work of `op`, of which its mask keeps a part.
static llvm::Error addMasked(Work &work, EntryPoint &entry, unsigned index,
                             AttentionOpInterface op,
                             const AttentionSizes &sizes,
                             std::vector<HostTensor> &inputs) {
  int64_t tile = getCountingTile(sizes);
  auto counts = countTiles(*entry.compilation, entry.signature, index, tile,
                           tile, inputs);
  if (!counts)
    return counts.takeError();
  work.flops += counts->keptShare() * sizes.denseFlops();
  work.unread += (1 - counts->reachedShare(sizes.heads / sizes.keyHeads)) *
                 getKeyBytes(op, inputs);
  return llvm::Error::success();
}

/// Work of all contractions and attention ops, of these on the pairs that their
/// masks keep.
static llvm::Expected<Work> getWork(EntryPoint &entry,
                                    std::vector<HostTensor> &inputs) {
  SmallVector<SmallVector<int64_t>> shapes;
  for (const HostTensor &input : inputs)
    shapes.emplace_back(input.getShape());
  SmallVector<AttentionOpInterface> ops;
  entry.function.walk([&](AttentionOpInterface op) { ops.push_back(op); });
  Work work;
  for (auto [index, op] : llvm::enumerate(ops)) {
    AttentionSizes sizes = getAttentionSizes(op, shapes);
    if (!sizes.areKnown())
      return Work();
    if (!op.getMask() || sizes.denseFlops() == 0)
      work.flops += sizes.denseFlops();
    else if (llvm::Error error =
                 addMasked(work, entry, index, op, sizes, inputs))
      return error;
  }
  bool known = true;
  auto add = [&](double part) {
    known &= part >= 0;
    work.flops += part;
  };
  entry.function.walk([&](Operation *op) {
    if (auto layer = dyn_cast<MultiHeadOp>(op); layer && !layer.getMask())
      add(getMultiHeadFlops(layer, shapes));
    else if (layer)
      known = false;
    auto contraction = dyn_cast<linalg::LinalgOp>(op);
    if (contraction && linalg::isaContractionOpInterface(contraction))
      add(getContractionFlops(contraction, shapes));
  });
  if (!known)
    work.flops = 0;
  return work;
}

/// Whether there are attention ops, and all have queries enough for products in
/// tiles.
static bool hasManyQueries(EntryPoint &entry, std::vector<HostTensor> &inputs) {
  constexpr int64_t many = 64;
  SmallVector<SmallVector<int64_t>> shapes;
  for (const HostTensor &input : inputs)
    shapes.emplace_back(input.getShape());
  bool some = false, all = true;
  entry.function.walk([&](AttentionOpInterface op) {
    AttentionSizes sizes = getAttentionSizes(op, shapes);
    some = true;
    all &= sizes.areKnown() && sizes.queries >= many;
  });
  return some && all;
}

/// Calls until a second has gone by, at least five times.
static llvm::Error timeCalls(PreparedCall &call, Measurement &result) {
  auto callOnce = [&] {
    return callFunction(call.function, call.context, call.inputs, call.outputs);
  };
  SmallVector<double> times;
  if (llvm::Error error = callOnce())
    return error;
  for (auto start = Clock::now();
       times.size() < 5 ||
       (getMilliseconds(start) < 1000 && times.size() < 10000);) {
    auto begin = Clock::now();
    if (llvm::Error error = callOnce())
      return error;
    times.push_back(getMilliseconds(begin));
  }
  llvm::sort(times);
  result.calls = times.size();
  result.minMs = times.front();
  result.medianMs = times[times.size() / 2];
  return llvm::Error::success();
}

/// The threads that calls use at most.
static unsigned getThreads(const EntryPoint &entry) {
  unsigned threads = entry.compilation->getOptions().threads;
  return threads ? threads
                 : llvm::hardware_concurrency().compute_thread_count();
}

static void print(const EntryPoint &entry, const Measurement &result) {
  const std::string &name = entry.signature.name;
  if (wantsJSON()) {
    llvm::json::OStream json(llvm::outs(), 2);
    json.object([&] {
      json.attribute("function", name);
      json.attribute("threads", getThreads(entry));
      json.attribute("calls", result.calls);
      json.attribute("min_ms", result.minMs);
      json.attribute("median_ms", result.medianMs);
      json.attribute("gflops", result.gflops());
      json.attribute("peak_gflops", result.peak);
      json.attribute("percent_of_peak", result.percentOfPeak());
      json.attribute("gb_per_s", result.bandwidth());
      json.attribute("read_gb_per_s", result.reading);
      json.attribute("percent_of_read", result.percentOfReading());
      json.attribute("percent_of_limit", result.percentOfLimit());
      json.attribute("compile_ms", result.compileMs);
      json.attribute("cached", result.cached);
    });
    llvm::outs() << '\n';
    return;
  }
  llvm::outs() << llvm::format(
      "%s: min %.3f ms, median %.3f ms (%u calls), %.1f GFLOP/s, %.1f%% of the "
      "FMA peak of %.1f, %.2f GB/s, %.1f%% of the %.2f of reading alone, "
      "%s in %.0f ms\n",
      name.c_str(), result.minMs, result.medianMs, result.calls,
      result.gflops(), result.percentOfPeak(), result.peak, result.bandwidth(),
      result.percentOfReading(), result.reading,
      result.cached ? "read from the cache" : "compiled", result.compileMs);
}

int tool::bench() {
  auto start = Clock::now();
  int code;
  std::optional<EntryPoint> entry = openEntryPoint(code);
  if (!entry)
    return code;
  auto call = loadFunction(*entry);
  if (!call)
    return report(call.takeError());
  Measurement result;
  result.compileMs = getMilliseconds(start);
  result.cached = call->loaded->isCached();

  if (llvm::Error error = makeTensors(*entry, *call))
    return report(std::move(error));
  auto workspace = makeWorkspace(*call->loaded, entry->signature.name,
                                 call->inputs, call->outputs, call->context);
  if (!workspace)
    return report(workspace.takeError());
  if (llvm::Error error = timeCalls(*call, result))
    return report(std::move(error));
  auto work = getWork(*entry, call->inputs);
  if (!work)
    return report(work.takeError());
  result.flops = work->flops;
  for (auto *tensors : {&call->inputs, &call->outputs})
    for (const HostTensor &tensor : *tensors)
      result.bytes += tensor.getNumBytes();
  result.bytes -= work->unread;
  if (Type type = getPeakType(entry->signature)) {
    auto peak = measurePeak(entry->compilation->getOptions(), type,
                            hasManyQueries(*entry, call->inputs));
    if (!peak)
      return report(peak.takeError());
    result.peak = *peak;
  }
  auto reading = measureReading(entry->compilation->getOptions(), call->inputs);
  if (!reading)
    return report(reading.takeError());
  result.reading = *reading;
  print(*entry, result);
  return Good;
}
