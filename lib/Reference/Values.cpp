//===- Values.cpp - Elements of reference values ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Values.h"

#include "AttentionOps.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

SmallVector<int64_t> reference::stridesOf(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t dim = static_cast<int64_t>(shape.size()) - 2; dim >= 0; --dim)
    strides[dim] = strides[dim + 1] * shape[dim + 1];
  return strides;
}

bool reference::nextPosition(SmallVectorImpl<int64_t> &position,
                             ArrayRef<int64_t> shape) {
  for (int64_t dim = static_cast<int64_t>(shape.size()) - 1; dim >= 0; --dim) {
    if (++position[dim] < shape[dim])
      return true;
    position[dim] = 0;
  }
  return false;
}

Scalar reference::loadElement(const ReferenceResult &tensor,
                              ArrayRef<int64_t> indices) {
  int64_t offset = 0;
  for (auto [size, index] : llvm::zip_equal(tensor.value.getShape(), indices)) {
    if (index < 0 || index >= size)
      return {};
    offset = offset * size + index;
  }
  return elementAt(tensor, offset);
}

Scalar reference::loadElement(const ReferenceResult &tensor,
                              ArrayRef<Scalar> indices) {
  SmallVector<int64_t, 4> position;
  bool sure = true;
  for (const Scalar &index : indices) {
    position.push_back(index.integer);
    sure &= index.isExact();
  }
  Scalar element = loadElement(tensor, position);
  if (!sure)
    element.bound = std::numeric_limits<double>::infinity();
  return element;
}

double reference::flushingError(double lhs, double rhs) {
  constexpr double smallest = 0x1p-126;
  auto flushed = [](double value) { return value < smallest ? value : 0; };
  double a = std::fabs(lhs), b = std::fabs(rhs);
  return a * flushed(b) + b * flushed(a) + 2 * smallest;
}

Scalar reference::contract(Type element, Type type, ArrayRef<Scalar> lhs,
                           ArrayRef<Scalar> rhs) {
  FloatFormat stored = FloatFormat::get(type);
  double unit = std::min(stored.unit, std::ldexp(1.0, -24));
  double sum = 0, magnitude = 0, inherited = 0;
  for (auto [a, b] : llvm::zip_equal(lhs, rhs)) {
    sum += a.real * b.real;
    magnitude += std::fabs(a.real * b.real);
    if (element.getIntOrFloatBitWidth() == 16)
      inherited += flushingError(a.real, b.real);
    if (!a.isExact() || !b.isExact())
      inherited += std::fabs(a.real) * b.bound + std::fabs(b.real) * a.bound +
                   a.bound * b.bound;
  }
  if (!std::isfinite(sum))
    return boundedReal(type, sum, inherited);
  return boundedReal(type, sum,
                     inherited + (lhs.size() + 2) * unit * magnitude +
                         stored.rounding(sum));
}
