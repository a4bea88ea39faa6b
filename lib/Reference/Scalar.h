//===- Scalar.h - Numbers with error bounds ---------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_SCALAR_H
#define ATTN_LIB_REFERENCE_SCALAR_H

#include "attn/Reference/Tensor.h"

namespace mlir::attn::reference {

/// A number and the largest error that a compiled function makes in it. Which
/// of `real` and `integer` counts is known from the type. An integer or boolean
/// with a bound depends on a float comparison or conversion that may go either
/// way.
struct Scalar {
  double real = 0;
  double bound = 0;
  int64_t integer = 0;

  static Scalar ofReal(double value, double bound = 0) {
    return {value, bound, 0};
  }
  static Scalar ofInteger(int64_t value, double bound = 0) {
    return {0, bound, value};
  }
  bool isExact() const { return bound == 0; }
};

/// How floats are computed: in fp64 with error bounds (scores, tensors), or
/// rounded to their declared types after each operation (masks).
enum class Arithmetic { Wide, Declared };

/// Evaluates an arith or math op, or attn.floormod, on scalars; on the element
/// types where it works on tensors. Fails where the op is not one of them, or
/// divides by 0.
llvm::Expected<Scalar> evaluateScalarOp(Operation *op,
                                        ArrayRef<Scalar> operands,
                                        Arithmetic arithmetic);

/// Whether `evaluateScalarOp` knows the op.
bool isScalarOp(Operation *op);

/// `value` with an error bound that is never NaN; infinite where the value may
/// leave the range of `type`.
Scalar boundedReal(Type type, double value, double bound);

/// By how much a product of two numbers of f16 or bf16 changes where what is
/// subnormal in f32 counts as zero.
double flushingError(double lhs, double rhs);

/// A sentence about `op`.
llvm::Error opError(Operation *op, const llvm::Twine &message);

} // namespace mlir::attn::reference

#endif // ATTN_LIB_REFERENCE_SCALAR_H
