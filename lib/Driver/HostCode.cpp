//===- HostCode.cpp - Host code around kernels, as LLVM IR -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostCode.h"

#include "attn/Pipelines/HostCode.h"
#include "attn/Target/NVPTX/Embedding.h"
#include "attn/Target/NVPTX/Emission.h"
#include "attn/Target/NVPTX/Launch.h"

#include "mlir/IR/OwningOpRef.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace mlir::attn;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// PTX for one chip.
static llvm::Expected<KernelImage> emitImage(ModuleOp module,
                                             const GPUChip &chip) {
  llvm::LLVMContext context;
  auto kernels = translateKernels(module, chip, context);
  if (!kernels)
    return kernels.takeError();
  auto ptx = emitPTX(**kernels, chip);
  if (!ptx)
    return ptx.takeError();
  return KernelImage{chip, std::move(*ptx)};
}

llvm::Expected<std::unique_ptr<llvm::Module>>
attn::translateHostCode(ModuleOp module, const PhaseOptions &options,
                        KernelRunner runner, llvm::LLVMContext &context) {
  OwningOpRef<ModuleOp> host = module.clone();
  if (runner == KernelRunner::Emulator)
    (*host)->setAttr(emulatedAttr, UnitAttr::get(host->getContext()));
  PassManager passes(host->getContext(), ModuleOp::getOperationName());
  buildHostCode(passes, options);
  if (failed(passes.run(*host)))
    return makeError("the host code around the kernels has no lowering");
  std::unique_ptr<llvm::Module> result =
      translateModuleToLLVMIR(*host, context, "attn");
  if (!result)
    return makeError("the module does not translate to LLVM IR");
  if (runner == KernelRunner::Emulator) {
    embedKernels(*result, {});
    return std::move(result);
  }
  SmallVector<KernelImage> images;
  for (const GPUChip &chip : options.gpu->chips) {
    auto image = emitImage(module, chip);
    if (!image)
      return image.takeError();
    images.push_back(std::move(*image));
  }
  embedKernels(*result, images);
  return std::move(result);
}
