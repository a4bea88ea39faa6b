//===- KernelPlan.cpp - Tiles, registers and shared memory of a kernel --===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelPlan.h"

#include "../Instructions/WarpgroupUnit.h"
#include "AttendElements.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// Registers of a thread for all but fragments: addresses, running maximum and
/// sum, indices. Found by ptxas on the kernels of test/Target/NVPTX.
static constexpr int64_t otherRegisters = 104;

/// More for f32: parts in tf32 of what is multiplied next.
static constexpr int64_t partRegisters = 72;

/// A block of three warpgroups begins with 168 registers for each thread, as
/// many as 65536 suffice for. There are no others: who asked for more than the
/// rest gives back would wait for ever. Each takes a multiple of 8.
static constexpr int64_t sharedRegisters = 3 * 168;

/// Of a thread that multiplies by wgmma, all but fragments. Found by ptxas
/// (utils/registers.py).
static constexpr int64_t otherComputing = 32;

/// More of them to modify scores: where several are read or exponentiated, as
/// many as for two.
static int64_t countRegionRegisters(Region &score) {
  if (score.empty())
    return 0;
  int64_t wide = llvm::count_if(score.getOps(), [](Operation &op) {
    return isa<LoadOp>(op) || isa<math::MathDialect>(op.getDialect());
  });
  return 4 + 12 * std::min<int64_t>(wide, 2);
}

int64_t KernelPlan::copyingRegisters() const {
  return sharedRegisters - 2 * computingRegisters;
}

int64_t KernelPlan::sumColumns() const {
  // What lanes store at once.
  return llvm::alignTo(parts * partColumns(), 8);
}

int64_t KernelPlan::keyBase() const {
  return std::max(query.bytes(), output.bytes());
}

int64_t KernelPlan::valueBase() const { return keyBase() + 2 * key.bytes(); }

int64_t KernelPlan::barrierBase() const {
  return valueBase() + 2 * value.bytes();
}

int64_t KernelPlan::sharedBytes() const {
  constexpr int64_t barrierBytes = 128;
  return barrierBase() + (warpgroups ? barrierBytes : 0);
}

int64_t KernelPlan::splitTiles() const {
  // What takes about as long as launching the merge of the blocks' sums.
  constexpr int64_t splitKeys = 256;
  return llvm::divideCeil(splitKeys, keys);
}

int64_t KernelPlan::threads() const {
  return computingThreads() + (warpgroups ? warpgroupSize : 0);
}

/// The size of the last dimension of an operand.
static int64_t featuresOf(Value operand) {
  return cast<ShapedType>(operand.getType()).getShape().back();
}

/// A plan for tiles of these sizes, `parts` blocks for the columns of each.
static KernelPlan makePlan(int64_t queries, int64_t keys, int64_t features,
                           int64_t valueFeatures, int64_t parts,
                           int64_t bytes) {
  // A block's columns begin with a chunk.
  int64_t partColumns =
      parts == 1 ? valueFeatures
                 : llvm::alignTo(llvm::divideCeil(valueFeatures, parts), 8);
  KernelPlan plan;
  plan.parts = parts;
  plan.valueColumns = valueFeatures;
  plan.queries = queries;
  plan.keys = keys;
  plan.query = SharedLayout::get(queries, features, bytes);
  plan.key = SharedLayout::get(keys, features, bytes);
  plan.value = SharedLayout::get(keys, partColumns, bytes);
  plan.output = SharedLayout::getForFragments(queries, partColumns, bytes);
  plan.value.piece = plan.output.piece =
      SharedLayout::getPiece(valueFeatures, bytes);
  // 16 rows over 32 lanes: f32 sums and scores take half a register per
  // column, queries and weights in 16 bits a quarter.
  plan.registers = plan.value.columns / 2 + keys / 2 + keys / 4 +
                   otherRegisters + (bytes == 4 ? partRegisters : 0);
  plan.keepQueries = false;
  return plan;
}

bool KernelPlan::hasKeysPerHead(AttendOp op) {
  return llvm::any_of(ArrayRef<unsigned>{1, 2}, [&](unsigned operand) {
    return op.getMap(operand).isFunctionOfDim(AttendOp::G);
  });
}

/// Two warpgroups that compute on 64 queries each, where the chip has them and
/// head sizes are whole panels.
static std::optional<KernelPlan> planWarpgroups(const GPUSpec &spec,
                                                AttendOp op, int64_t features,
                                                int64_t valueFeatures,
                                                int64_t bytes) {
  bool hasWarpgroups =
      spec.chips.size() == 1 && spec.chips[0].name == KernelPlan::warpgroupChip;
  if (!hasWarpgroups || bytes != 2 || features % 64 || valueFeatures % 64 ||
      op.getCompatibility() != Compatibility::Dot || op.getWeightsInit() ||
      KernelPlan::hasKeysPerHead(op))
    return std::nullopt;
  KernelPlan plan;
  plan.warpgroups = true;
  plan.queries = 2 * warpgroupRows;
  plan.valueColumns = valueFeatures;
  plan.keepQueries = false;
  plan.query = SharedLayout::getPanels(plan.queries, features, bytes);
  plan.output = SharedLayout::getPanels(plan.queries, valueFeatures, bytes);
  plan.regionRegisters = countRegionRegisters(op.getScore());
  // Weights of other normalizers are sums of two or three.
  int64_t weightParts = op.getNormalizer() == Normalizer::Softmax ? 1 : 3;
  for (int64_t keys : {128, 64, 32, 16}) {
    plan.keys = keys;
    plan.key = SharedLayout::getPanels(keys, features, bytes);
    plan.value = SharedLayout::getPanels(keys, valueFeatures, bytes);
    plan.registers = valueFeatures / 2 + keys / 2 + weightParts * keys / 4 +
                     otherComputing + plan.regionRegisters;
    if (plan.registers <= KernelPlan::computingRegisters &&
        plan.sharedBytes() <= int64_t(spec.sharedBytes))
      return plan;
  }
  return std::nullopt;
}

std::string KernelPlan::describe(const GPUSpec &spec) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "tiles of " << queries << " queries and " << keys << " keys for "
     << computingThreads() / warpSize << " warps";
  if (warpgroups)
    os << " that multiply by wgmma, with about " << registers << " of "
       << computingRegisters << " registers per thread"
       << (regionRegisters ? ", " + std::to_string(regionRegisters) +
                                 " of them to modify scores"
                           : "")
       << ", and one that copies by TMA, with " << copyingRegisters()
       << ", one tile after the other in each of " << spec.multiprocessors
       << " blocks";
  else
    os << ": about " << registers << " of " << spec.registers
       << " registers per thread, queries "
       << (keepQueries ? "among them" : "read from shared memory each time");
  if (pairwise)
    os << "; scores pair by pair, without tensor cores";
  os << "; " << sharedBytes() << " of " << spec.sharedBytes
     << " bytes of shared memory";
  if (parts > 1)
    os << "; " << parts
       << " blocks share the columns of a tile, whose sums are "
       << "too many for one";
  if (warpgroups)
    os << "; keys or values with a stride that is negative, of 2^40 bytes or "
          "more, or 0 between rows, which TMA cannot copy, take cp.async and "
          "mma.sync";
  if (canSplit)
    os << "; fewer than " << queries << " queries on less than half of "
       << spec.multiprocessors << " multiprocessors split their keys, "
       << splitTiles() << " tiles or more for a block";
  return text;
}

KernelPlan KernelPlan::get(const GPUSpec &spec, AttendOp op, bool mayMap) {
  int64_t features = featuresOf(op.getQuery());
  int64_t valueFeatures = featuresOf(op.getValue());
  int64_t bytes = getKernelElement(op).getIntOrFloatBitWidth() / 8;
  if (std::optional<KernelPlan> plan =
          mayMap ? planWarpgroups(spec, op, features, valueFeatures, bytes)
                 : std::nullopt)
    return *plan;
  bool pairwise = op.getCompatibility() != Compatibility::Dot;
  static constexpr int64_t candidates[][2] = {{128, 64}, {128, 32}, {64, 64},
                                              {64, 32},  {64, 16},  {32, 16}};
  // Half of the columns at a time, where the sums of all are too many: scores
  // are then computed twice.
  for (int64_t parts : {1, 2})
    for (auto [queries, keys] : candidates) {
      KernelPlan plan =
          makePlan(queries, keys, features, valueFeatures, parts, bytes);
      plan.pairwise = pairwise;
      plan.canSplit = !op.getWeightsInit();
      int64_t kept = bytes == 2 && !pairwise ? plan.query.columns / 4 : 0;
      plan.keepQueries =
          kept && plan.registers + kept <= int64_t(spec.registers);
      if (plan.keepQueries)
        plan.registers += kept;
      if (plan.registers <= int64_t(spec.registers) &&
          plan.sharedBytes() <= int64_t(spec.sharedBytes))
        return plan;
    }
  llvm_unreachable("the smallest tile fits all chips and head sizes to 256");
}
