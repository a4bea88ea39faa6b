//===- Linker.cpp - Shared libraries -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Linker.h"

#include "attn/Driver/Files.h"
#include "attn/Target/CPU/ObjectEmission.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir::attn;

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// Linkers that accept objects of any target; the last is the host's compiler.
static constexpr llvm::StringLiteral linkers[] = {"ld.lld-22", "ld.lld", "cc"};

static std::string findLinker(const TargetSpec &target) {
  for (llvm::StringRef name : linkers) {
    if (name == "cc" && !isHostArchitecture(target))
      continue;
    if (auto path = llvm::sys::findProgramByName(name))
      return *path;
  }
  return {};
}

/// Where the C library and OpenMP may lie: ld.lld itself looks nowhere.
static std::vector<std::string> getLibraryDirectories(const TargetSpec &target) {
  std::string arch = llvm::Triple(target.triple).getArchName().str();
  std::vector<std::string> directories = {
      "/lib/" + arch + "-linux-gnu", "/usr/lib/" + arch + "-linux-gnu",
      "/usr/" + arch + "-linux-gnu/lib"};
  if (isHostArchitecture(target)) {
    directories.push_back("/lib64");
    directories.push_back("/usr/lib64");
    directories.push_back(ATTN_OPENMP_DIRECTORY);
  }
  return directories;
}

/// Libraries that the code may call. Missing ones are left to whoever loads the
/// result; what is not called leaves no trace.
static void addLibraries(std::vector<std::string> &arguments,
                         const TargetSpec &target) {
  arguments.push_back("--as-needed");
  for (llvm::StringRef name :
       {"libm.so.6", "libgcc_s.so.1", "libomp.so.5", "libc.so.6"}) {
    for (const std::string &directory : getLibraryDirectories(target)) {
      llvm::SmallString<128> path(directory);
      llvm::sys::path::append(path, name);
      if (!llvm::sys::fs::exists(path))
        continue;
      arguments.push_back(path.str().str());
      break;
    }
  }
}

static std::vector<std::string> getArguments(llvm::StringRef linker,
                                             llvm::StringRef object,
                                             llvm::StringRef output,
                                             const TargetSpec &target) {
  std::vector<std::string> arguments = {linker.str(), "-shared", "-o",
                                        output.str(), object.str()};
  if (llvm::sys::path::filename(linker) == "cc") {
    for (const char *library : {"-Wl,--as-needed", "-lm"})
      arguments.push_back(library);
    return arguments;
  }
  addLibraries(arguments, target);
  return arguments;
}

/// Runs a program; the error holds what it said.
static llvm::Error runProgram(llvm::ArrayRef<std::string> arguments) {
  llvm::SmallString<128> log;
  if (auto code =
          llvm::sys::fs::createTemporaryFile("attn-link", "log", log))
    return makeError("cannot make a temporary file: " + code.message());
  llvm::FileRemover removeLog(log);
  std::vector<llvm::StringRef> words(arguments.begin(), arguments.end());
  std::optional<llvm::StringRef> redirects[] = {std::nullopt, log.str(),
                                                log.str()};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(words[0], words, std::nullopt,
                                         redirects, 0, 0, &message);
  if (!status)
    return llvm::Error::success();
  if (auto said = llvm::MemoryBuffer::getFile(log))
    message += (*said)->getBuffer().rtrim();
  return makeError("the linker '" + arguments[0] + "' failed: " + message);
}

llvm::Expected<std::string>
mlir::attn::linkSharedLibrary(llvm::StringRef object, llvm::StringRef path,
                              const TargetSpec &target) {
  std::string linker = findLinker(target);
  if (linker.empty())
    return makeError("output '" + path +
                     "': no linker was found on the PATH; install ld.lld-22, "
                     "ld.lld or cc, or emit .o");
  llvm::SmallString<128> input, output;
  if (auto code = llvm::sys::fs::createTemporaryFile("attn", "o", input))
    return makeError("cannot make a temporary file: " + code.message());
  llvm::FileRemover removeInput(input);
  if (auto code = llvm::sys::fs::createTemporaryFile("attn", "so", output))
    return makeError("cannot make a temporary file: " + code.message());
  llvm::FileRemover removeOutput(output);
  if (llvm::Error error = writeOutput(input, object))
    return error;
  if (llvm::Error error =
          runProgram(getArguments(linker, input, output, target)))
    return error;
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> linked =
      readInput(output);
  if (!linked)
    return linked.takeError();
  return (*linked)->getBuffer().str();
}
