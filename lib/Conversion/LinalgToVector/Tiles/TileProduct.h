//===- TileProduct.h - Products on tile registers -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_TILES_TILEPRODUCT_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_TILES_TILEPRODUCT_H

#include "attn/Target/CPU/TargetSpec.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::attn {

/// Whether `op`, on memrefs, adds products of pairs of bf16,
///   c[row, lane] += sum_p,n a[row, p, n] * b[p, lane, n],
/// in whole tiles: of 16 rows, 16 lanes and 16 pairs, all sizes and strides
/// static, and the target has registers for them.
bool isTileProduct(linalg::GenericOp op, const TargetSpec &target);

/// Emits such an op before it. `fromZero`: c is zero before.
void emitTileProduct(OpBuilder &builder, linalg::GenericOp op, bool fromZero);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_TILES_TILEPRODUCT_H
