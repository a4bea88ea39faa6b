//===- Values.h - What SSA values stand for ---------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_VALUES_H
#define ATTN_LIB_REFERENCE_VALUES_H

#include "Scalar.h"
#include "attn/Reference/Evaluator.h"

#include <memory>
#include <variant>

namespace mlir::attn::reference {

/// Global indices of a pair, and how many there are of each.
struct Pair {
  int64_t b = 0, h = 0, i = 0, j = 0;
  bool hasHeads = true;
};
struct Extents {
  int64_t batches = 1, heads = 1, queries = 0, keys = 0;
  bool hasHeads = true;
};

/// Whether a pair is kept; unsure where that hangs on a rounding error.
struct Keep {
  bool kept;
  bool sure = true;
};

/// A mask with its captured values.
class Mask {
public:
  virtual ~Mask() = default;
  /// Refuses captured tensors whose sizes do not fit.
  virtual llvm::Error check(const Extents &sizes) const = 0;
  virtual llvm::Expected<Keep> keeps(const Pair &pair,
                                     const Extents &sizes) const = 0;
};

/// A score modifier with its captured values.
class ScoreModifier {
public:
  virtual ~ScoreModifier() = default;
  /// Refuses captured tensors whose sizes do not fit, and regions that compute
  /// in another type than `accumulator`.
  virtual llvm::Error check(const Extents &sizes, Type accumulator) const = 0;
  virtual llvm::Expected<Scalar> apply(Scalar score, const Pair &pair,
                                       Type accumulator) const = 0;
};

using TensorRef = std::shared_ptr<const ReferenceResult>;
using MaskRef = std::shared_ptr<const Mask>;
using ScoreModifierRef = std::shared_ptr<const ScoreModifier>;
using RuntimeValue = std::variant<Scalar, TensorRef, MaskRef, ScoreModifierRef>;

/// An element of a tensor as a scalar.
inline Scalar elementAt(const ReferenceResult &tensor, int64_t index) {
  Scalar element;
  element.bound = tensor.boundAt(index);
  if (tensor.value.isFloat())
    element.real = tensor.value.floats[index];
  else
    element.integer = tensor.value.integers[index];
  return element;
}

/// Writes an element; bounds come into being with the first that is not 0.
inline void setElement(ReferenceResult &tensor, int64_t index, Scalar element) {
  if (tensor.value.isFloat())
    tensor.value.floats[index] = element.real;
  else
    tensor.value.integers[index] = element.integer;
  if (tensor.bound.empty() && !element.isExact())
    tensor.bound.resize(tensor.value.size());
  if (!tensor.bound.empty())
    tensor.bound[index] = element.bound;
}

/// The element at `indices`; 0 where one is out of bounds (`load_m1`).
Scalar loadElement(const ReferenceResult &tensor, ArrayRef<Scalar> indices);
Scalar loadElement(const ReferenceResult &tensor, ArrayRef<int64_t> indices);

/// Row-major strides of a shape.
SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape);

/// Moves to the next position of a row-major walk; false after the last.
bool nextPosition(SmallVectorImpl<int64_t> &position, ArrayRef<int64_t> shape);

} // namespace mlir::attn::reference

#endif // ATTN_LIB_REFERENCE_VALUES_H
