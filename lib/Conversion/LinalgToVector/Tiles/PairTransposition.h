//===- PairTransposition.h - Pairs from rows to columns ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_TILES_PAIRTRANSPOSITION_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_TILES_PAIRTRANSPOSITION_H

#include "attn/Target/CPU/TargetSpec.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::attn {

/// Whether `op`, on memrefs, is out[i, p, n] = in[p, i, n] of bf16, n < 2,
/// where pairs are words, of which squares of a vector's width fill both sides.
bool isPairTransposition(linalg::GenericOp op, const TargetSpec &target);

/// Emits such an op before it: squares of words, transposed in registers.
void emitPairTransposition(OpBuilder &builder, linalg::GenericOp op,
                           const TargetSpec &target);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_TILES_PAIRTRANSPOSITION_H
