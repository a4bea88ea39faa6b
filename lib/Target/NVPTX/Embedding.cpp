//===- Embedding.cpp - Kernels within their host code -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/NVPTX/Embedding.h"

#include "attn/Target/NVPTX/Launch.h"

#include "llvm/IR/Constants.h"
#include "llvm/IR/Module.h"

using namespace llvm;
using namespace mlir::attn;

static GlobalVariable *define(llvm::Module &module, Constant *value,
                              bool isConstant, const Twine &name) {
  return new GlobalVariable(module, value->getType(), isConstant,
                            GlobalValue::InternalLinkage, value, name);
}

/// An attn_rt_image (lib/Runtime/Runtime.h).
static Constant *emitImage(llvm::Module &module, const KernelImage &image) {
  LLVMContext &context = module.getContext();
  auto *i32 = llvm::Type::getInt32Ty(context);
  Constant *text =
      define(module, ConstantDataArray::getString(context, image.ptx),
             /*isConstant=*/true, "attn.ptx." + image.chip.name);
  return ConstantStruct::getAnon(
      {ConstantInt::get(i32, image.chip.getCapability()),
       ConstantInt::get(i32, image.chip.isExact()), text});
}

void mlir::attn::embedKernels(llvm::Module &host,
                              ArrayRef<KernelImage> images) {
  GlobalVariable *declared = host.getGlobalVariable(kernelsRecordName);
  if (!declared)
    return;
  LLVMContext &context = host.getContext();
  SmallVector<Constant *> entries;
  for (const KernelImage &image : images)
    entries.push_back(emitImage(host, image));
  Constant *null = ConstantPointerNull::get(PointerType::get(context, 0));
  Constant *table = null;
  if (!entries.empty()) {
    auto *type = ArrayType::get(entries.front()->getType(), entries.size());
    table = define(host, ConstantArray::get(type, entries), /*isConstant=*/true,
                   "attn.images");
  }
  // An attn_rt_kernels.
  Constant *record = ConstantStruct::getAnon(
      {null, ConstantInt::get(llvm::Type::getInt64Ty(context), entries.size()),
       table});
  GlobalVariable *defined =
      define(host, record, /*isConstant=*/false, "attn.kernels.defined");
  declared->replaceAllUsesWith(defined);
  defined->takeName(declared);
  declared->eraseFromParent();
}
