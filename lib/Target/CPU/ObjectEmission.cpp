//===- ObjectEmission.cpp - LLVM IR to machine code -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/CPU/ObjectEmission.h"

#include "LookupTarget.h"
#include "WalkPointers.h"

#include "attn/Runtime/Layout.h"
#include "attn/Runtime/Support.h"

#include "llvm/Analysis/InstructionSimplify.h"
#include "llvm/Analysis/MemorySSA.h"
#include "llvm/Analysis/MemorySSAUpdater.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopStrengthReduce.h"
#include "llvm/Transforms/Scalar/SeparateConstOffsetFromGEP.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include "llvm/Transforms/Utils/LoopRotationUtils.h"

using namespace mlir::attn;

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

int64_t mlir::attn::getRequiredFeatures(const TargetSpec &spec) {
  llvm::Triple triple(spec.triple);
  const llvm::Target *target = lookupTarget(triple);
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget(
      target ? target->createMCSubtargetInfo(triple, spec.cpu, spec.features)
             : nullptr);
  if (!subtarget)
    return 0;
  int64_t mask = 0;
  auto add = [&](int position, const char *name) {
    if (subtarget->checkFeatures(std::string("+") + name))
      mask |= int64_t(1) << position;
  };
#define ATTN_ADD(position, name) add(position, name);
  if (triple.isX86()) {
    ATTN_RT_X86_FEATURES(ATTN_ADD)
  } else {
    ATTN_RT_AARCH64_FEATURES(ATTN_ADD)
  }
#undef ATTN_ADD
  return mask;
}

bool mlir::attn::isHostArchitecture(const TargetSpec &spec) {
  return llvm::Triple(spec.triple).getArch() ==
         llvm::Triple(llvm::sys::getProcessTriple()).getArch();
}

MachineCodeEmitter::MachineCodeEmitter(const TargetSpec &spec) : spec(spec) {}
MachineCodeEmitter::MachineCodeEmitter(MachineCodeEmitter &&) = default;
MachineCodeEmitter::~MachineCodeEmitter() = default;

llvm::Expected<MachineCodeEmitter>
MachineCodeEmitter::create(const TargetSpec &spec) {
  llvm::Triple triple(spec.triple);
  MachineCodeEmitter emitter(spec);
  if (const llvm::Target *target = lookupTarget(triple))
    emitter.machine.reset(target->createTargetMachine(
        triple, spec.cpu, spec.features, {}, llvm::Reloc::PIC_, std::nullopt,
        llvm::CodeGenOptLevel::Aggressive));
  if (!emitter.machine)
    return makeError("target '" + spec.name + "': LLVM has no code generator");
  return emitter;
}

/// Entries stay on the architecture's baseline, so that they can refuse to run
/// what this machine cannot.
void MachineCodeEmitter::setAttributes(llvm::Module &module) {
  module.setTargetTriple(llvm::Triple(spec.triple));
  module.setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : module) {
    if (function.isDeclaration() || !function.hasLocalLinkage())
      continue;
    function.addFnAttr("target-cpu", spec.cpu);
    if (!spec.features.empty())
      function.addFnAttr("target-features", spec.features);
    if (spec.vectorBits == 512)
      function.addFnAttr("prefer-vector-width", "512");
  }
}

/// Whether this process provides what the source file `name` defines.
static bool isHostProvided(llvm::StringRef name) {
  return name == "LastError" || name == "Parallel" || name == "CUDA";
}

/// Whether `module` calls what only some modules do.
static bool isNeeded(llvm::StringRef name, const llvm::Module &module) {
  if (name == "Parallel")
    return module.getFunction("attn_rt_parallel_for");
  if (name == "CUDA")
    return module.getFunction("attn_rt_launch");
  if (name == "RecomputeF32")
    return module.getFunction("attn_rt_recompute_f32");
  if (name == "RecomputeF64")
    return module.getFunction("attn_rt_recompute_f64");
  return true;
}

/// Whether `support` is for the widest vectors of `spec` that there is such
/// support for.
static bool isWidest(const RuntimeSupport &support, const TargetSpec &spec) {
  bool isX86 = llvm::Triple(spec.triple).isX86();
  std::string architecture = isX86 ? "x86_64" : "aarch64";
  if (!support.name.starts_with("Recompute") || !isX86 || !spec.hasFMA ||
      spec.vectorBits < 256)
    return support.architecture == architecture;
  return support.architecture ==
         architecture + "_" + std::to_string(spec.vectorBits);
}

void MachineCodeEmitter::addRuntime(llvm::Module &module,
                                    RuntimeLinkage runtime) {
  if (runtime == RuntimeLinkage::Other)
    return;
  for (const RuntimeSupport &support : getRuntimeSupport())
    if (isWidest(support, spec) && isNeeded(support.name, module) &&
        (runtime == RuntimeLinkage::Static || !isHostProvided(support.name)))
      module.appendModuleInlineAsm(support.assembly);
}

namespace {
/// Rotation of loops before ScalarEvolution knows anything. For each loop,
/// LLVM's own pass lets it forget what it may know of all loops around it,
/// which takes four fifths of the time.
struct RotateLoops : llvm::PassInfoMixin<RotateLoops> {
  /// LLVM's default.
  static constexpr unsigned longestHeader = 16;

  llvm::PreservedAnalyses run(llvm::Loop &loop, llvm::LoopAnalysisManager &,
                              llvm::LoopStandardAnalysisResults &analyses,
                              llvm::LPMUpdater &) {
    llvm::MemorySSAUpdater memory(analyses.MSSA);
    llvm::SimplifyQuery query =
        llvm::getBestSimplifyQuery(analyses, loop.getHeader()->getDataLayout());
    if (!llvm::LoopRotation(&loop, &analyses.LI, &analyses.TTI, &analyses.AC,
                            &analyses.DT, /*SE=*/nullptr, &memory, query,
                            /*RotationOnly=*/false, longestHeader,
                            /*IsUtilMode=*/false))
      return llvm::PreservedAnalyses::all();
    auto preserved = llvm::getLoopPassPreservedAnalyses();
    preserved.preserve<llvm::MemorySSAAnalysis>();
    return preserved;
  }
};

/// Strength reduction of loops that carry sums in vectors, and of those right
/// around them. The others run rarely, and have so many addresses that this
/// would take a quarter of the time of code generation.
struct ReduceSummingLoops : llvm::PassInfoMixin<ReduceSummingLoops> {
  static bool isSumming(const llvm::Loop *loop) {
    return llvm::any_of(
        loop->getHeader()->phis(),
        [](const llvm::PHINode &phi) { return phi.getType()->isVectorTy(); });
  }

  llvm::PreservedAnalyses run(llvm::Loop &loop,
                              llvm::LoopAnalysisManager &loops,
                              llvm::LoopStandardAnalysisResults &analyses,
                              llvm::LPMUpdater &updater) {
    if (!isSumming(&loop) && llvm::none_of(loop.getSubLoops(), isSumming))
      return llvm::PreservedAnalyses::all();
    return llvm::LoopStrengthReducePass().run(loop, loops, analyses, updater);
  }
};
} // namespace

/// The code arrives in vectors of the target's width, inlined and unrolled
/// where that pays: what is left to LLVM are addresses, invariants, and the few
/// loops over scalars. Its whole pipeline takes ten times as long and gains
/// nothing.
void MachineCodeEmitter::optimize(llvm::Module &module) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine.get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::LoopPassManager hoisting;
  hoisting.addPass(RotateLoops());
  hoisting.addPass(llvm::LICMPass(llvm::LICMOptions()));
  llvm::FunctionPassManager passes;
  // Before invariants leave loops: what stays is the constant part of
  // addresses, which costs no register.
  passes.addPass(llvm::SeparateConstOffsetFromGEPPass());
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(std::move(hoisting),
                                                       /*UseMemorySSA=*/true));
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::SimplifyCFGPass());
  llvm::LoopPassManager reduction;
  reduction.addPass(ReduceSummingLoops());
  if (machine->getTargetTriple().isX86())
    reduction.addPass(WalkPointers());
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(std::move(reduction)));
  for (llvm::Function &function : module)
    if (!function.isDeclaration())
      passes.run(function, functions);
}

void MachineCodeEmitter::prepare(llvm::Module &module, RuntimeLinkage runtime) {
  setAttributes(module);
  addRuntime(module, runtime);
  optimize(module);
}

/// Passes of a target that find nothing to do, or what `optimize` has done
/// where it pays.
static bool isNeedless(llvm::StringRef pass) {
  return llvm::is_contained<llvm::StringRef>(
      {"Canonicalize Freeze Instructions in Loops", "Loop Strength Reduction",
       "Machine Loop Invariant Code Motion", "X86 Domain Reassignment Pass"},
      pass);
}

namespace {
/// The passes of a target that do something.
class CodeGenerationPasses : public llvm::legacy::PassManager {
public:
  void add(llvm::Pass *pass) override {
    if (isNeedless(pass->getPassName()))
      delete pass;
    else
      PassManager::add(pass);
  }
};
} // namespace

llvm::SmallVector<char, 0> MachineCodeEmitter::emit(llvm::Module &module,
                                                    bool assembly) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  CodeGenerationPasses passes;
  // Fails for file types that a target lacks; ours have both.
  if (machine->addPassesToEmitFile(passes, stream, nullptr,
                                   assembly
                                       ? llvm::CodeGenFileType::AssemblyFile
                                       : llvm::CodeGenFileType::ObjectFile))
    return bytes;
  passes.run(module);
  return bytes;
}

llvm::SmallVector<char, 0>
MachineCodeEmitter::emitObject(llvm::Module &module) {
  return emit(module, /*assembly=*/false);
}

llvm::SmallVector<char, 0>
MachineCodeEmitter::emitAssembly(llvm::Module &module) {
  return emit(module, /*assembly=*/true);
}
