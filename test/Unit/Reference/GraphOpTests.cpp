//===- GraphOpTests.cpp - Graph ops against known values --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceTest.h"

using namespace mlir;
using namespace mlir::attn::reference;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {
class GraphOpTest : public ReferenceTest {
protected:
  Tensor doubles(ArrayRef<int64_t> shape, std::vector<double> values) {
    return Tensor::ofFloats(Float64Type::get(&context), shape,
                            std::move(values));
  }

  /// The modified score of query 1 and key 0, whose score is `score`: one pair's
  /// LSE. `body` defines %s.
  double modified(double score, StringRef body, StringRef parameters = "",
                  ArrayRef<Tensor> captured = {}) {
    std::string text =
        ("func.func @f(%q: tensor<2x1xf64>, %k: tensor<1x1xf64>" + parameters +
         ") -> tensor<2xf64> {\n" + body +
         "\n%o, %l = attn.dot_product %q, %k, %k score(%s) : tensor<2x1xf64>, "
         "tensor<1x1xf64>, tensor<1x1xf64> -> tensor<2x1xf64> "
         "lse(tensor<2xf64>)\nreturn %l : tensor<2xf64>\n}")
            .str();
    SmallVector<Tensor> arguments{doubles({2, 1}, {0, score}),
                                  doubles({1, 1}, {1})};
    arguments.append(captured.begin(), captured.end());
    std::vector<double> lse = values(text, arguments);
    return lse.empty() ? quietNaN : lse[1];
  }

  /// One query at 0 and keys at the given distances, values 1, 2, 3, ...
  SmallVector<ReferenceResult> regress(StringRef kernel,
                                       std::vector<double> distances,
                                       double bandwidth = 1) {
    int64_t count = distances.size();
    std::vector<double> targets(count);
    for (int64_t at = 0; at < count; ++at)
      targets[at] = at + 1;
    std::string text =
        ("func.func @f(%q: tensor<1x1xf64>, %k: tensor<?x1xf64>, %v: "
         "tensor<?x1xf64>, %w: f64) -> (tensor<1x1xf64>, tensor<1xf64>) {\n"
         "%o, %l = attn.kernel_regression " +
         kernel +
         " %q, %k, %v bandwidth(%w : f64) : tensor<1x1xf64>, tensor<?x1xf64>, "
         "tensor<?x1xf64> -> tensor<1x1xf64> lse(tensor<1xf64>)\n"
         "return %o, %l : tensor<1x1xf64>, tensor<1xf64>\n}")
            .str();
    auto results = run(text, {doubles({1, 1}, {0}), doubles({count, 1}, distances),
                              doubles({count, 1}, targets),
                              doubles({}, {bandwidth})});
    EXPECT_EQ(error, "");
    return results;
  }
};

//===----------------------------------------------------------------------===//
// Score modifiers
//===----------------------------------------------------------------------===//

TEST_F(GraphOpTest, score_softcap_m1) {
  EXPECT_THAT(modified(3, "%s = attn.score.softcap %c : f64", ", %c: f64",
                       {doubles({}, {2})}),
              near(2 * std::tanh(1.5)));
}

TEST_F(GraphOpTest, score_alibi_m1) {
  EXPECT_THAT(modified(3, "%s = attn.score.alibi %c : tensor<1xf64>",
                       ", %c: tensor<1xf64>", {doubles({1}, {0.25})}),
              near(2.75));
}

TEST_F(GraphOpTest, score_relative_bias_m1) {
  // j - i = -1, R = 1: the first entry; R = 0 clamps to the only one.
  EXPECT_THAT(modified(3, "%s = attn.score.relative_bias %c : tensor<3xf64>",
                       ", %c: tensor<3xf64>", {doubles({3}, {10, 20, 30})}),
              near(13));
  EXPECT_THAT(modified(3, "%s = attn.score.relative_bias %c : tensor<1x1xf64>",
                       ", %c: tensor<1x1xf64>", {doubles({1, 1}, {7})}),
              near(10));
}

TEST_F(GraphOpTest, score_bias_m1) {
  EXPECT_THAT(modified(3, "%s = attn.score.bias %c : tensor<1x2x1xf64>",
                       ", %c: tensor<1x2x1xf64>",
                       {doubles({1, 2, 1}, {100, 1})}),
              near(4));
}

TEST_F(GraphOpTest, score_map_m1) {
  EXPECT_THAT(modified(3, R"(%s = attn.score.map(%c : tensor<2xf64>) {
    ^bb0(%x: f64, %b: index, %h: index, %i: index, %j: index, %t: tensor<2xf64>):
      %w = attn.load %t[%i] : tensor<2xf64>
      %e = math.exp %w : f64
      %y = arith.mulf %x, %e : f64
      attn.yield %y : f64
    })",
                       ", %c: tensor<2xf64>", {doubles({2}, {0, std::log(5)})}),
              near(15));
}

TEST_F(GraphOpTest, attention_m3_modifiersInOrder) {
  StringRef scaleThenAdd = R"(
    %d = attn.score.map {
    ^bb0(%x: f64, %b: index, %h: index, %i: index, %j: index):
      %y = arith.addf %x, %x : f64
      attn.yield %y : f64
    }
    %a = attn.score.bias %c : tensor<1xf64>
    %o, %l = attn.dot_product %q, %q, %q score(%d, %a) : tensor<1x1xf64>,
      tensor<1x1xf64>, tensor<1x1xf64> -> tensor<1x1xf64> lse(tensor<1xf64>)
    return %l : tensor<1xf64>
  })";
  std::string head = "func.func @f(%q: tensor<1x1xf64>, %c: tensor<1xf64>) -> "
                     "tensor<1xf64> {";
  EXPECT_THAT(values(head + scaleThenAdd.str(),
                     {doubles({1, 1}, {2}), doubles({1}, {10})}),
              ElementsAre(near(18)));
}

//===----------------------------------------------------------------------===//
// Additive, kernel regression
//===----------------------------------------------------------------------===//

TEST_F(GraphOpTest, additive_m1) {
  StringRef text = R"(
    func.func @f(%q: tensor<1x1xf64>, %k: tensor<1x2xf64>, %v: tensor<1x1xf64>,
                 %w: tensor<2xf64>, %wq: tensor<2x1xf64>, %wk: tensor<2x2xf64>)
        -> tensor<1xf64> {
      %o, %l = attn.additive %q, %k, %v, %w
        project_query(%wq : tensor<2x1xf64>) project_key(%wk : tensor<2x2xf64>)
        : tensor<1x1xf64>, tensor<1x2xf64>, tensor<1x1xf64>, tensor<2xf64>
        -> tensor<1x1xf64> lse(tensor<1xf64>)
      return %l : tensor<1xf64>
    })";
  // q' = (2, 4), k' = (3 - 4, 4): sums 1 and 8.
  EXPECT_THAT(values(text, {doubles({1, 1}, {2}), doubles({1, 2}, {3, 4}),
                            doubles({1, 1}, {0}), doubles({2}, {5, -7}),
                            doubles({2, 1}, {1, 2}),
                            doubles({2, 2}, {1, -1, 0, 1})}),
              ElementsAre(near(5 * std::tanh(1) - 7 * std::tanh(8))));
}

TEST_F(GraphOpTest, additive_m1_projectedAlready) {
  StringRef text = R"(
    func.func @f(%q: tensor<1x1xf64>, %k: tensor<1x1xf64>, %w: tensor<1xf64>)
        -> tensor<1xf64> {
      %o, %l = attn.additive %q, %k, %k, %w : tensor<1x1xf64>, tensor<1x1xf64>,
        tensor<1x1xf64>, tensor<1xf64> -> tensor<1x1xf64> lse(tensor<1xf64>)
      return %l : tensor<1xf64>
    })";
  // The exponentials of both sides overflow; their sum is 0.
  EXPECT_THAT(values(text, {doubles({1, 1}, {1000}), doubles({1, 1}, {-1000}),
                            doubles({1}, {3})}),
              ElementsAre(near(0)));
}

TEST_F(GraphOpTest, kernel_regression_m1_m3) {
  auto results = regress("boxcar", {0.5, -1.9, 2}, 2);
  EXPECT_THAT(results[0].value.floats, ElementsAre(near(1.5)));
  EXPECT_THAT(results[1].value.floats, ElementsAre(near(std::log(2))));
  results = regress("epanechnikov", {0.5, 0, 3});
  EXPECT_THAT(results[0].value.floats, ElementsAre(near((0.75 + 2) / 1.75)));
  results = regress("triangular", {0.5, 0, 3});
  EXPECT_THAT(results[0].value.floats, ElementsAre(near((0.5 + 2) / 1.5)));
  results = regress("constant", {0.5, 0, 3});
  EXPECT_THAT(results[0].value.floats, ElementsAre(near(2)));
}

TEST_F(GraphOpTest, kernel_regression_m2) {
  auto results = regress("gaussian", {2, 0}, 2);
  double weight = std::exp(-0.5);
  EXPECT_THAT(results[0].value.floats,
              ElementsAre(near((weight + 2) / (weight + 1))));
  // Far from every key: the nearest decides.
  results = regress("gaussian", {1e6, 1e6 + 1});
  EXPECT_THAT(results[0].value.floats, ElementsAre(near(1)));
}

TEST_F(GraphOpTest, kernel_regression_m4) {
  auto results = regress("boxcar", {1, 5});
  EXPECT_THAT(results[0].value.floats, ElementsAre(0));
  EXPECT_THAT(results[1].value.floats, ElementsAre(-infinity));
}

//===----------------------------------------------------------------------===//
// Multi-head
//===----------------------------------------------------------------------===//

TEST_F(GraphOpTest, multi_head_m1_m2_m3) {
  // Two heads of size 1 that read features 0 and 1 of the value; the mask leaves
  // each query itself, so that attention copies its own value.
  StringRef text = R"(
    func.func @f(%x: tensor<1x2x2xf64>, %wqk: tensor<2x2xf64>,
                 %wv: tensor<2x2xf64>, %wo: tensor<3x2xf64>, %bv: tensor<2xf64>,
                 %bo: tensor<3xf64>) -> (tensor<1x2x3xf64>, tensor<1x2x2x2xf64>) {
      %m = attn.mask.window past = 0 future = 0
      %o, %w = attn.multi_head %x, %x, %x weights(%wqk, %wqk, %wv, %wo
          : tensor<2x2xf64>, tensor<2x2xf64>, tensor<2x2xf64>, tensor<3x2xf64>)
        bias_value(%bv : tensor<2xf64>) bias_output(%bo : tensor<3xf64>)
        heads = 2 mask(%m)
        : tensor<1x2x2xf64>, tensor<1x2x2xf64>, tensor<1x2x2xf64>
        -> tensor<1x2x3xf64> weights(tensor<1x2x2x2xf64>)
      return %o, %w : tensor<1x2x3xf64>, tensor<1x2x2x2xf64>
    })";
  auto results =
      run(text, {doubles({1, 2, 2}, {1, 2, 3, 4}), doubles({2, 2}, {1, 2, 3, 4}),
                 doubles({2, 2}, {0, 1, 1, 0}),
                 doubles({3, 2}, {1, 0, 0, 1, 1, 1}), doubles({2}, {10, 20}),
                 doubles({3}, {0, 0, 100})});
  ASSERT_EQ(error, "");
  // Values: (2 + 10, 1 + 20) and (4 + 10, 3 + 20).
  EXPECT_THAT(results[0].value.floats,
              nearAll({12, 21, 133, 14, 23, 137}));
  EXPECT_THAT(results[1].value.floats, nearAll({1, 0, 0, 1, 1, 0, 0, 1}));
}

TEST_F(GraphOpTest, multi_head_m2_groups) {
  // Four query heads share two key/value heads, whose values are 5 and 7.
  StringRef text = R"(
    func.func @f(%x: tensor<1x1x1xf64>, %wq: tensor<4x1xf64>,
                 %wk: tensor<2x1xf64>, %wo: tensor<4x4xf64>)
        -> tensor<1x1x4xf64> {
      %o = attn.multi_head %x, %x, %x weights(%wq, %wk, %wk, %wo
          : tensor<4x1xf64>, tensor<2x1xf64>, tensor<2x1xf64>, tensor<4x4xf64>)
        heads = 4 kv_heads = 2 : tensor<1x1x1xf64>, tensor<1x1x1xf64>,
          tensor<1x1x1xf64> -> tensor<1x1x4xf64>
      return %o : tensor<1x1x4xf64>
    })";
  std::vector<double> identity(16);
  for (unsigned at = 0; at < 4; ++at)
    identity[5 * at] = 1;
  EXPECT_THAT(values(text, {doubles({1, 1, 1}, {1}), doubles({4, 1}, {1, 1, 1, 1}),
                            doubles({2, 1}, {5, 7}), doubles({4, 4}, identity)}),
              nearAll({5, 5, 7, 7}));
}

//===----------------------------------------------------------------------===//
// Masked softmax, positions, merge
//===----------------------------------------------------------------------===//

TEST_F(GraphOpTest, masked_softmax_m1) {
  StringRef text = R"(
    func.func @f(%x: tensor<?x?x?xf64>, %l: tensor<?xi32>) -> tensor<?x?x?xf64> {
      %m = attn.mask.padding %l : tensor<?xi32>
      %w = attn.masked_softmax %x mask(%m) : tensor<?x?x?xf64>
        -> tensor<?x?x?xf64>
      return %w : tensor<?x?x?xf64>
    })";
  // The second batch keeps no key; what is masked in the first is NaN.
  EXPECT_THAT(
      values(text, {doubles({2, 1, 3}, {0, std::log(3), quietNaN, 1, 2, 3}),
                    integers(32, {2}, {2, 0})}),
      nearAll({0.25, 0.75, 0, 0, 0, 0}));
}

TEST_F(GraphOpTest, sinusoid_m1) {
  StringRef text = R"(
    func.func @f(%n: index) -> tensor<?x3xf64> {
      %t = attn.sinusoid length(%n) base = 8.0 : tensor<?x3xf64>
      return %t : tensor<?x3xf64>
    })";
  double slow = 1 / std::pow(8, 2.0 / 3);
  EXPECT_THAT(values(text, {index(2)}),
              nearAll({0, 1, 0, std::sin(1), std::cos(1), std::sin(slow)}));
  run(text, {index(-1)});
  EXPECT_EQ(error, "'attn.sinusoid' makes a tensor of negative size -1");
}

TEST_F(GraphOpTest, rotary_m1_m2_m3) {
  StringRef half = R"(
    func.func @f(%x: tensor<2x4xf64>) -> tensor<2x4xf64> {
      %r = attn.rotary %x base = 100.0 : tensor<2x4xf64> -> tensor<2x4xf64>
      return %r : tensor<2x4xf64>
    })";
  double c = std::cos(1), s = std::sin(1), c1 = std::cos(0.1), s1 = std::sin(0.1);
  std::vector<double> rows{1, 2, 3, 4, 1, 2, 3, 4};
  EXPECT_THAT(values(half, {doubles({2, 4}, rows)}),
              nearAll({1, 2, 3, 4, c - 3 * s, 2 * c1 - 4 * s1, 3 * c + s,
                       4 * c1 + 2 * s1}));
  StringRef interleaved = R"(
    func.func @f(%x: tensor<2x2x2xf64>, %p: tensor<2x2xi32>) -> tensor<2x2x2xf64> {
      %r = attn.rotary %x positions(%p : tensor<2x2xi32>) interleaved
        : tensor<2x2x2xf64> -> tensor<2x2x2xf64>
      return %r : tensor<2x2x2xf64>
    })";
  EXPECT_THAT(values(interleaved, {doubles({2, 2, 2}, {1, 0, 1, 0, 1, 0, 1, 0}),
                                   integers(32, {2, 2}, {0, 1, 5, -1})}),
              nearAll({1, 0, c, s, std::cos(5), std::sin(5), c, -s}));
}

TEST_F(GraphOpTest, merge_m1_m2) {
  StringRef text = R"(
    func.func @f(%a: tensor<3x1xf64>, %b: tensor<3x1xf64>, %la: tensor<3xf64>,
                 %lb: tensor<3xf64>) -> (tensor<3x1xf64>, tensor<3xf64>) {
      %o, %l = attn.merge %a, %b lse(%la, %lb) : tensor<3x1xf64>, tensor<3xf64>
      return %o, %l : tensor<3x1xf64>, tensor<3xf64>
    })";
  auto results = run(text, {doubles({3, 1}, {4, quietNaN, 1}),
                            doubles({3, 1}, {8, 5, 2}),
                            doubles({3}, {0, -infinity, -infinity}),
                            doubles({3}, {std::log(3), 2, -infinity})});
  ASSERT_EQ(error, "");
  EXPECT_THAT(results[0].value.floats, nearAll({7, 5, 0}));
  EXPECT_THAT(results[1].value.floats, nearAll({std::log(4), 2, -infinity}));
}

//===----------------------------------------------------------------------===//
// Canonical op
//===----------------------------------------------------------------------===//

TEST_F(GraphOpTest, attend_m2_m5) {
  // Group 1 of a whole with groups of 2: query head 3 where hkv = 1. The mask
  // keeps the pairs whose h + i equals j, all global.
  StringRef text = R"(
    func.func @f(%q: tensor<1x1x2x1xf64>, %k: tensor<1x3x1xf64>,
                 %v: tensor<1x3x1xf64>, %sink: tensor<1x1xf64>,
                 %o: tensor<1x1x2x1xf64>, %l: tensor<1x1x2xf64>)
        -> (tensor<1x1x2x1xf64>, tensor<1x1x2xf64>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c10 = arith.constant 10 : index
      %c13 = arith.constant 13 : index
      %r, %lse = attn.attend dot softmax
        ins(%q, %k, %v : tensor<1x1x2x1xf64>, tensor<1x3x1xf64>,
            tensor<1x3x1xf64>)
        sink(%sink : tensor<1x1xf64>)
        offsets(%c0, %c1, %c1, %c10, %c13) whole(%c1, %c2, %c2, %c13, %c13)
        outs(%o : tensor<1x1x2x1xf64>) lse(%l : tensor<1x1x2xf64>)
        indexing_maps = [
          affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i, d)>,
          affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>,
          affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>,
          affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i, e)>,
          affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i)>] scale = 0.5
        mask {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %sum = arith.addi %h, %i : index
        %keep = arith.cmpi eq, %sum, %j : index
        attn.yield %keep : i1
      } -> tensor<1x1x2x1xf64> lse(tensor<1x1x2xf64>)
      return %r, %lse : tensor<1x1x2x1xf64>, tensor<1x1x2xf64>
    })";
  auto results = run(
      text, {doubles({1, 1, 2, 1}, {2, 2}), doubles({1, 3, 1}, {0, 1, 2}),
             doubles({1, 3, 1}, {4, 8, 16}), doubles({1, 1}, {0}),
             doubles({1, 1, 2, 1}, {9, 9}), doubles({1, 1, 2}, {9, 9})});
  ASSERT_EQ(error, "");
  double e = std::exp(1);
  EXPECT_THAT(results[0].value.floats, nearAll({2, 8 * e / (1 + e)}));
  EXPECT_THAT(results[1].value.floats, nearAll({std::log(2), std::log(1 + e)}));
}
} // namespace
