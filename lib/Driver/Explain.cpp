//===- Explain.cpp - What the compiler does with a function and why -----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Explain.h"

#include "attn/Conversion/AttnToGPU/GPUTile.h"
#include "attn/Dialect/Attn/Analysis/TileClassification.h"
#include "attn/Dialect/Attn/IR/AttnFacts.h"
#include "attn/Driver/TileCounts.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::attn;

/// Sizes as the source and the user give them.
static AttentionPlan describeOp(Operation *op,
                                ArrayRef<SmallVector<int64_t>> shapes) {
  AttentionPlan plan{getAttentionSizes(op, shapes)};
  llvm::raw_string_ostream(plan.op) << op->getName() << " at " << op->getLoc();
  return plan;
}

int64_t AttentionPlan::getVariant() const {
  if (variants.size() == 1)
    return 0;
  auto known = [](int64_t size) {
    return size < 0 ? ShapedType::kDynamic : size;
  };
  for (auto [index, variant] : llvm::enumerate(variants)) {
    std::optional<bool> serves = variant.serves(known(queries), known(keys));
    if (!serves)
      return -1;
    if (*serves)
      return index;
  }
  return -1;
}

/// Counts tiles where all sizes are known: ragged ones as the others, by the
/// pairs that they have.
static llvm::Error fillTiles(AttentionPlan &plan, unsigned index, bool masked,
                             Compilation &compilation,
                             const FunctionSignature &signature,
                             const CallArguments &arguments) {
  if (plan.batch < 0 || plan.heads < 0 || plan.queries < 0 || plan.keys < 0)
    return llvm::Error::success();
  double pairFlops = 2.0 * (plan.feature + plan.valueFeature);
  plan.denseFlops =
      pairFlops * plan.batch * plan.heads * plan.queries * plan.keys;
  plan.visitedFlops = plan.denseFlops;
  int64_t slices = plan.batch * plan.heads;
  int64_t total = slices * llvm::divideCeil(plan.queries, plan.tileQueries) *
                  llvm::divideCeil(plan.keys, plan.tileKeys);
  plan.emptyTiles = 0;
  plan.partialTiles = 0;
  plan.fullTiles = total;
  if (!masked)
    return llvm::Error::success();
  auto inputs = makeInputs(signature, arguments);
  if (!inputs)
    return inputs.takeError();
  auto counts = countTiles(compilation, signature, index, plan.tileQueries,
                           plan.tileKeys, *inputs);
  if (!counts)
    return counts.takeError();
  plan.emptyTiles = counts->empty;
  plan.partialTiles = counts->partial;
  plan.fullTiles = counts->full;
  plan.visitedFlops =
      pairFlops * counts->countVisitedPairs(plan.queries, plan.keys,
                                            plan.tileQueries, plan.tileKeys);
  plan.picture = counts->draw();
  return llvm::Error::success();
}

static void describeMask(AttentionPlan &plan, AttendOp op) {
  if (op.getMask().empty())
    return;
  SmallVector<std::string> names;
  for (auto [number, capture] : llvm::enumerate(op.getCaptures()))
    names.push_back(getSourceName(capture, "capture" + Twine(number)));
  TileClassifier classifier(op.getMask(), ShapedType::kDynamic,
                            ShapedType::kDynamic,
                            getCaptureFacts(op.getCaptures()));
  constexpr size_t oneLine = std::numeric_limits<size_t>::max(), line = 72;
  plan.mask = classifier.describe(names, oneLine);
  plan.maskLines = classifier.describe(names, line);
}

/// Sets the tile sizes of `plan` on the target.
static LogicalResult chooseTile(AttentionPlan &plan, Compilation &compilation,
                                AttendOp op) {
  if (const std::optional<GPUSpec> &gpu = compilation.getGPU()) {
    FailureOr<GPUTile> tile = getGPUTile(*gpu, op);
    if (failed(tile))
      return failure();
    plan.tileQueries = tile->queries;
    plan.tileKeys = tile->keys;
    return success();
  }
  plan.variants = getPlanVariants(compilation.getTarget(), op);
  int64_t variant = plan.getVariant();
  const TilePlan &tiles =
      (variant < 0 ? plan.variants.back() : plan.variants[variant]).plan;
  plan.tileQueries = tiles.queries;
  plan.tileKeys = tiles.keys;
  return success();
}

/// Lets passes say what they did and what they could not.
static void enableRemarks(MLIRContext &context) {
  remark::RemarkCategories categories;
  categories.passed = categories.missed = "attn-.*";
  LogicalResult enabled = remark::enableOptimizationRemarks(
      context, /*streamer=*/nullptr,
      std::make_unique<remark::RemarkEmittingPolicyAll>(), categories,
      /*printAsEmitRemarks=*/true);
  static_cast<void>(enabled);
}

llvm::Expected<Explanation> attn::explain(Compilation &compilation,
                                          func::FuncOp function,
                                          const CallArguments &arguments) {
  enableRemarks(*compilation.getSource().getContext());
  Explanation result;
  result.function = function.getName().str();
  const std::optional<GPUSpec> &gpu = compilation.getGPU();
  result.target = gpu ? gpu->name : compilation.getTarget().cpu;
  FunctionSignature signature = getSignature(function);
  auto shapes = getKnownShapes(signature, arguments);
  if (!shapes)
    return shapes.takeError();
  if (llvm::Error error = compilation.keepOnly(function.getName()))
    return error;
  // Decomposed attention is explained as the op that it is raised to.
  if (llvm::Error error = compilation.runUntil(Phase::Raise))
    return error;
  SmallVector<Location> sources;
  SmallVector<std::optional<ProjectedFeatures>> projected;
  if (auto raised =
          compilation.getModule().lookupSymbol<func::FuncOp>(result.function))
    for (Operation *op : getAttentionOps(raised)) {
      result.plans.push_back(describeOp(op, *shapes));
      sources.push_back(op->getLoc());
      projected.emplace_back();
      if (auto multiHead = dyn_cast<MultiHeadOp>(op))
        projected.back() = ProjectedFeatures::get(multiHead, *shapes);
    }
  if (llvm::Error error = compilation.runUntil(Phase::Optimize))
    return error;
  if (auto optimized =
          compilation.getModule().lookupSymbol<func::FuncOp>(result.function)) {
    SmallVector<AttendOp> ops;
    optimized.walk([&](AttendOp op) { ops.push_back(op); });
    AttendOp *next = ops.begin();
    for (auto [plan, source, features] :
         llvm::zip_equal(result.plans, sources, projected)) {
      // Others at its place compute its further results.
      AttendOp *op = std::find_if(
          next, ops.end(), [place = Location(source)](AttendOp candidate) {
            return candidate.getLoc() == place;
          });
      if (op == ops.end())
        continue;
      next = op + 1;
      if (failed(chooseTile(plan, compilation, *op)))
        break; // The compilation says so.
      if (features)
        plan.projections =
            describeProjections(*features, plan, plan.tileQueries);
      describeMask(plan, *op);
      if (llvm::Error error =
              fillTiles(plan, op - ops.begin(), !op->getMask().empty(),
                        compilation, signature, arguments))
        return error;
    }
  }
  if (llvm::Error error = compilation.run())
    return error;
  // Each plan of an op says the same.
  for (const CompileRemark &remark : compilation.getRemarks())
    if (!llvm::is_contained(result.remarks, remark))
      result.remarks.push_back(remark);
  return result;
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

static std::string format(int64_t size) {
  return size < 0 ? "?" : std::to_string(size);
}

static void print(llvm::raw_ostream &os, const PlanVariant &variant) {
  const TilePlan &plan = variant.plan;
  os << "    plan";
  bool few = !ShapedType::isDynamic(variant.keys);
  if (plan.filled)
    os << " for M a multiple of " << plan.queries;
  else if (!ShapedType::isDynamic(variant.queries))
    os << (few ? " for M <= " : " for M = ") << variant.queries;
  if (few)
    os << ", N <= " << variant.keys;
  os << ": " << plan.queries << " queries x " << plan.group << " heads x "
     << plan.keys << " keys";
  if (plan.split)
    os << ", keys in parts of " << plan.split << " merged by LSE";
  if (plan.band > 1)
    os << ", " << plan.band << " tiles of queries share " << plan.resident
       << " keys at a time in the second-level cache";
  if (plan.piece)
    os << ", " << plan.piece << " rows at a time"
       << (plan.tiles ? "" : " of tiles with fewer queries");
  if (plan.interleave > 1)
    os << ", " << plan.interleave << " heads side by side";
  if (plan.compact)
    os << ", rows that lie in order in a version of their own";
  os << "; " << variant.reason << '\n';
}

/// Work as 1.25 GFLOP of 2.5, with the share.
static void printWork(llvm::raw_ostream &os, const AttentionPlan &plan) {
  double share = plan.denseFlops ? plan.visitedFlops / plan.denseFlops : 0;
  os << llvm::format("    work: %.3g GFLOP in tiles that are not empty, %.1f%% "
                     "of %.3g for all pairs\n",
                     plan.visitedFlops / 1e9, 100 * share,
                     plan.denseFlops / 1e9);
}

static void print(llvm::raw_ostream &os, const AttentionPlan &plan) {
  os << "  " << plan.op << "\n    sizes: B=" << format(plan.batch)
     << " H=" << format(plan.heads) << " Hkv=" << format(plan.keyHeads)
     << " M=" << format(plan.queries) << " N=" << format(plan.keys)
     << " D=" << format(plan.feature) << " Dv=" << format(plan.valueFeature)
     << '\n';
  if (plan.tileQueries)
    os << "    tiles: " << plan.tileQueries << " queries x " << plan.tileKeys
       << " keys; empty " << format(plan.emptyTiles) << ", partial "
       << format(plan.partialTiles) << ", full " << format(plan.fullTiles)
       << '\n';
  if (!plan.projections.empty())
    os << "    projections apart: " << plan.projections << '\n';
  if (!plan.mask.empty()) {
    os << "    keeps: ";
    llvm::interleave(llvm::split(plan.maskLines, '\n'), os, "\n           ");
    os << '\n';
  }
  if (plan.denseFlops >= 0)
    printWork(os, plan);
  for (auto [index, variant] : llvm::enumerate(plan.variants))
    if (plan.getVariant() < 0 || plan.getVariant() == int64_t(index))
      print(os, variant);
}

std::string Explanation::getText() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "function " << function << ", for " << target << '\n';
  for (const AttentionPlan &plan : plans)
    print(os, plan);
  for (const CompileRemark &remark : remarks)
    os << "  remark: " << remark.message << " (" << remark.location << ")\n";
  return text;
}

static void write(llvm::json::OStream &json, const PlanVariant &variant,
                  bool followed) {
  json.object([&] {
    bool any = ShapedType::isDynamic(variant.queries);
    json.attribute("for_queries", any ? -1 : variant.queries);
    bool anyKeys = ShapedType::isDynamic(variant.keys);
    json.attribute("for_keys", anyKeys ? -1 : variant.keys);
    json.attribute("lanes", stringifyLaneAxis(variant.plan.lanes));
    json.attribute("queries", variant.plan.queries);
    json.attribute("group", variant.plan.group);
    json.attribute("keys", variant.plan.keys);
    json.attribute("split", variant.plan.split);
    json.attribute("band", variant.plan.band);
    json.attribute("resident", variant.plan.resident);
    json.attribute("piece", variant.plan.piece);
    json.attribute("interleave", variant.plan.interleave);
    json.attribute("filled", variant.plan.filled);
    json.attribute("compact", variant.plan.compact);
    json.attribute("followed", followed);
    json.attribute("reason", variant.reason);
  });
}

static void write(llvm::json::OStream &json, const AttentionPlan &plan) {
  json.object([&] {
    json.attribute("op", plan.op);
    json.attributeObject("sizes", [&] {
      json.attribute("B", plan.batch);
      json.attribute("H", plan.heads);
      json.attribute("Hkv", plan.keyHeads);
      json.attribute("M", plan.queries);
      json.attribute("N", plan.keys);
      json.attribute("D", plan.feature);
      json.attribute("Dv", plan.valueFeature);
    });
    json.attributeObject("tiles", [&] {
      json.attribute("m", plan.tileQueries);
      json.attribute("n", plan.tileKeys);
      json.attribute("empty", plan.emptyTiles);
      json.attribute("partial", plan.partialTiles);
      json.attribute("full", plan.fullTiles);
    });
    json.attributeArray("plans", [&] {
      for (auto [index, variant] : llvm::enumerate(plan.variants))
        write(json, variant, plan.getVariant() == int64_t(index));
    });
    json.attribute("projections", plan.projections);
    json.attribute("keeps", plan.mask);
    json.attribute("dense_flops", plan.denseFlops);
    json.attribute("visited_flops", plan.visitedFlops);
  });
}

std::string Explanation::getJSON() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::json::OStream json(os, 2);
  json.object([&] {
    json.attribute("function", function);
    json.attribute("target", target);
    json.attributeArray("attention", [&] {
      for (const AttentionPlan &plan : plans)
        write(json, plan);
    });
    json.attributeArray("remarks", [&] {
      for (const CompileRemark &remark : remarks)
        json.object([&] {
          json.attribute("message", remark.message);
          json.attribute("location", remark.location);
        });
    });
  });
  return text;
}
