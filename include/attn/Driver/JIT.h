//===- JIT.h - Compiled functions in this process -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DRIVER_JIT_H
#define ATTN_DRIVER_JIT_H

#include "attn-c/Runtime.h"
#include "attn/Driver/Compilation.h"

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace mlir::attn {

/// The machine code of a module, loaded.
class LoadedModule {
public:
  /// Loads an object file that was emitted with RuntimeLinkage::Host.
  static llvm::Expected<std::unique_ptr<LoadedModule>> load(StringRef object);
  ~LoadedModule();

  /// The function of that name. Fails where there is none, or where it calls
  /// something that this process lacks.
  llvm::Expected<attn_function> lookup(StringRef name);
  /// `F_shapes` and `F_workspace` of the function `name`.
  llvm::Expected<attn_shapes_function> lookupShapes(StringRef name);
  llvm::Expected<attn_workspace_function> lookupWorkspace(StringRef name);

  /// Whether the code came from the cache.
  bool isCached() const { return cached; }

private:
  friend llvm::Expected<std::unique_ptr<LoadedModule>>
  compileForHost(Compilation &compilation);

  LoadedModule(std::unique_ptr<llvm::orc::LLJIT> jit);
  template <typename Function>
  llvm::Expected<Function> lookupAs(const Twine &symbol);

  std::unique_ptr<llvm::orc::LLJIT> jit;
  std::string failure; ///< What the session reported last.
  bool cached = false;
};

/// Compiles to the end, or takes the code of an earlier compilation from the
/// cache, and loads it. The module must be as it was parsed. Fails where the
/// target is not of this machine's architecture.
llvm::Expected<std::unique_ptr<LoadedModule>>
compileForHost(Compilation &compilation);

} // namespace mlir::attn

#endif // ATTN_DRIVER_JIT_H
