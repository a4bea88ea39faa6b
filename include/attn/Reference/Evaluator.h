//===- Evaluator.h - The meaning of functions, in fp64 ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Evaluates functions of attn, arith, math, tensor and linalg ops straight from
// docs/Spec.md, by no path of the compiler, and says how far a correct compiled
// function may be from the result.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_REFERENCE_EVALUATOR_H
#define ATTN_REFERENCE_EVALUATOR_H

#include "attn/Reference/Tensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::attn::reference {

/// A tensor and, per element, the largest error that a correct compiled function
/// makes (absolute; infinite where the element cannot be checked). No bounds
/// means that all are 0.
struct ReferenceResult {
  Tensor value;
  std::vector<double> bound;

  double boundAt(int64_t index) const {
    return bound.empty() ? 0.0 : bound[index];
  }
};

/// Evaluates `function` on arguments that fit its argument types (scalars as
/// tensors of rank 0). Fails with a sentence naming the op or argument where
/// sizes do not fit, an op is not supported, or an integer is divided by 0.
llvm::Expected<SmallVector<ReferenceResult>>
evaluate(func::FuncOp function, ArrayRef<Tensor> arguments);

/// How a compiled function's result compares with the reference.
struct Comparison {
  /// Largest |actual - expected| / bound; infinite for a NaN or infinity that
  /// only one side has. 1 or less passes.
  double worstRatio = 0;
  /// Where that is, and what stands there.
  SmallVector<int64_t> worstIndex;
  double expected = 0, actual = 0, bound = 0;
  /// max |actual - expected| / max |expected| over the finite elements.
  double relativeError = 0;
  /// max bound / max |expected| over the checked elements.
  double relativeBound = 0;
  int64_t mismatchedNaN = 0;      ///< NaN on one side only.
  int64_t mismatchedInfinity = 0; ///< An infinity that the other side lacks.
  int64_t unchecked = 0;          ///< Elements whose bound is infinite.
  int64_t elements = 0;

  /// Whether every element is within its bound and at least one was checked.
  bool passed() const {
    return worstRatio <= 1 && (elements == 0 || unchecked < elements);
  }

  /// One line: the verdict, the errors, the place of the worst element.
  std::string describe() const;
};

/// Compares a result with the reference. Fails where shapes or element types
/// differ.
llvm::Expected<Comparison> compare(const ReferenceResult &expected,
                                   const Tensor &actual);

} // namespace mlir::attn::reference

#endif // ATTN_REFERENCE_EVALUATOR_H
