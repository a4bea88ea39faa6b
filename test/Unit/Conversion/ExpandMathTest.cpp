//===- ExpandMathTest.cpp - Errors of math functions -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostCode.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <limits>

using namespace mlir;
using namespace mlir::attn;

namespace {
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

std::string unaryModule(const std::string &function) {
  return R"mlir(
    #map = affine_map<(i, j) -> (i, j)>
    func.func @f(%x: memref<?x?xf32, strided<[?, 1], offset: ?>>,
                 %y: memref<?x?xf32, strided<[?, 1], offset: ?>>)
        attributes {llvm.emit_c_interface} {
      linalg.generic {indexing_maps = [#map, #map],
                      iterator_types = ["parallel", "parallel"]}
          ins(%x : memref<?x?xf32, strided<[?, 1], offset: ?>>)
          outs(%y : memref<?x?xf32, strided<[?, 1], offset: ?>>) {
      ^bb0(%a: f32, %b: f32):
        %r = )mlir" +
         function + R"mlir( %a : f32
        linalg.yield %r : f32
      }
      return
    })mlir";
}

struct Function {
  const char *name;
  double (*exact)(double);
  double ulps;
};

class MathTest : public testing::TestWithParam<Function> {
protected:
  void SetUp() override {
    code = HostCode::compile(unaryModule(GetParam().name), Lowering::Vectors);
    ASSERT_TRUE(code);
  }

  std::vector<float> evaluate(const std::vector<float> &inputs) {
    Matrix x(1, inputs.size()), y(1, inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i)
      x.at(0, i) = inputs[i];
    code->call("f", {&x, &y});
    return std::vector<float>(&y.at(0, 0), &y.at(0, 0) + inputs.size());
  }

  std::unique_ptr<HostCode> code;
};

/// The error of `result` in units in the last place of the exact value.
double ulpError(float result, double exact) {
  float rounded = float(exact);
  double unit = double(std::nextafter(std::fabs(rounded), infinity)) -
                std::fabs(double(rounded));
  return std::fabs(double(result) - exact) / unit;
}

/// Every float whose bits are a multiple of an odd number: all exponents, both
/// signs, many mantissas.
std::vector<float> sweep() {
  std::vector<float> inputs;
  for (uint64_t bits = 0; bits <= 0xFFFFFFFFu; bits += 2011) {
    uint32_t word = uint32_t(bits);
    float value;
    std::memcpy(&value, &word, sizeof(value));
    if (std::isfinite(value))
      inputs.push_back(value);
  }
  return inputs;
}

TEST_P(MathTest, StaysWithinItsBound) {
  std::vector<float> inputs = sweep();
  std::vector<float> results = evaluate(inputs);
  double worst = 0;
  float worstInput = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    double exact = GetParam().exact(double(inputs[i]));
    if (std::isnan(exact)) {
      ASSERT_TRUE(std::isnan(results[i])) << inputs[i];
      continue;
    }
    constexpr double tiny = 0x1p-125;
    if (std::fabs(exact) < tiny && std::fabs(inputs[i]) > tiny) {
      ASSERT_LE(std::fabs(results[i]), tiny) << inputs[i];
      continue;
    }
    // The last float before overflow may already be infinite.
    if (std::fabs(exact) > 3.402e38) {
      ASSERT_GE(std::fabs(results[i]), 3.402e38) << inputs[i];
      continue;
    }
    double error = ulpError(results[i], exact);
    ASSERT_FALSE(std::isnan(error)) << inputs[i];
    if (error > worst) {
      worst = error;
      worstInput = inputs[i];
    }
  }
  EXPECT_LE(worst, GetParam().ulps) << "at " << worstInput;
}

TEST_P(MathTest, KeepsSpecialValues) {
  std::vector<float> inputs = {-infinity, infinity, 0.0f, -0.0f};
  std::vector<float> results = evaluate(inputs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    float exact = float(GetParam().exact(inputs[i]));
    if (std::isnan(exact))
      EXPECT_TRUE(std::isnan(results[i])) << inputs[i];
    else
      EXPECT_EQ(results[i], exact) << inputs[i];
  }
}

TEST_P(MathTest, NeverMakesANumberOfNaN) {
  std::vector<float> inputs;
  for (uint32_t payload = 1; payload < 0x800000; payload += 997) {
    for (uint32_t sign : {0u, 0x80000000u}) {
      uint32_t word = sign | 0x7F800000u | payload;
      float value;
      std::memcpy(&value, &word, sizeof(value));
      inputs.push_back(value);
    }
  }
  inputs.push_back(nan);
  for (float result : evaluate(inputs))
    ASSERT_TRUE(std::isnan(result));
}

INSTANTIATE_TEST_SUITE_P(Functions, MathTest,
                         testing::Values(Function{"math.exp2", std::exp2, 3.0},
                                         Function{"math.exp", std::exp, 2.0},
                                         Function{"math.tanh", std::tanh, 2.0},
                                         Function{"math.log", std::log, 2.0},
                                         Function{"math.log2", std::log2, 2.0}),
                         [](const testing::TestParamInfo<Function> &info) {
                           return std::string(info.param.name).substr(5);
                         });
} // namespace
