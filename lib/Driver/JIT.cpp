//===- JIT.cpp - Compiled functions in this process -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/JIT.h"

#include "attn/Driver/Cache.h"
#include "attn/Driver/Emulation.h"

#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"

using namespace mlir;
using namespace mlir::attn;

extern "C" void attn_rt_parallel_for(void *, int64_t, attn_parallel_body,
                                     void *);
extern "C" char *attn_rt_error_buffer(void);

LoadedModule::LoadedModule(std::unique_ptr<llvm::orc::LLJIT> jit)
    : jit(std::move(jit)) {
  this->jit->getExecutionSession().setErrorReporter(
      [this](llvm::Error error) { failure = toString(std::move(error)); });
}
LoadedModule::~LoadedModule() = default;

/// What the code calls: the loop and error buffer of this library, by address,
/// since a host may have loaded it out of sight; and the libraries of C and of
/// its compiler.
static llvm::Error defineHostSymbols(llvm::orc::LLJIT &jit) {
  using namespace llvm::orc;
  SymbolMap symbols;
  auto define = [&](StringRef name, auto *address) {
    symbols[jit.mangleAndIntern(name)] = {ExecutorAddr::fromPtr(address),
                                          llvm::JITSymbolFlags::Exported};
  };
  define("attn_rt_parallel_for", &attn_rt_parallel_for);
  define("attn_rt_error_buffer", &attn_rt_error_buffer);
  define("attn_rt_launch", &EmulatedModule::launch);
  define("attn_rt_capability", &EmulatedModule::getCapability);
  define("attn_rt_tensor_map", &EmulatedModule::encodeTensorMap);
  define("attn_rt_device_alloc", &EmulatedModule::allocate);
  define("attn_rt_device_free", &EmulatedModule::release);
  JITDylib &library = jit.getMainJITDylib();
  if (llvm::Error error = library.define(absoluteSymbols(std::move(symbols))))
    return error;
  char prefix = jit.getDataLayout().getGlobalPrefix();
  auto process = DynamicLibrarySearchGenerator::GetForCurrentProcess(prefix);
  if (!process)
    return process.takeError();
  library.addGenerator(std::move(*process));
  // The latter has conversions of f16 for CPUs without instructions for them.
  for (const char *name : {"libm.so.6", "libgcc_s.so.1"}) {
    auto loaded = DynamicLibrarySearchGenerator::Load(name, prefix);
    if (!loaded)
      return loaded.takeError();
    library.addGenerator(std::move(*loaded));
  }
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<LoadedModule>>
LoadedModule::load(StringRef object) {
  auto jit = llvm::orc::LLJITBuilder()
                 .setPlatformSetUp(llvm::orc::setUpInactivePlatform)
                 .create();
  if (!jit)
    return jit.takeError();
  if (llvm::Error error = defineHostSymbols(**jit))
    return error;
  auto buffer = llvm::MemoryBuffer::getMemBufferCopy(object, "attn");
  if (llvm::Error error = (*jit)->addObjectFile(std::move(buffer)))
    return error;
  return std::unique_ptr<LoadedModule>(new LoadedModule(std::move(*jit)));
}

template <typename Function>
llvm::Expected<Function> LoadedModule::lookupAs(const Twine &symbol) {
  auto address = jit->lookup(symbol.str());
  if (address)
    return address->toPtr<Function>();
  std::string sentence = toString(address.takeError());
  if (!failure.empty())
    sentence = std::move(failure);
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 "cannot load '" + symbol + "': " + sentence);
}

llvm::Expected<attn_function> LoadedModule::lookup(StringRef name) {
  return lookupAs<attn_function>(name);
}

llvm::Expected<attn_shapes_function>
LoadedModule::lookupShapes(StringRef name) {
  return lookupAs<attn_shapes_function>(name + "_shapes");
}

llvm::Expected<attn_workspace_function>
LoadedModule::lookupWorkspace(StringRef name) {
  return lookupAs<attn_workspace_function>(name + "_workspace");
}

/// The module as an object file for this process.
static llvm::Expected<std::string> emitForHost(Compilation &compilation) {
  if (llvm::Error error = compilation.run())
    return error;
  return compilation.emitObject(RuntimeLinkage::Host);
}

llvm::Expected<std::unique_ptr<LoadedModule>>
attn::compileForHost(Compilation &compilation) {
  const TargetSpec &target = compilation.getTarget();
  if (!isHostArchitecture(target))
    return llvm::createStringError(
        llvm::inconvertibleErrorCode(),
        "target '" + target.name +
            "' is not of this machine's architecture; compile to a file");
  auto object =
      getCached(compilation, "jit", [&] { return emitForHost(compilation); });
  if (!object)
    return object.takeError();
  auto loaded = LoadedModule::load(object->bytes);
  if (loaded)
    (*loaded)->cached = object->hit;
  return loaded;
}
