//===- Tensor.h - Values of the reference evaluator -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_REFERENCE_TENSOR_H
#define ATTN_REFERENCE_TENSOR_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/Error.h"

#include <vector>

namespace mlir::attn::reference {

/// A dense row-major tensor. Floats are held in fp64, whatever their type;
/// integers and index in 64 bits, sign-extended (i1: 0 or 1). A scalar has rank
/// 0.
class Tensor {
public:
  Tensor() = default;

  /// Zeros. The type is one that `isSupported`.
  Tensor(Type elementType, ArrayRef<int64_t> shape);

  /// The given floats, rounded to `elementType`; as many as the shape has.
  static Tensor ofFloats(FloatType elementType, ArrayRef<int64_t> shape,
                         std::vector<double> values);

  /// The given integers, wrapped to `elementType`; as many as the shape has.
  static Tensor ofIntegers(Type elementType, ArrayRef<int64_t> shape,
                           std::vector<int64_t> values);

  /// Reads elements as they lie in memory: little-endian, i1 one byte, index
  /// eight. Fails where the type is not supported or the bytes are not as many
  /// as the shape asks for.
  static llvm::Expected<Tensor> fromBytes(Type elementType,
                                          ArrayRef<int64_t> shape,
                                          ArrayRef<char> bytes);

  /// The inverse of `fromBytes`; floats are rounded to the element type.
  std::vector<char> toBytes() const;

  /// f16, bf16, f32, f64, index and signless integers of 1, 8, 16, 32, 64 bits.
  static bool isSupported(Type elementType);

  /// Bytes of one element in memory.
  static int64_t getElementBytes(Type elementType);

  Type getElementType() const { return elementType; }
  ArrayRef<int64_t> getShape() const { return shape; }
  int64_t getRank() const { return shape.size(); }
  int64_t size() const;
  bool isFloat() const { return isa<FloatType>(elementType); }

  /// `tensor<2x3xf32>`, for messages.
  std::string describe() const;

  /// Elements; one of the two is used, by element type.
  std::vector<double> floats;
  std::vector<int64_t> integers;

  /// Gives the same elements another shape of the same size.
  void reshape(ArrayRef<int64_t> newShape) {
    shape.assign(newShape.begin(), newShape.end());
  }

private:
  Type elementType;
  SmallVector<int64_t> shape;
};

/// How a float type rounds.
struct FloatFormat {
  double unit;     ///< Largest relative error of one rounding.
  double floor;    ///< Largest absolute error where that is not reached.
  double largest;  ///< Largest finite value.

  static FloatFormat get(Type type);

  /// Largest error of storing a value of this size.
  double rounding(double value) const;
};

/// `value` rounded to `type`.
double roundToType(Type type, double value);

/// `value` wrapped to the integer or index type, as Tensor holds it.
int64_t wrapToType(Type type, int64_t value);

} // namespace mlir::attn::reference

#endif // ATTN_REFERENCE_TENSOR_H
