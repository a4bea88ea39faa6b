//===- SineCosine.h - Sine and cosine of angles of positions -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_SINECOSINE_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_SINECOSINE_H

#include "mlir/IR/Builders.h"

namespace mlir::attn {

/// The sine and the cosine, in `type`, f32 or f64, of an `angle` in f64: exact
/// enough for any position. In f32 they are off by 2 units in the last place of
/// 1, at a fraction of what the functions of libm cost.
std::pair<Value, Value> emitSineCosine(OpBuilder &builder, Location loc,
                                       Value angle, Type type);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_SINECOSINE_H
