//===- LinalgBuilder.h - Linalg on tensors at one place -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_LINALGBUILDER_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_LINALGBUILDER_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::attn {

/// Emits linalg ops on tensors at one place.
class LinalgBuilder {
public:
  LinalgBuilder(OpBuilder &builder, Location loc) : b(builder), loc(loc) {}

  /// Gives the values of one element of every output from those of the inputs
  /// and outputs.
  using Body =
      function_ref<SmallVector<Value>(OpBuilder &, Location, ValueRange)>;

  /// The dimensions whose indices address each dimension of a tensor.
  using Dims = SmallVector<unsigned>;

  /// A linalg.generic over `iterators`; `dims` are those of inputs and then
  /// `inits`. Returns a value for each of `inits`.
  SmallVector<Value> generic(ValueRange inputs, ValueRange inits,
                             ArrayRef<Dims> dims,
                             ArrayRef<utils::IteratorType> iterators,
                             Body body);

  /// The same where every iterator is parallel and `inits` are indexed by all.
  SmallVector<Value> parallel(ValueRange inputs, ValueRange inits,
                              ArrayRef<Dims> inputDims, Body body);

  Value constant(Type type, double value);
  Value empty(ArrayRef<OpFoldResult> sizes, Type elementType);
  Value fill(double value, ArrayRef<OpFoldResult> sizes, Type elementType);
  /// `value` with its elements converted to `elementType`.
  Value convert(Value value, Type elementType);
  /// A scalar converted to a float type.
  Value convertScalar(OpBuilder &builder, Value value, Type type);
  /// Of scalars (a, b, sum): sum + a * b in the float type of the sum.
  Value addProduct(OpBuilder &builder, ValueRange scalars);

  SmallVector<OpFoldResult> sizesOf(Value tensor) {
    return tensor::getMixedSizes(b, loc, tensor);
  }
  OpFoldResult sizeOf(Value tensor, int64_t dim) {
    return tensor::getMixedSize(b, loc, tensor, dim);
  }
  /// 0, 1, ..., rank - 1.
  static Dims identity(unsigned rank);

  OpBuilder &b;
  Location loc;
};

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_LINALGBUILDER_H
