//===- AttendArguments.h - What a kernel takes from its host ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_ARGUMENTS_ATTENDARGUMENTS_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_ARGUMENTS_ATTENDARGUMENTS_H

#include "DeviceMemory.h"

#include "attn/Dialect/Attn/IR/Attn.h"

#include "mlir/IR/IRMapping.h"

namespace mlir::attn {

struct KernelBuilder;

/// An operand of an attend op: strides by dimension of the op's iteration
/// space, null where the operand lacks it.
struct AttendOperand {
  Value pointer;
  Value strides[AttendOp::NumDims];
  Value map; ///< By which TMA reads it (TensorMaps.h), where it does.

  explicit operator bool() const { return pointer != nullptr; }

  /// `from`, a place in the operand, moved on by indices of dimensions; those
  /// that the operand lacks do not count.
  Value move(KernelBuilder &k, Type element, Value from,
             ArrayRef<std::pair<unsigned, Value>> indices) const;
};

/// The values that a kernel works on: those of the host until `bind`, then what
/// the kernel knows them by.
struct AttendArguments {
  AttendOperand query, key, value, output, lse, weights, sink, featureWeight;
  /// B, Hkv, G, M, N: i64.
  SmallVector<Value> sizes;
  SmallVector<DeviceValue> captures;
  /// What the mask's classifier reads, TileClassifier::getPrepassValues.
  SmallVector<DeviceValue> tables;
  /// Where several blocks share the keys of a tile of queries: how many (i64),
  /// and memory for what each of them sums up (PartialSums).
  Value splits, partials;

  /// Host values that are no constants, each once: the operands of a launch.
  SmallVector<Value> getLaunchOperands();
  /// Replaces every value by the kernel's: `parameters` stand for the launch
  /// operands; constants are made anew.
  void bind(OpBuilder &builder, ValueRange parameters);

private:
  void forEach(function_ref<void(Value &)> visit);
};

/// Describes the operands of `op` in host code at the builder, and requires of
/// the caller what kernels need: rows that copies of 16 bytes can read, sizes
/// that 32 bits count. Fails, with the reason, where an operand is no memory of
/// the function's arguments.
FailureOr<AttendArguments> describeArguments(OpBuilder &builder, AttendOp op);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_ARGUMENTS_ATTENDARGUMENTS_H
