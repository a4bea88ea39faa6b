//===- KernelPlan.cpp - Tiles, registers and shared memory of a kernel -*- C++
//-*-===//
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
static constexpr int64_t otherRegisters = 104;

/// More for f32: parts in tf32 of what is multiplied next.
static constexpr int64_t partRegisters = 72;

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

/// A plan for tiles of these sizes, and the registers of a thread.
static std::pair<KernelPlan, int64_t> makePlan(int64_t queries, int64_t keys,
                                               int64_t features,
                                               int64_t partColumns,
                                               int64_t bytes) {
  KernelPlan plan;
  plan.queries = queries;
  plan.keys = keys;
  plan.query = SharedLayout::get(queries, features, bytes);
  plan.key = SharedLayout::get(keys, features, bytes);
  plan.value = SharedLayout::get(keys, partColumns, bytes);
  plan.output = SharedLayout::getForFragments(queries, partColumns, bytes);
  // 16 rows over 32 lanes: f32 sums and scores take half a register per
  // column, queries and weights in 16 bits a quarter.
  int64_t registers = plan.value.columns / 2 + keys / 2 + keys / 4 +
                      otherRegisters + (bytes == 4 ? partRegisters : 0);
  return {plan, registers};
}

FailureOr<KernelPlan> KernelPlan::get(const GPUSpec &spec, AttendOp op) {
  int64_t features = featuresOf(op.getQuery());
  int64_t valueFeatures = featuresOf(op.getValue());
  int64_t bytes =
      getElementTypeOrSelf(op.getQuery().getType()).getIntOrFloatBitWidth() / 8;
  static constexpr int64_t candidates[][2] = {{128, 64}, {128, 32}, {64, 64},
                                              {64, 32},  {64, 16},  {32, 16}};
  // Half of the columns at a time, where the sums of all are too many: scores
  // are then computed twice.
  for (int64_t parts : {1, 2})
    for (auto [queries, keys] : candidates) {
      if (valueFeatures % (8 * parts))
        continue;
      auto [plan, registers] =
          makePlan(queries, keys, features, valueFeatures / parts, bytes);
      plan.parts = parts;
      plan.keepQueries = bytes == 2 && registers + plan.query.columns / 4 <=
                                           int64_t(spec.registers);
      if (registers <= int64_t(spec.registers) &&
          plan.sharedBytes() <= int64_t(spec.sharedBytes))
        return plan;
    }
  return op.emitOpError("has head sizes ")
         << features << " and " << valueFeatures << "; no tile of queries and "
         << "keys of these fits the registers and the shared memory of "
         << spec.name;
}
