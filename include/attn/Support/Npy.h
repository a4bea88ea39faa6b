//===- Npy.h - Arrays in .npy files -----------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_SUPPORT_NPY_H
#define ATTN_SUPPORT_NPY_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/Error.h"

#include <vector>

namespace mlir::attn {

/// Element types of .npy files that have a counterpart in MLIR.
enum class NpyType {
  Bool,
  Int8,
  Int16,
  Int32,
  Int64,
  UInt8,
  UInt16,
  UInt32,
  UInt64,
  Float16,
  BFloat16,
  Float32,
  Float64,
};

/// A dense row-major array; `data` are its elements, little-endian.
struct NpyArray {
  NpyType type = NpyType::Float32;
  SmallVector<int64_t> shape;
  std::vector<char> data;

  /// Number of elements.
  int64_t size() const;

  /// `float32 (2, 3)`, for messages.
  std::string describe() const;
};

/// Bytes of one element.
int64_t getNpyElementBytes(NpyType type);

/// The name numpy has for the type, such as `float32`.
StringRef getNpyTypeName(NpyType type);

/// The MLIR type of elements: signless integers (i1 for bool) and floats.
Type getElementType(MLIRContext *context, NpyType type);

/// The type in which elements of an MLIR type are written: signless integers as
/// signed ones, index as int64. None for types that .npy lacks.
std::optional<NpyType> getNpyType(Type elementType);

/// Whether elements of `type` may be taken for elements of `elementType`: the
/// same bits and kind, signed or not; index is 64 bits; uint16 also holds the
/// bits of bf16, which numpy does not have.
bool holdsElements(NpyType type, Type elementType);

/// Reads a file of format version 1, 2 or 3 in row-major order. bf16 is what
/// ml_dtypes writes: `<V2`. Fails with a sentence naming the file.
llvm::Expected<NpyArray> readNpy(StringRef path);

/// Reads the bytes of such a file; `name` stands for it in messages.
llvm::Expected<NpyArray> parseNpy(StringRef bytes, StringRef name);

/// Writes a file, which appears complete or not at all.
llvm::Error writeNpy(StringRef path, const NpyArray &array);

} // namespace mlir::attn

#endif // ATTN_SUPPORT_NPY_H
