//===- Emission.cpp - Kernels to LLVM IR and PTX -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/NVPTX/Emission.h"

#include "attn/Target/NVPTX/Launch.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm-c/Target.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace mlir::attn;

static constexpr llvm::StringLiteral triple = "nvptx64-nvidia-cuda";

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createMachine(const GPUChip &chip) {
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(llvm::Triple(triple), error);
  if (!target)
    return makeError("target '" + chip.name + "': " + error);
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      llvm::Triple(triple), chip.name, "+ptx" + std::to_string(chip.ptxVersion),
      {}, std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// Kernels that only other chips run.
static void dropKernelsOfOthers(gpu::GPUModuleOp kernels, const GPUChip &chip,
                                llvm::Module &module) {
  for (auto kernel : kernels.getOps<FunctionOpInterface>()) {
    auto chips = kernel->getAttrOfType<ArrayAttr>(kernelChipsAttr);
    if (chips && !llvm::is_contained(chips.getAsValueRange<StringAttr>(),
                                     StringRef(chip.name)))
      module.getFunction(kernel.getName())->eraseFromParent();
  }
}

/// Tensor maps, which are what kernels take as generic pointers, are passed by
/// value and read where they are: attributes that gpu.func has no place for.
static void passTensorMaps(llvm::Module &module) {
  llvm::LLVMContext &context = module.getContext();
  auto *map =
      llvm::ArrayType::get(llvm::Type::getInt8Ty(context), tensorMapBytes);
  for (llvm::Function &function : module) {
    if (function.getCallingConv() != llvm::CallingConv::PTX_Kernel)
      continue;
    for (llvm::Argument &argument : function.args()) {
      auto *pointer = llvm::dyn_cast<llvm::PointerType>(argument.getType());
      if (!pointer || pointer->getAddressSpace() != 0)
        continue;
      argument.addAttr(llvm::Attribute::getWithByValType(context, map));
      argument.addAttr(llvm::Attribute::getWithAlignment(
          context, llvm::Align(tensorMapAlignment)));
      argument.addAttr(llvm::Attribute::get(context, "nvvm.grid_constant"));
    }
  }
}

llvm::Expected<std::unique_ptr<llvm::Module>>
mlir::attn::translateKernels(ModuleOp module, const GPUChip &chip,
                             llvm::LLVMContext &context) {
  auto kernels = module.lookupSymbol<gpu::GPUModuleOp>(kernelsName);
  if (!kernels)
    return makeError(
        "the module has no kernels: there is no attn op for the GPU "
        "in it, or none whose results have elements");
  std::unique_ptr<llvm::Module> result =
      translateModuleToLLVMIR(kernels, context, kernelsName);
  if (!result)
    return makeError("the kernels do not translate to LLVM IR");
  result->setTargetTriple(llvm::Triple(triple));
  dropKernelsOfOthers(kernels, chip, *result);
  passTensorMaps(*result);
  return result;
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

llvm::Error mlir::attn::optimizeKernels(llvm::Module &kernels,
                                        const GPUChip &chip) {
  auto machine = createMachine(chip);
  if (!machine)
    return machine.takeError();
  kernels.setDataLayout((*machine)->createDataLayout());
  optimize(kernels, **machine);
  return llvm::Error::success();
}

llvm::Expected<std::string> mlir::attn::emitPTX(llvm::Module &kernels,
                                                const GPUChip &chip) {
  auto machine = createMachine(chip);
  if (!machine)
    return machine.takeError();
  kernels.setDataLayout((*machine)->createDataLayout());
  optimize(kernels, **machine);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr,
                                      llvm::CodeGenFileType::AssemblyFile))
    return makeError("target '" + chip.name + "': LLVM writes no PTX");
  passes.run(kernels);
  return std::string(bytes.data(), bytes.size());
}
