//===- PassTarget.h - What a pass works for and on ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_PASSTARGET_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_PASSTARGET_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Target/CPU/TargetSpec.h"

namespace mlir::attn {

/// The CPU of a pass on `op` whose option `target` names it; says on `op` why
/// there is none.
inline FailureOr<TargetSpec> getPassTarget(Operation *op, StringRef target) {
  llvm::Expected<TargetSpec> spec = TargetSpec::parse(target);
  if (!spec)
    return op->emitError() << llvm::toString(spec.takeError());
  return std::move(*spec);
}

/// The attend ops in `root`, as a pass finds them: what it makes of one may
/// hold others.
inline SmallVector<AttendOp> getAttendOps(Operation *root) {
  SmallVector<AttendOp> ops;
  root->walk([&](AttendOp op) { ops.push_back(op); });
  return ops;
}

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_PASSTARGET_H
