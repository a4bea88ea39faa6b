//===- InitAll.h - Registers everything of attn -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_INITALL_H
#define ATTN_INITALL_H

#include "mlir/IR/DialectRegistry.h"

namespace mlir::attn {

/// The attn dialect with its external interface models. The dialects that attn
/// lowers to are loaded by its passes.
void registerAllDialects(DialectRegistry &registry);

/// All passes of attn and the pipelines of its phases. Call once per process.
void registerAllPasses();

} // namespace mlir::attn

#endif // ATTN_INITALL_H
