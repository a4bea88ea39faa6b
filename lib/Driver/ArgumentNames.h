//===- ArgumentNames.h - What the source calls arguments -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DRIVER_ARGUMENTNAMES_H
#define ATTN_LIB_DRIVER_ARGUMENTNAMES_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir {
class AsmParserState;

namespace attn {

/// Gives arguments of functions without `attn.name` the names they have in the
/// text.
void nameArguments(ModuleOp module, const AsmParserState &state);

} // namespace attn
} // namespace mlir

#endif // ATTN_LIB_DRIVER_ARGUMENTNAMES_H
