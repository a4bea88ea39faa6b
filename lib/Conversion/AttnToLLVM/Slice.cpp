//===- Slice.cpp - What values are computed from -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Slice.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::attn;

FailureOr<SmallVector<Operation *>>
attn::getPureSlice(ValueRange roots, Block *block, Operation *&culprit) {
  llvm::SetVector<Operation *> slice;
  auto add = [&](Value value) {
    // A value of an inner block belongs to an operation that is in the slice.
    Operation *def = value.getDefiningOp();
    if (def && def->getBlock() == block)
      slice.insert(def);
  };
  llvm::for_each(roots, add);
  for (size_t next = 0; next < slice.size(); ++next) {
    Operation *op = slice[next];
    if (!isMemoryEffectFree(op)) {
      culprit = op;
      return failure();
    }
    op->walk([&](Operation *inner) { llvm::for_each(inner->getOperands(), add); });
  }
  SmallVector<Operation *> ordered = slice.takeVector();
  llvm::sort(ordered,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return ordered;
}
