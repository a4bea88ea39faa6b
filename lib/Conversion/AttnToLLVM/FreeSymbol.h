//===- FreeSymbol.h - Names that nothing has yet -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOLLVM_FREESYMBOL_H
#define ATTN_LIB_CONVERSION_ATTNTOLLVM_FREESYMBOL_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::attn {

/// `name`, with as many underscores as no symbol of `module` has after it.
inline std::string getFreeSymbol(ModuleOp module, const Twine &name) {
  std::string free = name.str();
  while (module.lookupSymbol(free))
    free += '_';
  return free;
}

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOLLVM_FREESYMBOL_H
