//===- Artifact.cpp - Outputs of attnc compile -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Artifact.h"

#include "attn/Driver/Cache.h"
#include "attn/Driver/Files.h"
#include "attn/Target/NVPTX/Emission.h"

#include "Linker.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::attn;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

llvm::Expected<ArtifactKind> attn::getArtifactKind(StringRef path) {
  if (path == "-")
    return ArtifactKind::MLIR;
  auto kind = llvm::StringSwitch<std::optional<ArtifactKind>>(
                  llvm::sys::path::extension(path))
                  .Case(".mlir", ArtifactKind::MLIR)
                  .Case(".ll", ArtifactKind::LLVMIR)
                  .Case(".s", ArtifactKind::Assembly)
                  .Case(".o", ArtifactKind::Object)
                  .Case(".a", ArtifactKind::Archive)
                  .Case(".so", ArtifactKind::SharedLibrary)
                  .Case(".ptx", ArtifactKind::PTX)
                  .Default(std::nullopt);
  if (kind)
    return *kind;
  return makeError("output '" + path +
                   "' has an unknown extension; use .mlir, .ll, .s, .o, .a, "
                   ".so or .ptx");
}

/// Wraps one object file, without a file of its own, in an archive.
static llvm::Expected<std::string> makeArchive(StringRef object,
                                               StringRef path) {
  std::string name = (llvm::sys::path::stem(path) + ".o").str();
  std::vector<llvm::NewArchiveMember> members;
  members.emplace_back(llvm::MemoryBufferRef(object, name));
  auto archive = llvm::writeArchiveToBuffer(
      members, llvm::SymtabWritingMode::NormalSymtab,
      llvm::object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false);
  if (!archive)
    return archive.takeError();
  return (*archive)->getBuffer().str();
}

/// The module as text: LLVM IR, optimised, or assembly.
static llvm::Expected<std::string> makeText(Compilation &compilation,
                                            ArtifactKind kind) {
  auto emitter = MachineCodeEmitter::create(compilation.getTarget());
  if (!emitter)
    return emitter.takeError();
  llvm::LLVMContext context;
  auto module =
      compilation.translate(context, *emitter, RuntimeLinkage::Static);
  if (!module)
    return module.takeError();
  if (kind == ArtifactKind::LLVMIR) {
    std::string text;
    llvm::raw_string_ostream(text) << **module;
    return text;
  }
  auto bytes = emitter->emitAssembly(**module);
  return std::string(bytes.data(), bytes.size());
}

static llvm::Expected<std::string>
makeMachineCode(Compilation &compilation, ArtifactKind kind, StringRef path) {
  if (kind == ArtifactKind::LLVMIR || kind == ArtifactKind::Assembly)
    return makeText(compilation, kind);
  auto object = compilation.emitObject(RuntimeLinkage::Static);
  if (!object)
    return object;
  if (kind == ArtifactKind::SharedLibrary)
    return linkSharedLibrary(*object, path, compilation.getTarget());
  if (kind == ArtifactKind::Archive)
    return makeArchive(*object, path);
  return object;
}

/// Kernels as LLVM IR, before any optimisation, or as PTX.
static llvm::Expected<std::string> makeKernels(Compilation &compilation,
                                               ArtifactKind kind) {
  llvm::LLVMContext context;
  const GPUChip &chip = compilation.getGPU()->chips.front();
  auto kernels = translateKernels(compilation.getModule(), chip, context);
  if (!kernels)
    return kernels.takeError();
  if (kind == ArtifactKind::PTX)
    return emitPTX(**kernels, chip);
  std::string text;
  llvm::raw_string_ostream(text) << **kernels;
  return text;
}

/// Whether the output is device code alone, rather than host code with PTX in
/// it.
static bool isKernels(Compilation &compilation, ArtifactKind kind) {
  return kind == ArtifactKind::PTX ||
         (kind == ArtifactKind::LLVMIR && compilation.getGPU());
}

static llvm::Expected<std::string>
makeArtifact(Compilation &compilation, ArtifactKind kind, StringRef path) {
  if (llvm::Error error = compilation.run())
    return error;
  if (kind != ArtifactKind::MLIR)
    return isKernels(compilation, kind)
               ? makeKernels(compilation, kind)
               : makeMachineCode(compilation, kind, path);
  std::string text;
  llvm::raw_string_ostream(text) << compilation.getModule();
  return text;
}

llvm::Error attn::checkArtifactKind(const Compilation &compilation,
                                    ArtifactKind kind, StringRef path) {
  if (kind == ArtifactKind::MLIR)
    return llvm::Error::success();
  if (kind == ArtifactKind::PTX && !compilation.getGPU())
    return makeError("output '" + path +
                     "': PTX needs a GPU target, such as "
                     "--target=sm_80");
  if (kind == ArtifactKind::PTX && compilation.getGPU()->chips.size() > 1)
    return makeError("output '" + path + "': PTX is for one chip, not for '" +
                     compilation.getGPU()->name +
                     "'; use .so, which carries several");
  return llvm::Error::success();
}

llvm::Error attn::emitArtifact(Compilation &compilation, ArtifactKind kind,
                               StringRef path) {
  std::optional<Phase> last = compilation.getOptions().stopAfter;
  if (kind != ArtifactKind::MLIR && last && *last != Phase::Lower)
    return makeError("output '" + path + "': the module after the phase " +
                     getPhaseName(*last) + " is MLIR; use .mlir or -");
  if (llvm::Error error = checkArtifactKind(compilation, kind, path))
    return error;
  // An archive names its member after the output.
  std::string name =
      path == "-" ? ".mlir" : llvm::sys::path::extension(path).str();
  if (kind == ArtifactKind::Archive)
    name = llvm::sys::path::filename(path).str();
  auto result = getCached(
      compilation, name, [&] { return makeArtifact(compilation, kind, path); });
  if (!result)
    return result.takeError();
  return writeOutput(path, result->bytes,
                     /*makeExecutable=*/kind == ArtifactKind::SharedLibrary);
}
