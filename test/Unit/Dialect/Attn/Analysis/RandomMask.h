//===- RandomMask.h - Random predicates and captured data -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_DIALECT_ATTN_ANALYSIS_RANDOMMASK_H
#define ATTN_TEST_UNIT_DIALECT_ATTN_ANALYSIS_RANDOMMASK_H

#include "ClassificationHarness.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <random>

namespace mlir::attn::test {

/// One random predicate, as @predicate of a module, with data and sizes. The
/// same seed gives the same.
class RandomMask {
public:
  RandomMask(MLIRContext &context, uint64_t seed);

  OwningOpRef<ModuleOp> module;
  std::vector<Datum> captures;
  Sizes sizes;

private:
  int64_t pick(int64_t first, int64_t last);
  bool chance(unsigned percent) { return pick(1, 100) <= percent; }
  Datum randomTable(std::vector<int64_t> shape, Type element);
  int64_t randomElement(Type element, bool wild);
  void makeCaptures();

  Value integer(Type type, unsigned depth);
  Value integerLeaf(Type type);
  Value integerOp(Type type, unsigned depth);
  Value divide(Type type, unsigned depth);
  Value convert(Value value, Type type);
  Value load(Type type, unsigned depth);
  Value boolean(unsigned depth);
  Value booleanOp(unsigned depth);
  Value constant(Type type, int64_t value);
  Type anyType();

  std::mt19937_64 random;
  ImplicitLocOpBuilder b;
  Block *entry = nullptr;
};

} // namespace mlir::attn::test

#endif // ATTN_TEST_UNIT_DIALECT_ATTN_ANALYSIS_RANDOMMASK_H
