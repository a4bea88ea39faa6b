//===- MergeParts.h - Results of parts of the keys, merged -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_PLANS_MERGEPARTS_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_PLANS_MERGEPARTS_H

#include "attn/Dialect/Attn/IR/Attn.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::attn {

/// Merges the results of an op on disjoint parts of its keys through their LSE,
/// as `attn.merge` means it: weights 2^((lse - max) * log2(e)), sinks as one
/// more part without value.
class PartMerger {
public:
  /// `outputs` is (b, hkv, part, g, i, e), `lse` (b, hkv, part, g, i), both in
  /// the accumulator type.
  PartMerger(OpBuilder &builder, AttendOp op, Value outputs, Value lse);

  /// A value for every result of the op.
  SmallVector<Value> run();

private:
  /// Loops over (b, hkv, g, i, e, part), those that are asked for.
  enum Dim { B, Hkv, G, I, E, Part, NumDims };
  using Dims = ArrayRef<unsigned>;
  using Body = function_ref<SmallVector<Value>(OpBuilder &, ValueRange)>;
  SmallVector<Value> loop(Dims loops, ValueRange inputs,
                          ArrayRef<SmallVector<unsigned>> inputDims,
                          ValueRange inits,
                          ArrayRef<SmallVector<unsigned>> initDims, Body body);
  /// The dimensions of an operand of the op as those of loops.
  SmallVector<unsigned> dimsOf(AffineMap map);
  /// `tensor`, of dimensions `dims`, without those that `kept` lacks: their
  /// size is 1.
  Value drop(Value tensor, SmallVector<unsigned> &dims, Dims kept);
  Value filled(Dims dims, double value);
  Value constant(OpBuilder &b, double value);
  Value exponential(OpBuilder &b, Value lse, Value maximum);
  Value widen(OpBuilder &b, Value value);

  Value emitMaximum();
  std::pair<Value, Value> emitWeights(Value maximum);
  Value emitOutput(Value weights, Value sum);
  Value emitLse(Value maximum, Value sum);

  OpBuilder &builder;
  AttendOp op;
  Location loc;
  Value outputs, lse;
  Type accumulator;
};

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_PLANS_MERGEPARTS_H
