//===- LaneReducer.h - Emits sums along vector lanes ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_LANEREDUCER_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_LANEREDUCER_H

#include "LaneOutputs.h"
#include "LaneReduction.h"

#include "attn/Target/CPU/TargetSpec.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::attn {

/// Blocks of outputs, each a sum along lanes.
class LaneReducer {
public:
  LaneReducer(OpBuilder &builder, linalg::GenericOp op,
              const TargetSpec &target, Value initial);

  void emit();

private:
  using Accumulators = SmallVector<Value>;

  void forEach(Value from, Value to, int64_t step,
               function_ref<void(Value)> body);
  void emitRow(Value outer, int64_t outers);
  bool isFlat();
  int64_t rowsOfRun();
  void emitFlat();
  void emitRun(Value outer, int64_t outers);
  void emitBlock(const OutputBlock &block);
  Accumulators sumVectors(const OutputBlock &block);
  Accumulators sumRowByRow(const OutputBlock &block);
  /// `addHalves` or `addStep`, of all lanes.
  Accumulators addWhole(const OutputBlock &block, Value position,
                        ValueRange accumulators) {
    return halves ? addHalves(block, position, accumulators)
                  : addStep(block, position, Value(), accumulators);
  }
  Accumulators addStep(const OutputBlock &block, Value position, Value mask,
                       ValueRange accumulators);
  Accumulators addTerms(const OutputBlock &block,
                        function_ref<Value(OpOperand &, ArrayRef<Value>)> load,
                        Value position, Value mask, ValueRange accumulators);
  bool takesHalves();
  Accumulators addHalves(const OutputBlock &block, Value position,
                         ValueRange accumulators);
  /// What a step of the loop takes in.
  int64_t lanesPerStep() const { return halves || dots ? 2 * width : width; }
  SmallVector<Value> indicesOf(OpOperand &input, ArrayRef<Value> position);
  Value load(OpOperand &input, ArrayRef<Value> position, Value mask);
  void prefetch(OpOperand &streamed, const OutputBlock &block, Value position);

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  Value offset(Value base, int64_t by) {
    return by ? arith::AddIOp::create(builder, loc, base, index(by)) : base;
  }
  int64_t staticSize(unsigned dim) { return getLoopSize(op, dim); }
  bool isUnrolled(const OutputBlock &block);
  Value opaqueZero();

  OpBuilder &builder;
  linalg::GenericOp op;
  Location loc;
  Value initial;
  VectorType type;
  int64_t width;
  unsigned sumDim, innerDim;
  std::optional<unsigned> outerDim;
  SmallVector<Value> sizes;
  /// Of the tallest block: as many as outputs share a load of the other side.
  int64_t columns;
  /// Where terms begin, null for zero.
  Value start;
  /// Whether an instruction multiplies and adds pairs of lanes.
  bool dots;
  /// Whether rows, each of few outputs, come from memory one after the other.
  bool inOrder;
  /// Whether a step takes the even and then the odd ones of twice as many
  /// lanes: bf16 are extended so without a shuffle.
  bool halves;
  /// Where inputs of f32 lie in that order.
  DenseMap<OpOperand *, Value> separated;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_LANEREDUCER_H
