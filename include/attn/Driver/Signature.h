//===- Signature.h - What public functions take and give -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DRIVER_SIGNATURE_H
#define ATTN_DRIVER_SIGNATURE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::attn {

/// One argument or result of a function as written.
struct SignatureValue {
  std::string name;
  Type elementType;
  /// Sizes, -1 for dynamic; none for a scalar.
  SmallVector<int64_t> sizes;
  /// Names of the sizes (B, H, Hkv, M, N, D, Dv), empty where none is known.
  SmallVector<std::string> dims;
  /// Standard deviation of random floats: `attn.spread` of the argument.
  double spread = 2.0;
};

/// A public function as written.
struct FunctionSignature {
  std::string name;
  SmallVector<SignatureValue> inputs, outputs;
};

/// The signature of a public function. Sizes are named by `attn.dims`, an array
/// of strings on the argument, or after the attention op that takes it.
FunctionSignature getSignature(func::FuncOp func);

/// The public functions of a module as written.
SmallVector<func::FuncOp> getPublicFunctions(ModuleOp module);

/// The signatures as a JSON array: name, and per argument name, whether it is an
/// output, element type, and sizes (-1 for dynamic).
std::string getSignatureJSON(ModuleOp module);

/// `tensor<2x?xf32>` or `f32`, for messages.
std::string describe(const SignatureValue &value);

} // namespace mlir::attn

#endif // ATTN_DRIVER_SIGNATURE_H
