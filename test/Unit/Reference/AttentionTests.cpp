//===- AttentionTests.cpp - Attention ops against known values --*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceTest.h"

using namespace mlir;
using namespace mlir::attn::reference;
using testing::ElementsAre;

namespace {
class AttentionTest : public ReferenceTest {
protected:
  /// One query (1) and keys 0 and log 3 at scale 1: weights 1/4 and 3/4.
  SmallVector<Tensor> quarters(std::vector<double> values) {
    auto f64 = Float64Type::get(&context);
    return {Tensor::ofFloats(f64, {1, 1}, {1}),
            Tensor::ofFloats(f64, {2, 1}, {0, std::log(3)}),
            Tensor::ofFloats(f64, {2, 1}, std::move(values))};
  }
};

constexpr StringLiteral quartersText = R"(
  func.func @f(%q: tensor<?x?xf64>, %k: tensor<?x?xf64>, %v: tensor<?x?xf64>)
      -> (tensor<?x?xf64>, tensor<?xf64>, tensor<?x?xf64>) {
    %o, %l, %w = attn.dot_product %q, %k, %v
      : tensor<?x?xf64>, tensor<?x?xf64>, tensor<?x?xf64>
      -> tensor<?x?xf64> lse(tensor<?xf64>) weights(tensor<?x?xf64>)
    return %o, %l, %w : tensor<?x?xf64>, tensor<?xf64>, tensor<?x?xf64>
  })";

TEST_F(AttentionTest, attention_m6_m7_m9) {
  auto results = run(quartersText, quarters({4, 8}));
  ASSERT_EQ(error, "");
  EXPECT_THAT(results[0].value.floats, ElementsAre(near(7)));
  EXPECT_THAT(results[1].value.floats, ElementsAre(near(std::log(4))));
  EXPECT_THAT(results[2].value.floats, ElementsAre(near(0.25), near(0.75)));
}

TEST_F(AttentionTest, scaled_dot_product_m2) {
  StringRef text = R"(
    func.func @f(%q: tensor<1x4xf32>, %k: tensor<2x4xf32>) -> tensor<1xf32> {
      %o, %l = attn.scaled_dot_product %q, %k, %k
        : tensor<1x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>
        -> tensor<1x4xf32> lse(tensor<1xf32>)
      return %l : tensor<1xf32>
    })";
  // Scores 0.5 * 4 and 0.5 * -4.
  double expected = std::log(std::exp(2) + std::exp(-2));
  EXPECT_THAT(values(text, {floats({1, 4}, {1, 1, 1, 1}),
                            floats({2, 4}, {1, 1, 1, 1, -1, -1, -1, -1})}),
              ElementsAre(near(expected)));
}

TEST_F(AttentionTest, attention_m10_NaNThatCounts) {
  EXPECT_THAT(run(quartersText, quarters({quietNaN, 8}))[0].value.floats,
              nearAll({quietNaN}));
  EXPECT_THAT(run(quartersText, quarters({infinity, 8}))[0].value.floats,
              nearAll({infinity}));
  SmallVector<Tensor> arguments = quarters({4, 8});
  arguments[1].floats[0] = quietNaN;
  for (const ReferenceResult &result : run(quartersText, arguments)) {
    EXPECT_TRUE(std::isnan(result.value.floats[0]));
    EXPECT_EQ(result.boundAt(0), 0);
  }
}

TEST_F(AttentionTest, attention_m8_noKeys) {
  auto f64 = Float64Type::get(&context);
  auto results = run(quartersText, {Tensor::ofFloats(f64, {2, 3}, {1, 2, 3, 4, 5, 6}),
                                    Tensor(f64, {0, 3}), Tensor(f64, {0, 2})});
  ASSERT_EQ(error, "");
  EXPECT_THAT(results[0].value.getShape(), ElementsAre(2, 2));
  EXPECT_THAT(results[0].value.floats, ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(results[1].value.floats, ElementsAre(-infinity, -infinity));
  EXPECT_THAT(results[2].value.floats, ElementsAre());
}

TEST_F(AttentionTest, attention_m12_noFeatures) {
  auto f64 = Float64Type::get(&context);
  auto results = run(quartersText, {Tensor(f64, {1, 0}), Tensor(f64, {2, 0}),
                                    Tensor::ofFloats(f64, {2, 1}, {1, 3})});
  ASSERT_EQ(error, "");
  EXPECT_THAT(results[0].value.floats, ElementsAre(near(2)));
}

TEST_F(AttentionTest, attention_m4_nothingBehindAMask) {
  StringRef text = R"(
    func.func @f(%q: tensor<2x1xf32>, %k: tensor<2x1xf32>, %v: tensor<2x1xf32>)
        -> (tensor<2x1xf32>, tensor<2xf32>, tensor<2x2xf32>) {
      %m = attn.mask.causal
      %s = attn.score.map {
      ^bb0(%score: f32, %b: index, %h: index, %i: index, %j: index):
        // Divides by 0 on the masked pair (0, 1).
        %one = arith.constant 1 : index
        %d = arith.subi %i, %j : index
        %e = arith.addi %d, %one : index
        %x = arith.divsi %one, %e : index
        attn.yield %score : f32
      }
      %o, %l, %w = attn.dot_product %q, %k, %v mask(%m) score(%s)
        : tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>
        -> tensor<2x1xf32> lse(tensor<2xf32>) weights(tensor<2x2xf32>)
      return %o, %l, %w : tensor<2x1xf32>, tensor<2xf32>, tensor<2x2xf32>
    })";
  auto results = run(text, {floats({2, 1}, {1, 1}), floats({2, 1}, {0, quietNaN}),
                            floats({2, 1}, {5, infinity})});
  ASSERT_EQ(error, "");
  EXPECT_THAT(results[0].value.floats, nearAll({5, quietNaN}));
  EXPECT_THAT(results[1].value.floats, nearAll({0, quietNaN}));
  EXPECT_THAT(results[2].value.floats, nearAll({1, 0, quietNaN, quietNaN}));
  EXPECT_LT(results[0].boundAt(0), 5e-5);
}

constexpr StringLiteral biasText = R"(
  func.func @f(%q: tensor<1x1xf32>, %k: tensor<2x1xf32>, %v: tensor<2x1xf32>,
               %bias: tensor<1x2xf32>) -> (tensor<1x1xf32>, tensor<1xf32>) {
    %s = attn.score.bias %bias : tensor<1x2xf32>
    %o, %l = attn.dot_product %q, %k, %v score(%s)
      : tensor<1x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>
      -> tensor<1x1xf32> lse(tensor<1xf32>)
    return %o, %l : tensor<1x1xf32>, tensor<1xf32>
  })";

TEST_F(AttentionTest, attention_m5_scoreOfMinusInfinity) {
  SmallVector<Tensor> arguments{floats({1, 1}, {1}), floats({2, 1}, {0.1, 0.2}),
                                floats({2, 1}, {quietNaN, 3}),
                                floats({1, 2}, {-infinity, 0.5})};
  auto results = run(biasText, arguments);
  ASSERT_EQ(error, "");
  EXPECT_THAT(results[0].value.floats, ElementsAre(near(3)));
  EXPECT_LT(results[0].boundAt(0), 5e-5);
  arguments[3] = floats({1, 2}, {-infinity, -infinity});
  results = run(biasText, arguments);
  EXPECT_THAT(results[0].value.floats, ElementsAre(0));
  EXPECT_THAT(results[1].value.floats, ElementsAre(-infinity));
  EXPECT_EQ(results[1].boundAt(0), 0);
}

TEST_F(AttentionTest, attention_m10_scoreOfInfinity) {
  auto results = run(biasText, {floats({1, 1}, {1}), floats({2, 1}, {0, 0}),
                                floats({2, 1}, {1, 3}),
                                floats({1, 2}, {infinity, 0})});
  EXPECT_THAT(results[0].value.floats, nearAll({quietNaN}));
  EXPECT_THAT(results[1].value.floats, nearAll({quietNaN}));
}

TEST_F(AttentionTest, scaled_dot_product_m3) {
  StringRef text = R"(
    func.func @f(%q: tensor<2x1x1xf64>, %k: tensor<2x2x1xf64>,
                 %v: tensor<2x2x1xf64>, %sink: tensor<2xf64>, %n: index)
        -> (tensor<2x1x1xf64>, tensor<2x1xf64>, tensor<2x1x2xf64>) {
      %m = attn.mask.prefix %n : index
      %o, %l, %w = attn.dot_product %q, %k, %v mask(%m) sink(%sink : tensor<2xf64>)
        layout = "hmd"
        : tensor<2x1x1xf64>, tensor<2x2x1xf64>, tensor<2x2x1xf64>
        -> tensor<2x1x1xf64> lse(tensor<2x1xf64>) weights(tensor<2x1x2xf64>)
      return %o, %l, %w : tensor<2x1x1xf64>, tensor<2x1xf64>, tensor<2x1x2xf64>
    })";
  auto f64 = Float64Type::get(&context);
  SmallVector<Tensor> arguments{
      Tensor::ofFloats(f64, {2, 1, 1}, {0, 0}),
      Tensor::ofFloats(f64, {2, 2, 1}, {0, 0, 0, 0}),
      Tensor::ofFloats(f64, {2, 2, 1}, {4, 8, 4, 8}),
      Tensor::ofFloats(f64, {2}, {std::log(2), -infinity}), index(2)};
  auto results = run(text, arguments);
  ASSERT_EQ(error, "");
  EXPECT_THAT(results[0].value.floats, nearAll({3, 6}));
  EXPECT_THAT(results[1].value.floats, nearAll({std::log(4), std::log(2)}));
  EXPECT_THAT(results[2].value.floats, nearAll({0.25, 0.25, 0.5, 0.5}));
  arguments[4] = index(0);
  results = run(text, arguments);
  EXPECT_THAT(results[0].value.floats, ElementsAre(0, 0));
  EXPECT_THAT(results[1].value.floats, nearAll({std::log(2), -infinity}));
}

TEST_F(AttentionTest, attention_m2_groups) {
  // Values name their key/value head; four query heads over two.
  StringRef text = R"(
    func.func @f(%q: tensor<?x?x1x1xf32>, %k: tensor<?x?x1x1xf32>,
                 %v: tensor<?x?x1x1xf32>) -> tensor<?x?x1x1xf32> {
      %o = attn.scaled_dot_product %q, %k, %v : tensor<?x?x1x1xf32>,
        tensor<?x?x1x1xf32>, tensor<?x?x1x1xf32> -> tensor<?x?x1x1xf32>
      return %o : tensor<?x?x1x1xf32>
    })";
  EXPECT_THAT(values(text, {floats({1, 4, 1, 1}, {1, 2, 3, 4}),
                            floats({1, 2, 1, 1}, {1, 1}),
                            floats({1, 2, 1, 1}, {10, 20})}),
              nearAll({10, 10, 20, 20}));
  run(text, {floats({1, 3, 1, 1}, {1, 2, 3}), floats({1, 2, 1, 1}, {1, 1}),
             floats({1, 2, 1, 1}, {10, 20})});
  EXPECT_EQ(error, "'attn.scaled_dot_product' query has 3 heads, key has 2; query "
                   "heads must be a multiple of key heads");
}

TEST_F(AttentionTest, attention_m1_layouts) {
  // b counts both batch dimensions in row-major order; the mask keeps key b.
  StringRef text = R"(
    func.func @f(%q: tensor<2x1x2x1x1xf32>, %k: tensor<2x4x2x1x1xf32>,
                 %v: tensor<2x4x2x1x1xf32>) -> tensor<2x1x2x1x1xf32> {
      %m = attn.mask.predicate {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %keep = arith.cmpi eq, %b, %j : index
        attn.yield %keep : i1
      }
      %o = attn.scaled_dot_product %q, %k, %v mask(%m) layout = "xmyhd"
        : tensor<2x1x2x1x1xf32>, tensor<2x4x2x1x1xf32>, tensor<2x4x2x1x1xf32>
        -> tensor<2x1x2x1x1xf32>
      return %o : tensor<2x1x2x1x1xf32>
    })";
  std::vector<double> positions(16);
  for (unsigned at = 0; at < 16; ++at)
    positions[at] = at;
  // Element (x, m = b, y) with b = 2x + y is at 8x + 2b + y.
  EXPECT_THAT(values(text, {floats({2, 1, 2, 1, 1}, {0, 0, 0, 0}),
                            floats({2, 4, 2, 1, 1}, positions),
                            floats({2, 4, 2, 1, 1}, positions)}),
              nearAll({0, 3, 12, 15}));
}

TEST_F(AttentionTest, runtimeSizesAreChecked) {
  auto f64 = Float64Type::get(&context);
  run(quartersText, {Tensor(f64, {1, 3}), Tensor(f64, {2, 4}), Tensor(f64, {2, 1})});
  EXPECT_EQ(error, "'attn.dot_product' query has head size 3, key has 4; they must "
                   "be equal");
  run(quartersText, {Tensor(f64, {1, 3}), Tensor(f64, {2, 3}), Tensor(f64, {3, 1})});
  EXPECT_EQ(error, "'attn.dot_product' key has length 2, value has 3; they must be "
                   "equal");
  run(quartersText, {Tensor(f64, {1, 3}), Tensor(f64, {2, 3})});
  EXPECT_EQ(error, "'func.func' @f takes 3 arguments, 2 are given");
  run(quartersText, {floats({1, 1}, {0}), Tensor(f64, {2, 3}), Tensor(f64, {3, 1})});
  EXPECT_EQ(error, "'func.func' @f takes tensor<?x?xf64> as argument 0, "
                   "tensor<1x1xf32> is given");
}
} // namespace
