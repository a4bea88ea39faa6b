//===- RecomputeOpTests.cpp - Rows that are computed again ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceTest.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;
using testing::ElementsAre;

namespace {
/// Keys 0, -inf and 2 beside values 4, NaN and 16, for queries 2 and 4.
/// Outputs, maxima and sums are 7 before.
class RecomputeOpTest : public ReferenceTest {
protected:
  /// The region is given query %x, key %y and score %s.
  void runOp(StringRef attributes, StringRef region, int64_t begin, int64_t end,
             bool when) {
    std::string text = llvm::formatv(
        R"(
      func.func @f(%q: tensor<2x1xf32>, %k: tensor<3x1xf32>, %v: tensor<3x1xf32>,
                   %o: tensor<2x1xf32>, %m: tensor<2xf32>, %begin: index,
                   %end: index, %when: i1)
          -> (tensor<2x1xf32>, tensor<2xf32>, tensor<2xf32>) {{
        %none = arith.constant 0xFF800000 : f32
        %r:3 = attn.recompute dot softmax
          ins(%q, %k, %v : tensor<2x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>)
          keys(%begin, %end) when(%when) outs(%o : tensor<2x1xf32>)
          state(%m, %m : tensor<2xf32>, tensor<2xf32>)
          indexing_maps = [affine_map<(i, g, j, d, e) -> (i, d)>,
                           affine_map<(i, g, j, d, e) -> (j, d)>,
                           affine_map<(i, g, j, d, e) -> (j, e)>,
                           affine_map<(i, g, j, d, e) -> (i, e)>]
          scale = 0.5 {0} pairs {{
        ^bb0(%x: index, %h: index, %y: index, %s: f32):
          {1}
        } -> tensor<2x1xf32>, tensor<2xf32>, tensor<2xf32>
        return %r#0, %r#1, %r#2 : tensor<2x1xf32>, tensor<2xf32>, tensor<2xf32>
      })",
        attributes, region);
    results =
        run(text, {floats({2, 1}, {2, 4}), floats({3, 1}, {0, -infinity, 2}),
                   floats({3, 1}, {4, quietNaN, 16}), floats({2, 1}, {7, 7}),
                   floats({2}, {7, 7}), index(begin), index(end),
                   integers(1, {}, {when})});
    ASSERT_EQ(error, "");
  }

  std::vector<double> result(unsigned index) {
    return results[index].value.floats;
  }

  static constexpr StringRef same = "attn.yield %s : f32";
  SmallVector<ReferenceResult> results;
};
} // namespace

TEST_F(RecomputeOpTest, recompute_m1) {
  runOp("", same, 0, 3, false);
  for (unsigned index : {0, 1, 2})
    EXPECT_THAT(result(index), ElementsAre(7, 7));
}

TEST_F(RecomputeOpTest, recompute_m2) {
  runOp("", same, 0, 3, true);
  double e2 = std::exp(-2), e4 = std::exp(-4);
  EXPECT_THAT(result(1), nearAll({2, 4}));
  EXPECT_THAT(result(2), nearAll({1 + e2, 1 + e4}));
  EXPECT_THAT(result(0),
              nearAll({(16 + 4 * e2) / (1 + e2), (16 + 4 * e4) / (1 + e4)}));
  runOp("", same, 0, 2, true);
  EXPECT_THAT(result(0), nearAll({4, 4}));
  EXPECT_THAT(result(2), nearAll({1, 1}));
}

TEST_F(RecomputeOpTest, recompute_m3) {
  runOp("", R"(
          %keep = arith.cmpi ule, %y, %x : index
          %score = arith.select %keep, %s, %none : f32
          attn.yield %score : f32)",
        0, 3, true);
  EXPECT_THAT(result(0), nearAll({4, 4}));
  EXPECT_THAT(result(1), nearAll({0, 0}));
}

TEST_F(RecomputeOpTest, recompute_m4) {
  runOp("binary", same, 0, 3, true);
  EXPECT_THAT(result(2), nearAll({1 + 1.0 / 4, 1 + 1.0 / 16}));
}
