//===- ReferenceTest.h - Evaluates functions given as text ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_REFERENCE_REFERENCETEST_H
#define ATTN_TEST_UNIT_REFERENCE_REFERENCETEST_H

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Reference/Evaluator.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <limits>

namespace mlir::attn::reference {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double quietNaN = std::numeric_limits<double>::quiet_NaN();

/// Parses modules and evaluates their function @f.
class ReferenceTest : public ::testing::Test {
protected:
  ReferenceTest() {
    context.loadDialect<AttnDialect, arith::ArithDialect, func::FuncDialect,
                        linalg::LinalgDialect, math::MathDialect,
                        scf::SCFDialect, tensor::TensorDialect,
                        vector::VectorDialect>();
  }

  Type f32() { return Float32Type::get(&context); }
  Tensor floats(ArrayRef<int64_t> shape, std::vector<double> values) {
    return Tensor::ofFloats(Float32Type::get(&context), shape,
                            std::move(values));
  }
  Tensor integers(unsigned width, ArrayRef<int64_t> shape,
                  std::vector<int64_t> values) {
    return Tensor::ofIntegers(IntegerType::get(&context, width), shape,
                              std::move(values));
  }
  Tensor index(int64_t value) {
    return Tensor::ofIntegers(IndexType::get(&context), {}, {value});
  }

  /// The results of @f, or none with `error` set.
  SmallVector<ReferenceResult> run(StringRef text, ArrayRef<Tensor> arguments) {
    error.clear();
    module = parseSourceString<ModuleOp>(text, &context);
    if (!module) {
      ADD_FAILURE() << "does not parse";
      return {};
    }
    auto function = module->lookupSymbol<func::FuncOp>("f");
    llvm::Expected<SmallVector<ReferenceResult>> results =
        evaluate(function, arguments);
    if (results)
      return std::move(*results);
    error = llvm::toString(results.takeError());
    return {};
  }

  /// The floats of the first result.
  std::vector<double> values(StringRef text, ArrayRef<Tensor> arguments) {
    SmallVector<ReferenceResult> results = run(text, arguments);
    EXPECT_EQ(error, "");
    return results.empty() ? std::vector<double>{} : results[0].value.floats;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::string error;
};

/// Matches a float up to the fp64 rounding of a short computation.
inline auto near(double value) {
  return ::testing::NanSensitiveDoubleNear(value, 1e-12);
}

/// Matches floats one by one.
inline auto nearAll(std::vector<double> expected) {
  return ::testing::Pointwise(::testing::NanSensitiveDoubleNear(1e-12),
                              std::move(expected));
}

} // namespace mlir::attn::reference

#endif // ATTN_TEST_UNIT_REFERENCE_REFERENCETEST_H
