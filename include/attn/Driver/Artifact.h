//===- Artifact.h - Outputs of attnc compile -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DRIVER_ARTIFACT_H
#define ATTN_DRIVER_ARTIFACT_H

#include "attn/Driver/Compilation.h"

namespace mlir::attn {

/// What a compilation writes.
enum class ArtifactKind {
  MLIR,
  LLVMIR,
  Assembly,
  Object,
  Archive,
  SharedLibrary,
  PTX
};

/// By the extension of `path`: .mlir, .ll, .s, .o, .a, .so, .ptx; .mlir for "-".
/// The error names the extensions.
llvm::Expected<ArtifactKind> getArtifactKind(StringRef path);

/// Whether the target of a compilation has outputs of this kind; the error names
/// those that it has.
llvm::Error checkArtifactKind(const Compilation &compilation, ArtifactKind kind,
                              StringRef path);

/// Compiles and writes `path`, whole or not at all.
llvm::Error emitArtifact(Compilation &compilation, ArtifactKind kind,
                         StringRef path);

/// The C header that declares the functions of the module as written.
/// `path` gives its include guard.
std::string getHeader(Compilation &compilation, StringRef path);

} // namespace mlir::attn

#endif // ATTN_DRIVER_ARTIFACT_H
