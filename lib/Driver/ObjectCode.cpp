//===- ObjectCode.cpp - A module as an object file -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Compilation.h"
#include "attn/Target/CPU/MergeObjects.h"

#include "ModuleSplit.h"
#include "PassThreads.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

#include <future>

using namespace mlir;
using namespace mlir::attn;

using Object = llvm::SmallVector<char, 0>;

static llvm::StringRef getBytes(const Object &object) {
  return {object.data(), object.size()};
}

/// One part, in an LLVM context of its own.
llvm::Expected<Object> Compilation::emitPart(ModuleOp part,
                                             const TargetSpec &target,
                                             RuntimeLinkage runtime) {
  auto emitter = MachineCodeEmitter::create(target);
  if (!emitter)
    return emitter.takeError();
  llvm::LLVMContext context;
  auto translated = translatePart(part, context);
  if (!translated)
    return translated.takeError();
  emitter->prepare(**translated, runtime);
  return emitter->emitObject(**translated);
}

llvm::Expected<std::string> Compilation::emitWhole(RuntimeLinkage runtime) {
  auto emitter = MachineCodeEmitter::create(getTarget());
  if (!emitter)
    return emitter.takeError();
  llvm::LLVMContext context;
  auto translated = translate(context, *emitter, runtime);
  if (!translated)
    return translated.takeError();
  return getBytes(emitter->emitObject(**translated)).str();
}

llvm::Expected<std::string> Compilation::emitObject(RuntimeLinkage runtime) {
  // Host code around kernels is short.
  if (getGPU())
    return emitWhole(runtime);
  ModuleSplit split(*module);
  if (!split.getSecond())
    return emitWhole(runtime);
  PassThreads threads(context);
  std::future<llvm::Expected<Object>> emission = std::async(
      getNumCores() > 1 ? std::launch::async : std::launch::deferred, [&] {
        return emitPart(split.getSecond(), getTarget(), RuntimeLinkage::Other);
      });
  llvm::Expected<Object> first = emitPart(*module, getTarget(), runtime);
  llvm::Expected<Object> second = emission.get();
  if (!first || !second)
    return takeError(
        toString(llvm::joinErrors(first.takeError(), second.takeError())));
  auto merged = mergeObjects({getBytes(*first), getBytes(*second)});
  if (!merged)
    return merged.takeError();
  return getBytes(*merged).str();
}
