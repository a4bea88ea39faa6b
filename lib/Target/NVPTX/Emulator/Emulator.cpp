//===- Emulator.cpp - Runs CUDA kernels on the CPU, and checks them -----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/NVPTX/Emulator/Emulator.h"

#include "DeviceToHost.h"
#include "Handlers.h"
#include "Machine.h"

#include "attn/Runtime/Support.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/TargetSelect.h"

using namespace llvm;
using namespace mlir::attn;
using namespace mlir::attn::emulator;

static Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

ArrayRef<CopySchedule> emulator::getCopySchedules() {
  static const CopySchedule all[] = {CopySchedule::Eager, CopySchedule::Lazy,
                                     CopySchedule::LazyReversed};
  return all;
}

StringRef emulator::getName(CopySchedule schedule) {
  switch (schedule) {
  case CopySchedule::Eager:
    return "eager";
  case CopySchedule::Lazy:
    return "lazy";
  case CopySchedule::LazyReversed:
    return "lazy-reversed";
  }
  llvm_unreachable("unknown schedule");
}

bool Report::has(Finding::Kind kind) const {
  return any_of(findings,
                [&](const Finding &finding) { return finding.kind == kind; });
}

//===----------------------------------------------------------------------===//
// Handlers
//===----------------------------------------------------------------------===//

static const StringMap<const Handler *> &getHandlers() {
  static const StringMap<const Handler *> all = [] {
    StringMap<const Handler *> handlers;
    for (ArrayRef<Handler> some :
         {getScalarHandlers(), getWarpHandlers(), getMatrixHandlers(),
          getCopyHandlers(), getBulkCopyHandlers(), getWarpgroupHandlers()})
      for (const Handler &handler : some)
        handlers[handler.name] = &handler;
    return handlers;
  }();
  return all;
}

const Handler *emulator::findHandler(StringRef name) {
  return getHandlers().lookup(name);
}

const Handler *emulator::findAssemblyHandler(StringRef text) {
  // Instructions in a loop, or with forms that only their text tells.
  for (StringRef name : {"mbarrier.try_wait.parity", "wgmma.mma_async",
                         "wgmma.wait_group", "fence.proxy.async"})
    if (text.contains(name))
      return findHandler(("asm " + name).str());
  StringRef opcode = text.trim().take_until([](char c) { return isSpace(c); });
  return findHandler(("asm " + opcode).str());
}

/// Called by converted code.
static void noteAccess(void *address, uint64_t bytes, bool store, bool atomic,
                       uint64_t alignment, uint32_t site) {
  Machine::get().access(reinterpret_cast<uintptr_t>(address), bytes, store,
                        atomic, alignment, site);
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

struct Emulator::State {
  Memory memory;
  HostCode code;
  std::unique_ptr<orc::LLJIT> jit;
  std::unique_ptr<Machine> machine;
};

/// A copy of `module` in a context of its own.
static Expected<orc::ThreadSafeModule> copyModule(const llvm::Module &module) {
  SmallString<0> bytes;
  raw_svector_ostream stream(bytes);
  WriteBitcodeToFile(module, stream);
  auto context = std::make_unique<LLVMContext>();
  auto copy = parseBitcodeFile(MemoryBufferRef(bytes, "device"), *context);
  if (!copy)
    return copy.takeError();
  return orc::ThreadSafeModule(std::move(*copy), std::move(context));
}

/// What converted code calls: handlers, and the C library.
static Error defineSymbols(orc::LLJIT &jit) {
  orc::SymbolMap symbols;
  auto define = [&](StringRef name, auto *address) {
    symbols[jit.mangleAndIntern(name)] = {orc::ExecutorAddr::fromPtr(address),
                                          JITSymbolFlags::Exported};
  };
  for (const auto &entry : getHandlers())
    define((Twine(handlerPrefix) + entry.first()).str(), entry.second->run);
  define(accessFunction, &noteAccess);
  orc::JITDylib &library = jit.getMainJITDylib();
  if (Error error = library.define(orc::absoluteSymbols(std::move(symbols))))
    return error;
  char prefix = jit.getDataLayout().getGlobalPrefix();
  auto math = orc::DynamicLibrarySearchGenerator::Load("libm.so.6", prefix);
  if (!math)
    return math.takeError();
  library.addGenerator(std::move(*math));
  auto process =
      orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(prefix);
  if (!process)
    return process.takeError();
  library.addGenerator(std::move(*process));
  return Error::success();
}

/// Rounding to bf16, which compiled code calls on CPUs without it.
static void addBrainFloat(llvm::Module &module) {
  StringRef architecture = module.getTargetTriple().getArchName();
  for (const RuntimeSupport &support : getRuntimeSupport())
    if (support.name == "BrainFloat" && support.architecture == architecture)
      module.appendModuleInlineAsm(support.assembly);
}

static Expected<std::unique_ptr<orc::LLJIT>> createJIT() {
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  InitializeNativeTargetAsmParser(); // The runtime is assembly.
  auto builder = orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    return builder.takeError();
  builder->setCodeGenOptLevel(CodeGenOptLevel::None);
  auto jit = orc::LLJITBuilder()
                 .setJITTargetMachineBuilder(std::move(*builder))
                 .setPlatformSetUp(orc::setUpInactivePlatform)
                 .create();
  if (!jit)
    return jit.takeError();
  if (Error error = defineSymbols(**jit))
    return std::move(error);
  return jit;
}

Emulator::Emulator(std::unique_ptr<State> state) : state(std::move(state)) {}
Emulator::~Emulator() = default;

Expected<std::unique_ptr<Emulator>>
Emulator::create(const llvm::Module &device) {
  if (!device.getTargetTriple().isNVPTX())
    return makeError("the emulator takes code for nvptx64, not for '" +
                     device.getTargetTriple().str() + "'");
  auto state = std::make_unique<State>();
  auto jit = createJIT();
  if (!jit)
    return jit.takeError();
  state->jit = std::move(*jit);
  auto module = copyModule(device);
  if (!module)
    return module.takeError();
  Error failure = module->withModuleDo([&](llvm::Module &copy) -> Error {
    auto code = convertToHost(copy, state->jit->getDataLayout(),
                              state->jit->getTargetTriple(),
                              state->memory.getSharedBase());
    if (!code)
      return code.takeError();
    state->code = std::move(*code);
    addBrainFloat(copy);
    return Error::success();
  });
  if (failure)
    return std::move(failure);
  if (Error error = state->jit->addIRModule(std::move(*module)))
    return std::move(error);
  state->machine = std::make_unique<Machine>(state->memory, state->code.sites);
  return std::unique_ptr<Emulator>(new Emulator(std::move(state)));
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

void Emulator::addBuffer(StringRef name, void *data, size_t bytes,
                         bool writable) {
  state->memory.addBuffer(name, data, bytes, writable);
}

void Emulator::releaseBuffer(const void *data) {
  state->memory.releaseBuffer(data);
}

void Emulator::removeBuffers() { state->memory.removeBuffers(); }

/// What cuLaunchKernel would refuse.
static Error checkLaunch(const Launch &launch, size_t sharedBytes) {
  uint64_t threads = uint64_t(launch.block.x) * launch.block.y * launch.block.z;
  if (threads == 0 || threads > 1024)
    return makeError("kernel '" + launch.kernel + "': a block of " +
                     Twine(threads) + " threads; it may have 1 to 1024");
  if (!launch.grid.x || !launch.grid.y || !launch.grid.z)
    return makeError("kernel '" + launch.kernel + "': a grid of no blocks");
  if (launch.grid.y > 65535 || launch.grid.z > 65535)
    return makeError("kernel '" + launch.kernel + "': a grid of " +
                     Twine(std::max(launch.grid.y, launch.grid.z)) +
                     " blocks in y or z; there may be 65535");
  if (sharedBytes > Memory::sharedLimit)
    return makeError("kernel '" + launch.kernel + "': " + Twine(sharedBytes) +
                     " bytes of shared memory; a block may have " +
                     Twine(Memory::sharedLimit));
  return Error::success();
}

Expected<Report> Emulator::launch(const Launch &launch,
                                  void *const *parameters) {
  if (!is_contained(state->code.kernels, launch.kernel))
    return makeError("the device module has no kernel '" + launch.kernel + "'");
  size_t sharedBytes = state->code.staticSharedBytes + launch.sharedBytes;
  if (Error error = checkLaunch(launch, sharedBytes))
    return std::move(error);
  auto kernel = state->jit->lookup((launchPrefix + launch.kernel).str());
  if (!kernel)
    return kernel.takeError();
  return state->machine->run(launch, sharedBytes,
                             kernel->toPtr<Machine::Kernel>(), parameters);
}
