//===- KernelPlan.cpp - Tiles, registers and shared memory of a kernel -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelPlan.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

/// Registers of a thread for all but fragments: addresses, running maximum and
/// sum, indices. Found by ptxas on the kernels of test/Target/NVPTX.
static constexpr int64_t otherRegisters = 64;

int64_t KernelPlan::keyBase() const {
  return std::max(query.bytes(), output.bytes());
}

int64_t KernelPlan::valueBase() const { return keyBase() + 2 * key.bytes(); }

int64_t KernelPlan::sharedBytes() const {
  return valueBase() + 2 * value.bytes();
}

/// The size of the last dimension of an operand.
static int64_t featuresOf(Value operand) {
  return cast<ShapedType>(operand.getType()).getShape().back();
}

FailureOr<KernelPlan> KernelPlan::get(const GPUSpec &spec, AttendOp op) {
  int64_t features = featuresOf(op.getQuery());
  int64_t valueFeatures = featuresOf(op.getValue());
  static constexpr int64_t candidates[][2] = {
      {128, 64}, {128, 32}, {64, 64}, {64, 32}, {64, 16}};
  for (auto [queries, keys] : candidates) {
    KernelPlan plan;
    plan.queries = queries;
    plan.keys = keys;
    plan.query = SharedLayout::get(queries, features);
    plan.key = SharedLayout::get(keys, features);
    plan.value = SharedLayout::get(keys, valueFeatures);
    plan.output = SharedLayout::get(queries, valueFeatures);
    // 16 rows over 32 lanes: f32 sums and scores take half a register per
    // column, queries and weights in 16 bits a quarter.
    int64_t registers = plan.value.chunks * 4 + keys / 2 + keys / 4 +
                        otherRegisters;
    int64_t queryRegisters = plan.query.chunks * 2;
    plan.keepQueries = registers + queryRegisters <= int64_t(spec.registers);
    if (registers <= int64_t(spec.registers) &&
        plan.sharedBytes() <= int64_t(spec.sharedBytes))
      return plan;
  }
  return op.emitOpError("has head sizes ")
         << features << " and " << valueFeatures << "; no tile of queries and "
         << "keys of these fits the registers and the shared memory of "
         << spec.chip;
}
