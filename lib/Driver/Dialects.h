//===- Dialects.h - What the compiler reads -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DRIVER_DIALECTS_H
#define ATTN_LIB_DRIVER_DIALECTS_H

#include "mlir/IR/DialectRegistry.h"

namespace mlir::attn {

/// attn and upstream's dialects, with all that the phases and the translation
/// to LLVM IR ask of them.
void registerCompilerDialects(DialectRegistry &registry);

/// A registry of them, made once in a process.
const DialectRegistry &getCompilerDialects();

} // namespace mlir::attn

#endif // ATTN_LIB_DRIVER_DIALECTS_H
