//===- ObjectCode.cpp - A module as an object file -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Compilation.h"
#include "attn/Target/CPU/MergeObjects.h"

#include "ModuleSplit.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Threading.h"

#include <future>

using namespace mlir;
using namespace mlir::attn;

namespace {
/// LLVM IR that becomes an object file without a look at what others use.
struct Part {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
  MachineCodeEmitter emitter;
  llvm::SmallVector<char, 0> object;

  explicit Part(MachineCodeEmitter &&emitter) : emitter(std::move(emitter)) {}

  void emit(RuntimeLinkage runtime) {
    emitter.prepare(*module, runtime);
    object = emitter.emitObject(*module);
  }
  StringRef getObject() const { return {object.data(), object.size()}; }
};

using Translation =
    llvm::function_ref<llvm::Expected<std::unique_ptr<llvm::Module>>(
        llvm::LLVMContext &)>;
} // namespace

static llvm::Expected<std::unique_ptr<Part>> makePart(const TargetSpec &target,
                                                      Translation translate) {
  auto emitter = MachineCodeEmitter::create(target);
  if (!emitter)
    return emitter.takeError();
  auto part = std::make_unique<Part>(std::move(*emitter));
  auto module = translate(part->context);
  if (!module)
    return module.takeError();
  part->module = std::move(*module);
  return part;
}

llvm::Expected<std::string> Compilation::emitObject(RuntimeLinkage runtime) {
  std::unique_ptr<Part> second;
  std::future<void> emission;
  std::optional<ModuleSplit> split;
  // Host code around kernels is short.
  if (!getGPU())
    split.emplace(*module);
  // MLIR is for this thread alone: what another one gets is LLVM IR.
  if (split && split->getSecond()) {
    auto part = makePart(getTarget(), [&](llvm::LLVMContext &context) {
      return translate(split->getSecond(), context);
    });
    if (!part)
      return part.takeError();
    second = std::move(*part);
    bool isAlone = llvm::hardware_concurrency().compute_thread_count() == 1;
    emission = std::async(isAlone ? std::launch::deferred : std::launch::async,
                          [&] { second->emit(RuntimeLinkage::Other); });
  }
  auto first = makePart(getTarget(), [&](llvm::LLVMContext &context) {
    return translate(*module, context);
  });
  if (!first)
    return first.takeError();
  split.reset();
  (*first)->emit(runtime);
  if (!second)
    return (*first)->getObject().str();
  emission.get();
  auto merged = mergeObjects({(*first)->getObject(), second->getObject()});
  if (!merged)
    return merged.takeError();
  return std::string(merged->data(), merged->size());
}
