//===- Phases.cpp - The corridor: phases in order -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Pipelines/Phases.h"

#include "GPUPhases.h"

#include "attn/Conversion/AttnToLLVM/Passes.h"
#include "attn/Conversion/AttnToLinalg/AttnToLinalg.h"
#include "attn/Conversion/ExpandMath/Passes.h"
#include "attn/Conversion/LinalgToAttn/LinalgToAttn.h"
#include "attn/Conversion/LinalgToVector/Passes.h"
#include "attn/Dialect/Attn/Transforms/PlanPasses.h"
#include "attn/Pipelines/Passes.h"
#include "attn/Target/CPU/ObjectEmission.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
struct PhaseInfo {
  Phase phase;
  StringLiteral name;
  StringLiteral description;
  void (*build)(OpPassManager &, const PhaseOptions &);
  /// Where attention runs on a GPU.
  void (*buildForGPU)(OpPassManager &, const PhaseOptions &);
};

/// Functions are structured: there are no blocks to merge or to remove. Ops
/// that a change concerns are seen again in any case; another iteration would
/// start from all of them to find nothing.
std::unique_ptr<Pass> createCanonicalizer() {
  GreedyRewriteConfig config;
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  config.setMaxIterations(1);
  // For each loop over sums it compares all of them, and finds none.
  return createCanonicalizerPass(
      config, {"(anonymous namespace)::RemoveDuplicateSuccessorInputUses"});
}

void addCleanup(OpPassManager &pm) {
  pm.addPass(createCanonicalizer());
  pm.addPass(createCSEPass());
}

/// The target as TargetSpec::parse reads it back.
std::string targetName(const PhaseOptions &options) {
  return options.target.name;
}

void buildRaise(OpPassManager &pm, const PhaseOptions &) {
  pm.addPass(createVerifyCompileTimeValuesPass());
  pm.addNestedPass<func::FuncOp>(createConvertLinalgToAttnPass());
  pm.addPass(createCanonicalizer());
}

void buildOptimize(OpPassManager &pm, const PhaseOptions &options) {
  // Again, for modules that enter here.
  pm.addPass(createVerifyCompileTimeValuesPass());
  pm.addPass(createInlinerPass());
  pm.addPass(createSymbolDCEPass());
  pm.addPass(createCanonicalizer());
  if (options.debugChecks)
    pm.addNestedPass<func::FuncOp>(createCheckAssumptionsPass());
  pm.addNestedPass<func::FuncOp>(createExpandGraphOpsPass());
  pm.addNestedPass<func::FuncOp>(createLowerToAttendPass());
  // A mask that stands twice reads once: `x and not x` is then seen as nothing.
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(createSimplifyMasksPass());
  pm.addPass(memref::createResolveRankedShapeTypeResultDimsPass());
  pm.addPass(createCSEPass());
  pm.addPass(createShapeFunctionsPass());
  pm.addPass(createBindDestinationsPass());
  addCleanup(pm);
}

void buildTile(OpPassManager &pm, const PhaseOptions &options) {
  // Elementwise ops on tensors run on the tiles of contractions.
  pm.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  TileContractionsPassOptions contractions{targetName(options)};
  pm.addNestedPass<func::FuncOp>(createTileContractionsPass(contractions));
  ChoosePlansPassOptions plans{targetName(options)};
  pm.addNestedPass<func::FuncOp>(createChoosePlansPass(plans));
  SplitKeysPassOptions split{targetName(options)};
  pm.addNestedPass<func::FuncOp>(createSplitKeysPass(split));
  SpecializeRowsPassOptions rows{targetName(options)};
  pm.addNestedPass<func::FuncOp>(createSpecializeRowsPass(rows));
  TileQueriesPassOptions queries{targetName(options)};
  pm.addNestedPass<func::FuncOp>(createTileQueriesPass(queries));
  TileKeysPassOptions keys{targetName(options)};
  pm.addNestedPass<func::FuncOp>(createTileKeysPass(keys));
  // Merging equal fills here would make bufferization copy them.
  pm.addPass(createCanonicalizer());
}

void buildDecompose(OpPassManager &pm, const PhaseOptions &) {
  pm.addNestedPass<func::FuncOp>(createConvertAttnToLinalgPass());
  pm.addPass(createCanonicalizer());
}

void buildBufferize(OpPassManager &pm, const PhaseOptions &) {
  // For modules that enter after optimize.
  pm.addPass(createShapeFunctionsPass());
  pm.addPass(createBindDestinationsPass());
  pm.addPass(createBufferizePass());
  // MLIR's pipeline, with fewer and shorter canonicalizers.
  pm.addPass(createCanonicalizer());
  pm.addPass(bufferization::createOwnershipBasedBufferDeallocationPass());
  pm.addPass(createCanonicalizer());
  pm.addPass(bufferization::createBufferDeallocationSimplificationPass());
  pm.addPass(bufferization::createLowerDeallocationsPass());
  pm.addPass(createCSEPass());
  pm.addPass(createCanonicalizer());
}

void buildVectorize(OpPassManager &pm, const PhaseOptions &options) {
  // Their bodies are functions from here on, which passes take side by side.
  // One loop waits for `lower`: with its sizes as constants, strength reduction
  // would compute them in many places. So do loops with steps to interleave.
  pm.addPass(createForallToParallelPass({options.parallel, /*several=*/true}));
  pm.addPass(createIsolateParallelPass());
  OpPassManager &functions = pm.nest<func::FuncOp>();
  functions.addPass(createInterleaveProductsPass({targetName(options)}));
  functions.addPass(createVectorizePass({targetName(options)}));
  functions.addPass(createExpandMathPass({targetName(options)}));
  functions.addPass(createLoopInvariantCodeMotionPass());
  functions.addPass(createCanonicalizer());
  functions.addPass(createCSEPass());
  functions.addPass(createInterleaveStepsPass());
}

void buildLower(OpPassManager &pm, const PhaseOptions &options) {
  pm.addPass(createWorkspaceFunctionsPass());
  pm.addPass(createForallToParallelPass({options.parallel}));
  pm.addPass(createIsolateParallelPass());
  OpPassManager &functions = pm.nest<func::FuncOp>();
  functions.addPass(createLinalgToLoopsPass());
  functions.addPass(createHoistStackBuffersPass());
  functions.addPass(createExpandViewsPass());
  functions.addPass(createLowerAffinePass());
  // Without instructions for bf16, LLVM would call functions that few systems
  // have.
  functions.addPass(
      arith::createArithEmulateUnsupportedFloats({{"bf16"}, "f32"}));
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = !options.target.hasBF16Dot;
  functions.addPass(arith::createArithExpandOpsPass(expand));
  functions.addPass(createSCFToControlFlowPass());
  pm.addPass(createLowerSignaturesPass(
      {getRequiredFeatures(options.target), int64_t(options.threads)}));
  pm.addPass(createConvertAttnToLLVMPass());
  pm.addPass(createOutlineParallelPass());
  pm.addPass(createEmitEntriesPass());
}

void buildNothing(OpPassManager &, const PhaseOptions &) {}

constexpr PhaseInfo phases[] = {
    {Phase::Raise, "raise", "Linalg forms of attention become attn ops.",
     buildRaise, buildRaise},
    {Phase::Optimize, "optimize",
     "Graph ops become attn.attend, masks and score modifiers its regions.",
     buildOptimize, buildOptimize},
    {Phase::Tile, "tile", "Loops over batch, heads, query tiles and key tiles.",
     buildTile, buildKernels},
    {Phase::Decompose, "decompose", "Tiles become linalg on static blocks.",
     buildDecompose, buildNothing},
    {Phase::Bufferize, "bufferize", "Tensors become memrefs.", buildBufferize,
     buildNothing},
    {Phase::Vectorize, "vectorize", "Linalg becomes loops over native vectors.",
     buildVectorize, buildNothing},
    {Phase::Lower, "lower", "Everything becomes the LLVM dialect.", buildLower,
     lowerKernels},
};

/// The options of a phase on a command line.
struct PhasePipelineOptions : public PassPipelineOptions<PhasePipelineOptions> {
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("CPU or GPU to compile for"),
                             llvm::cl::init("native")};
  Option<bool> parallel{*this, "parallel",
                        llvm::cl::desc("Use threads in compiled functions"),
                        llvm::cl::init(true)};
  Option<bool> debugChecks{
      *this, "debug-checks",
      llvm::cl::desc("Refuse calls to which a stated fact does not apply"),
      llvm::cl::init(false)};

  PhaseOptions get() const {
    PhaseOptions options;
    if (llvm::Error error = setTarget(options, target))
      llvm::report_fatal_error(std::move(error), /*gen_crash_diag=*/false);
    options.parallel = parallel;
    options.debugChecks = debugChecks;
    return options;
  }
};
} // namespace

ArrayRef<Phase> attn::getPhases() {
  static const SmallVector<Phase> all = llvm::map_to_vector(
      phases, [](const PhaseInfo &info) { return info.phase; });
  return all;
}

StringRef attn::getPhaseName(Phase phase) {
  return phases[static_cast<unsigned>(phase)].name;
}

std::optional<Phase> attn::parsePhase(StringRef name) {
  for (const PhaseInfo &info : phases)
    if (info.name == name)
      return info.phase;
  return std::nullopt;
}

llvm::Error attn::setTarget(PhaseOptions &options, StringRef target) {
  if (GPUSpec::isGPU(target)) {
    llvm::Expected<GPUSpec> gpu = GPUSpec::parse(target);
    if (!gpu)
      return gpu.takeError();
    options.gpu = *gpu;
    // Host code only launches: it gains nothing from this machine's CPU.
    bool isX86 = llvm::Triple(llvm::sys::getProcessTriple()).isX86();
    target = isX86 ? "x86-64" : "generic";
  }
  llvm::Expected<TargetSpec> cpu = TargetSpec::parse(target);
  if (!cpu)
    return cpu.takeError();
  options.target = *cpu;
  return llvm::Error::success();
}

void attn::buildPhase(Phase phase, OpPassManager &pm,
                      const PhaseOptions &options) {
  const PhaseInfo &info = phases[static_cast<unsigned>(phase)];
  const std::string &target =
      options.gpu ? options.gpu->name : options.target.name;
  pm.addPass(createVerifyPhaseInputPass(
      {info.name.str(), options.gpu.has_value(), target}));
  (options.gpu ? info.buildForGPU : info.build)(pm, options);
}

void attn::registerPhasePipelines() {
  // Registrations live as long as the process; so do their names.
  static std::string names[std::size(phases)];
  for (auto [name, info] : llvm::zip_equal(names, phases)) {
    name = ("attn-phase-" + info.name).str();
    static_cast<void>(PassPipelineRegistration<PhasePipelineOptions>(
        name, info.description,
        [phase = info.phase](OpPassManager &pm,
                             const PhasePipelineOptions &options) {
          buildPhase(phase, pm, options.get());
        }));
  }
  static PassPipelineRegistration<PhasePipelineOptions> all(
      "attn-to-llvm", "All phases, from attention to the LLVM dialect.",
      [](OpPassManager &pm, const PhasePipelineOptions &options) {
        PhaseOptions phaseOptions = options.get();
        for (const PhaseInfo &info : phases)
          buildPhase(info.phase, pm, phaseOptions);
      });
}
