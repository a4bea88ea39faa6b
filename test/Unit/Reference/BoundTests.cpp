//===- BoundTests.cpp - What the error bounds let through -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `tolerance_m1`: an f32 attention with online softmax is within its bounds on
// narrow and on wide-range inputs; planted mistakes are far outside.
//
//===----------------------------------------------------------------------===//

#include "ReferenceTest.h"

#include <random>

using namespace mlir;
using namespace mlir::attn::reference;
using testing::HasSubstr;

namespace {
/// What may go wrong in the f32 attention below.
enum class Mistake {
  None,
  CausalOffByOne,
  MissingRescale,
  WrongHead,
  MissingScale,
  WeightsInBF16,
};

struct Sizes {
  int64_t heads = 4, keyHeads = 2, queries = 37, keys = 53, features = 16;
};

/// Tiled attention in f32 with a running maximum, under a bottom-right causal
/// mask: what a compiled function does.
class FloatAttention {
public:
  FloatAttention(Sizes sizes, ArrayRef<double> q, ArrayRef<double> k,
                 ArrayRef<double> v, Mistake mistake)
      : sizes(sizes), q(q), k(k), v(v), mistake(mistake) {}

  std::vector<double> run() {
    std::vector<double> output;
    for (int64_t h = 0; h < sizes.heads; ++h)
      for (int64_t i = 0; i < sizes.queries; ++i)
        runRow(h, i, output);
    return output;
  }

private:
  void runRow(int64_t h, int64_t i, std::vector<double> &output) {
    maximum = -std::numeric_limits<float>::infinity();
    sum = 0;
    accumulator.assign(sizes.features, 0);
    for (int64_t begin = 0; begin < sizes.keys; begin += 8)
      addTile(h, i, begin, std::min(begin + 8, sizes.keys));
    for (float value : accumulator)
      output.push_back(value / sum);
  }

  void addTile(int64_t h, int64_t i, int64_t begin, int64_t end) {
    int64_t last = i + sizes.keys - sizes.queries;
    if (mistake == Mistake::CausalOffByOne)
      --last;
    int64_t group = sizes.heads / sizes.keyHeads;
    int64_t hkv =
        mistake == Mistake::WrongHead ? h % sizes.keyHeads : h / group;
    const double *query = &q[(h * sizes.queries + i) * sizes.features];
    float scale = mistake == Mistake::MissingScale
                      ? 1
                      : 1 / std::sqrt(static_cast<float>(sizes.features));
    std::vector<float> scores;
    float next = maximum;
    for (int64_t j = begin; j < std::min(end, last + 1); ++j) {
      const double *key = &k[(hkv * sizes.keys + j) * sizes.features];
      float score = 0;
      for (int64_t d = 0; d < sizes.features; ++d)
        score = std::fma(static_cast<float>(query[d]),
                         static_cast<float>(key[d]), score);
      scores.push_back(score * scale);
      next = std::max(next, scores.back());
    }
    if (scores.empty())
      return;
    float rescale =
        mistake == Mistake::MissingRescale ? 1 : std::exp(maximum - next);
    maximum = next;
    sum *= rescale;
    for (float &value : accumulator)
      value *= rescale;
    for (auto [offset, score] : llvm::enumerate(scores)) {
      float weight = std::exp(score - maximum);
      if (mistake == Mistake::WeightsInBF16)
        weight = truncateToBF16(weight);
      sum += weight;
      int64_t j = begin + offset;
      const double *value = &v[(hkv * sizes.keys + j) * sizes.features];
      for (int64_t d = 0; d < sizes.features; ++d)
        accumulator[d] =
            std::fma(weight, static_cast<float>(value[d]), accumulator[d]);
    }
  }

  static float truncateToBF16(float value) {
    int exponent;
    float fraction = std::frexp(value, &exponent);
    return std::ldexp(std::nearbyint(fraction * 256) / 256, exponent);
  }

  Sizes sizes;
  ArrayRef<double> q, k, v;
  Mistake mistake;
  float maximum = 0, sum = 0;
  std::vector<float> accumulator;
};

class BoundTest : public ReferenceTest {
protected:
  /// Runs the reference on random inputs and compares the f32 attention with
  /// it.
  Comparison check(Mistake mistake, double range, Sizes sizes = Sizes()) {
    std::mt19937 generator(7);
    std::normal_distribution<double> normal;
    auto random = [&](int64_t heads, int64_t length) {
      std::vector<double> values(heads * length * sizes.features);
      for (double &value : values)
        value = range * normal(generator);
      return floats({1, heads, length, sizes.features}, values);
    };
    Tensor q = random(sizes.heads, sizes.queries);
    Tensor k = random(sizes.keyHeads, sizes.keys);
    Tensor v = random(sizes.keyHeads, sizes.keys);
    auto results = run(R"(
      func.func @f(%q: tensor<1x?x?x?xf32>, %k: tensor<1x?x?x?xf32>,
                   %v: tensor<1x?x?x?xf32>) -> tensor<1x?x?x?xf32> {
        %m = attn.mask.causal bottom_right
        %o = attn.scaled_dot_product %q, %k, %v mask(%m)
          : tensor<1x?x?x?xf32>, tensor<1x?x?x?xf32>, tensor<1x?x?x?xf32>
          -> tensor<1x?x?x?xf32>
        return %o : tensor<1x?x?x?xf32>
      })",
                       {q, k, v});
    EXPECT_EQ(error, "");
    Tensor actual = floats(
        q.getShape(),
        FloatAttention(sizes, q.floats, k.floats, v.floats, mistake).run());
    llvm::Expected<Comparison> comparison = compare(results[0], actual);
    EXPECT_TRUE(bool(comparison));
    EXPECT_EQ(comparison->unchecked, 0);
    return *comparison;
  }
};

TEST_F(BoundTest, tolerance_m1_goodFunctionsPass) {
  for (double range : {1e-3, 1.0, 3.0, 10.0})
    EXPECT_LT(check(Mistake::None, range).worstRatio, 1) << range;
  Sizes longer;
  longer.queries = 8;
  longer.keys = 2000;
  EXPECT_LT(check(Mistake::None, 1, longer).worstRatio, 1);
}

TEST_F(BoundTest, tolerance_m1_boundsAreTight) {
  // Within two orders of magnitude of what the f32 attention does.
  EXPECT_GT(check(Mistake::None, 1).worstRatio, 0.01);
  EXPECT_LT(check(Mistake::None, 1).relativeBound, 1e-4);
}

TEST_F(BoundTest, tolerance_m1_plantedMistakesFail) {
  for (double range : {1.0, 3.0}) {
    EXPECT_GT(check(Mistake::CausalOffByOne, range).worstRatio, 1e3) << range;
    EXPECT_GT(check(Mistake::MissingRescale, range).worstRatio, 1e3) << range;
    EXPECT_GT(check(Mistake::WrongHead, range).worstRatio, 1e3) << range;
    EXPECT_GT(check(Mistake::MissingScale, range).worstRatio, 1e3) << range;
  }
  EXPECT_GT(check(Mistake::WeightsInBF16, 1).worstRatio, 10);
}

class CompareTest : public ReferenceTest {
protected:
  Comparison of(ReferenceResult expected, Tensor actual) {
    llvm::Expected<Comparison> comparison = compare(expected, actual);
    EXPECT_TRUE(bool(comparison));
    return *comparison;
  }
};

TEST_F(CompareTest, ratioAndPlaceOfTheWorst) {
  Comparison comparison =
      of({floats({2, 2}, {1, 2, 3, 4}), {0.5, 0.5, 0.5, 0.5}},
         floats({2, 2}, {1, 2.25, 4, 4}));
  EXPECT_FALSE(comparison.passed());
  EXPECT_EQ(comparison.worstRatio, 2);
  EXPECT_THAT(comparison.worstIndex, testing::ElementsAre(1, 0));
  EXPECT_EQ(comparison.relativeError, 0.25);
  EXPECT_THAT(comparison.describe(),
              HasSubstr("failed: relative error 2.50e-01"));
  EXPECT_THAT(comparison.describe(), HasSubstr("worst element [1, 0]"));
}

TEST_F(CompareTest, NaNIsNeverAcceptedSilently) {
  EXPECT_FALSE(of({floats({1}, {1}), {10}}, floats({1}, {quietNaN})).passed());
  EXPECT_FALSE(of({floats({1}, {quietNaN}), {}}, floats({1}, {1})).passed());
  EXPECT_TRUE(
      of({floats({1}, {quietNaN}), {}}, floats({1}, {quietNaN})).passed());
  // Unchecked elements are counted, and alone they do not pass.
  Comparison comparison =
      of({floats({2}, {1, 1}), {infinity, 0}}, floats({2}, {quietNaN, 1}));
  EXPECT_TRUE(comparison.passed());
  EXPECT_EQ(comparison.unchecked, 1);
  EXPECT_FALSE(
      of({floats({1}, {1}), {infinity}}, floats({1}, {quietNaN})).passed());
}

TEST_F(CompareTest, infinityWhereTheTypeOverflows) {
  auto f16 = Float16Type::get(&context);
  ReferenceResult expected{Tensor(f16, {1}), {1}};
  expected.value.floats = {70000};
  EXPECT_TRUE(of(expected, Tensor::ofFloats(f16, {1}, {infinity})).passed());
  EXPECT_FALSE(of(expected, Tensor::ofFloats(f16, {1}, {-infinity})).passed());
  expected.value.floats = {100};
  EXPECT_FALSE(of(expected, Tensor::ofFloats(f16, {1}, {infinity})).passed());
}

TEST_F(CompareTest, integersAreExact) {
  ReferenceResult expected{integers(32, {2}, {1, 2}), {}};
  EXPECT_TRUE(of(expected, integers(32, {2}, {1, 2})).passed());
  EXPECT_FALSE(of(expected, integers(32, {2}, {1, 3})).passed());
}

TEST_F(CompareTest, shapesMustAgree) {
  llvm::Expected<Comparison> comparison =
      compare({floats({2}, {1, 2}), {}}, floats({1, 2}, {1, 2}));
  ASSERT_FALSE(bool(comparison));
  EXPECT_EQ(llvm::toString(comparison.takeError()),
            "the reference is tensor<2xf32>, the result is tensor<1x2xf32>");
}

TEST_F(CompareTest, uncertainComparisonsAreNotChecked) {
  // Whether 1/3 * 3 exceeds 1 hangs on rounding: the masked rows are unchecked.
  auto results = run(R"(
    func.func @f(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
      %third = arith.constant dense<3.0> : tensor<1x2xf32>
      %one = arith.constant dense<1.0> : tensor<1x2xf32>
      %a = arith.divf %one, %third : tensor<1x2xf32>
      %b = arith.mulf %a, %third : tensor<1x2xf32>
      %c = arith.cmpf oge, %b, %one : tensor<1x2xf32>
      %m = attn.mask.dense %c : tensor<1x2xi1>
      %w = attn.masked_softmax %x mask(%m) : tensor<1x2xf32> -> tensor<1x2xf32>
      return %w : tensor<1x2xf32>
    })",
                     {floats({1, 2}, {0, 0})});
  ASSERT_EQ(error, "");
  EXPECT_EQ(results[0].boundAt(0), infinity);
}

TEST_F(CompareTest, overflowOfTheAccumulatorIsNotChecked) {
  auto results =
      run(R"(
    func.func @f(%q: tensor<1x2xf32>, %k: tensor<1x2xf32>) -> tensor<1xf32> {
      %o, %l = attn.dot_product %q, %k, %k : tensor<1x2xf32>, tensor<1x2xf32>,
        tensor<1x2xf32> -> tensor<1x2xf32> lse(tensor<1xf32>)
      return %l : tensor<1xf32>
    })",
          {floats({1, 2}, {1e30, 1e30}), floats({1, 2}, {1e30, -1e30})});
  ASSERT_EQ(error, "");
  EXPECT_EQ(results[0].boundAt(0), infinity);
}

TEST_F(CompareTest, scoresThatOverflowAreNotReceived) {
  // Sigmoids of -inf, whose sum is 0.
  auto results = run(R"(
    func.func @f(%q: tensor<1x1xf32>, %k: tensor<2x1xf32>) -> tensor<2xf32> {
      %s = attn.score.sigmoid
      %o, %r = attn.scaled_dot_product %q, %k, %k score(%s) normalizer = sum
        : tensor<1x1xf32>, tensor<2x1xf32>, tensor<2x1xf32> -> tensor<1x1xf32>
          received(tensor<2xf32>)
      return %r : tensor<2xf32>
    })",
                     {floats({1, 1}, {1e20}), floats({2, 1}, {-1e20, -1e20})});
  ASSERT_EQ(error, "");
  EXPECT_EQ(results[0].boundAt(0), infinity);
}

TEST_F(CompareTest, subnormalWeightsAreRounded) {
  auto f64 = Float64Type::get(&context);
  auto results = run(R"(
    func.func @f(%q: tensor<1x1xf64>, %k: tensor<2x1xf64>) -> tensor<1x2xf64> {
      %o, %w = attn.dot_product %q, %k, %k : tensor<1x1xf64>, tensor<2x1xf64>,
        tensor<2x1xf64> -> tensor<1x1xf64> weights(tensor<1x2xf64>)
      return %w : tensor<1x2xf64>
    })",
                     {Tensor::ofFloats(f64, {1, 1}, {1}),
                      Tensor::ofFloats(f64, {2, 1}, {0, -720})});
  ASSERT_EQ(error, "");
  EXPECT_GE(results[0].boundAt(1), 0x1p-1070);
  EXPECT_LT(results[0].boundAt(1), 0x1p-1060);
}

TEST_F(CompareTest, subnormalFactorsMayBeZero) {
  auto boundOf = [&](double key) {
    auto results = run(
        R"(
      func.func @f(%q: tensor<1x1xf32>, %k: tensor<1x1xf32>,
                   %v: tensor<1x1xf32>) -> tensor<1x1xf32> {
        %o = attn.scaled_dot_product %q, %k, %v scale = 1.0 normalizer = none
          : tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32> -> tensor<1x1xf32>
        return %o : tensor<1x1xf32>
      })",
        {floats({1, 1}, {0x1p60}), floats({1, 1}, {key}), floats({1, 1}, {1})});
    EXPECT_EQ(error, "");
    return results[0].boundAt(0);
  };
  // The key may be zero before the query makes it a normal number.
  EXPECT_GE(boundOf(0x1p-130), 0x1p-70);
  EXPECT_LT(boundOf(0x1p-130), 0x1p-69);
  EXPECT_LT(boundOf(0x1p-60), 0x1p-18);
}

TEST_F(CompareTest, sumsOverSomeOfTheKeysMayOverflow) {
  // The last key makes the weights of the others small, after their sum.
  auto boundOf = [&](double value) {
    auto results = run(R"(
      func.func @f(%q: tensor<1x1xf32>, %k: tensor<3x1xf32>,
                   %v: tensor<3x1xf32>) -> tensor<1x1xf32> {
        %o = attn.dot_product %q, %k, %v : tensor<1x1xf32>, tensor<3x1xf32>,
          tensor<3x1xf32> -> tensor<1x1xf32>
        return %o : tensor<1x1xf32>
      })",
                       {floats({1, 1}, {1}), floats({3, 1}, {0, 0, 20}),
                        floats({3, 1}, {value, value, 1})});
    EXPECT_EQ(error, "");
    return results[0].boundAt(0);
  };
  EXPECT_EQ(boundOf(2e38), infinity);
  EXPECT_LT(boundOf(1e38), 1e26);
}

TEST_F(CompareTest, tensorsComeBackFromBytes) {
  auto bf16 = BFloat16Type::get(&context);
  Tensor tensor = Tensor::ofFloats(bf16, {3}, {1, -2.5, infinity});
  llvm::Expected<Tensor> back = Tensor::fromBytes(bf16, {3}, tensor.toBytes());
  ASSERT_TRUE(bool(back));
  EXPECT_EQ(back->floats, tensor.floats);
  Tensor numbers = integers(1, {3}, {1, 0, 1});
  back = Tensor::fromBytes(numbers.getElementType(), {3}, numbers.toBytes());
  ASSERT_TRUE(bool(back));
  EXPECT_EQ(back->integers, numbers.integers);
  back = Tensor::fromBytes(bf16, {3}, {0, 0});
  ASSERT_FALSE(bool(back));
  EXPECT_EQ(llvm::toString(back.takeError()),
            "tensor<3xbf16> takes 6 bytes, 2 are given");
}
} // namespace
