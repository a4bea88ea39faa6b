//===- Compile.cpp - attnc compile -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Commands.h"

#include "attn/Driver/Artifact.h"
#include "attn/Driver/Files.h"

#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::tool;

static llvm::cl::opt<std::string>
    output("o", llvm::cl::init("-"),
           llvm::cl::value_desc("OUT.{o,so,a,s,ll,ptx,mlir}"),
           llvm::cl::desc("The output, its kind by extension; - prints MLIR"),
           llvm::cl::sub(compileCommand()));
static llvm::cl::opt<std::string>
    header("header", llvm::cl::value_desc("OUT.h"),
           llvm::cl::desc("Also write a C header of the public functions"),
           llvm::cl::sub(compileCommand()));

int tool::compile() {
  llvm::Expected<ArtifactKind> kind = getArtifactKind(output);
  if (!kind)
    return report(kind.takeError(), Usage);
  for (const std::string &path : {output.getValue(), header.getValue()})
    if (isInput(path))
      return report("output '" + path + "' is the input; give another name",
                    Usage);
  if (!header.empty() && isSameFile(output, header))
    return report("--header: '" + header +
                      "' is also the output; give another "
                      "name",
                  Usage);
  int code;
  // Left to the end of the process: taking the IR apart is work for nothing.
  Compilation *compilation = openInput(code).release();
  if (!compilation)
    return code;
  if (llvm::Error error = checkArtifactKind(*compilation, *kind, output))
    return report(std::move(error), Usage);
  if (llvm::Error error = emitArtifact(*compilation, *kind, output))
    return report(std::move(error));
  if (header.empty())
    return Good;
  if (llvm::Error error =
          writeOutput(header, getHeader(*compilation, header))) {
    // No half of what was asked for.
    if (output != "-")
      llvm::sys::fs::remove(output);
    return report(std::move(error));
  }
  return Good;
}
