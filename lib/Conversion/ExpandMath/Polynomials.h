//===- Polynomials.h - f32 functions as arithmetic -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_EXPANDMATH_POLYNOMIALS_H
#define ATTN_LIB_CONVERSION_EXPANDMATH_POLYNOMIALS_H

#include "attn/Target/CPU/TargetSpec.h"

#include "mlir/IR/Builders.h"

namespace mlir::attn {

/// 2^x for x of type f32 or a vector of it; of 0 or less where `nonPositive`.
Value emitExp2(OpBuilder &builder, Location loc, Value x,
               const TargetSpec &target, bool nonPositive = false);
/// e^x likewise.
Value emitExp(OpBuilder &builder, Location loc, Value x);
/// tanh(x) likewise.
Value emitTanh(OpBuilder &builder, Location loc, Value x,
               const TargetSpec &target);
enum class LogBase { E, Two };
/// The logarithm of x likewise.
Value emitLog(OpBuilder &builder, Location loc, Value x, LogBase base);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_EXPANDMATH_POLYNOMIALS_H
