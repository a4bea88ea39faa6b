//===- HostCode.h - Modules on memrefs, compiled for this machine -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_CONVERSION_HOSTCODE_H
#define ATTN_TEST_UNIT_CONVERSION_HOSTCODE_H

#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/MLIRContext.h"

#include <memory>
#include <vector>

namespace mlir::attn {

/// What becomes of linalg ops.
enum class Lowering { Loops, Vectors };

/// A matrix of f32 inside of a larger one, whose other elements stay NaN.
class Matrix {
public:
  Matrix(int64_t rows, int64_t columns);

  float &at(int64_t row, int64_t column) {
    return storage[offset + row * stride + column];
  }
  int64_t rows, columns;

  /// A memref descriptor of rank 2, innermost stride 1.
  struct Descriptor {
    float *allocated, *aligned;
    int64_t offset, sizes[2], strides[2];
  };
  Descriptor descriptor();
  /// Whether nothing was written beside the matrix.
  bool isBorderIntact() const;

private:
  int64_t offset, stride;
  std::vector<float> storage;
};

/// Functions whose arguments are memref<?x?xf32, strided<[?, 1], offset: ?>>.
class HostCode {
public:
  /// Compiles a module. Functions need the attribute `llvm.emit_c_interface`.
  static std::unique_ptr<HostCode> compile(StringRef source, Lowering lowering);
  void call(StringRef function, ArrayRef<Matrix *> arguments);

private:
  HostCode() = default;

  std::unique_ptr<MLIRContext> context;
  std::unique_ptr<ExecutionEngine> engine;
};

} // namespace mlir::attn

#endif // ATTN_TEST_UNIT_CONVERSION_HOSTCODE_H
