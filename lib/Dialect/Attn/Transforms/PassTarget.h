//===- PassTarget.h - The CPU that a pass works for -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_PASSTARGET_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_PASSTARGET_H

#include "attn/Target/CPU/TargetSpec.h"

#include "mlir/IR/Operation.h"

namespace mlir::attn {

/// The CPU of a pass on `op` whose option `target` names it; says on `op` why
/// there is none.
inline FailureOr<TargetSpec> getPassTarget(Operation *op, StringRef target) {
  llvm::Expected<TargetSpec> spec = TargetSpec::parse(target);
  if (!spec)
    return op->emitError() << llvm::toString(spec.takeError());
  return std::move(*spec);
}

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_PASSTARGET_H
