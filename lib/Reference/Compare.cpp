//===- Compare.cpp - A compiled result against the reference ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

static constexpr double infinity = std::numeric_limits<double>::infinity();

namespace {
/// Compares element by element.
class Comparer {
public:
  Comparer(const ReferenceResult &expected, const Tensor &actual)
      : expected(expected), actual(actual) {}

  Comparison run();

private:
  /// |actual - expected| / bound of finite numbers.
  static double ratioOf(double difference, double bound) {
    return difference == 0 ? 0 : difference / bound;
  }
  double compareFloat(double reference, double result, double bound);
  void record(int64_t index, double reference, double result, double bound,
              double ratio);

  const ReferenceResult &expected;
  const Tensor &actual;
  Comparison comparison;
  double largest = 0, largestDifference = 0, largestBound = 0;
};
} // namespace

double Comparer::compareFloat(double reference, double result, double bound) {
  if (std::isnan(reference) || std::isnan(result)) {
    bool agree = std::isnan(reference) == std::isnan(result);
    comparison.mismatchedNaN += !agree;
    return agree ? 0 : infinity;
  }
  if (std::isinf(reference) || std::isinf(result)) {
    // A value beyond the range of its type is stored as an infinity.
    double reached = reference + std::copysign(bound, reference);
    bool agree = reference == result ||
                 (std::isinf(result) &&
                  roundToType(actual.getElementType(), reached) == result);
    comparison.mismatchedInfinity += !agree;
    return agree ? 0 : infinity;
  }
  double difference = std::fabs(reference - result);
  largest = std::max(largest, std::fabs(reference));
  largestDifference = std::max(largestDifference, difference);
  largestBound = std::max(largestBound, bound);
  return ratioOf(difference, bound);
}

void Comparer::record(int64_t index, double reference, double result,
                      double bound, double ratio) {
  if (!comparison.worstIndex.empty() && ratio <= comparison.worstRatio)
    return;
  comparison.worstRatio = ratio;
  comparison.expected = reference;
  comparison.actual = result;
  comparison.bound = bound;
  comparison.worstIndex.clear();
  for (int64_t stride : stridesOf(actual.getShape())) {
    comparison.worstIndex.push_back(index / stride);
    index %= stride;
  }
}

Comparison Comparer::run() {
  comparison.elements = actual.size();
  for (int64_t index = 0; index < comparison.elements; ++index) {
    double bound = expected.boundAt(index);
    if (std::isinf(bound)) {
      ++comparison.unchecked;
      continue;
    }
    if (actual.isFloat()) {
      double reference = expected.value.floats[index];
      double result = actual.floats[index];
      record(index, reference, result, bound,
             compareFloat(reference, result, bound));
      continue;
    }
    int64_t reference = expected.value.integers[index];
    int64_t result = actual.integers[index];
    double difference = std::fabs(static_cast<double>(reference) - result);
    record(index, reference, result, bound, ratioOf(difference, bound));
  }
  if (largest > 0) {
    comparison.relativeError = largestDifference / largest;
    comparison.relativeBound = largestBound / largest;
  } else if (largestDifference > 0) {
    comparison.relativeError = infinity;
  }
  return comparison;
}

llvm::Expected<Comparison> reference::compare(const ReferenceResult &expected,
                                              const Tensor &actual) {
  if (expected.value.getElementType() != actual.getElementType() ||
      expected.value.getShape() != actual.getShape())
    return llvm::createStringError(
        llvm::formatv("the reference is {0}, the result is {1}",
                      expected.value.describe(), actual.describe())
            .str());
  return Comparer(expected, actual).run();
}

std::string Comparison::describe() const {
  std::string text = passed() ? "passed" : "failed";
  if (elements == unchecked)
    text += ": no element to check";
  else
    text +=
        llvm::formatv(": relative error {0:e2}, bound {1:e2}; worst element "
                      "[{2}]: expected {3:e6}, got {4:e6}, {5:f3} of its "
                      "bound {6:e2}",
                      relativeError, relativeBound,
                      llvm::make_range(worstIndex.begin(), worstIndex.end()),
                      expected, actual, worstRatio, bound);
  if (mismatchedNaN)
    text += llvm::formatv("; NaN differs in {0} elements", mismatchedNaN);
  if (mismatchedInfinity)
    text +=
        llvm::formatv("; infinity differs in {0} elements", mismatchedInfinity);
  if (unchecked)
    text += llvm::formatv("; {0} of {1} elements cannot be checked", unchecked,
                          elements);
  return text;
}
