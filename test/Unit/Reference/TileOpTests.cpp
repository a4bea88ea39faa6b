//===- TileOpTests.cpp - Tiles of attention ---------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceTest.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;
using testing::ElementsAre;

namespace {
class TileOpTest : public ReferenceTest {
protected:
  /// One query and three keys of one feature; queries and accumulator lie
  /// transposed. The mask keeps j <= i.
  std::string tile(StringRef normalizer) {
    return llvm::formatv(R"(
      func.func @f(%q: tensor<1x2xf32>, %k: tensor<3x1xf32>, %v: tensor<3x1xf32>,
                   %a: tensor<1x2xf32>, %m: tensor<2xf32>, %l: tensor<2xf32>,
                   %i: index, %j: index, %p: i1)
          -> (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>) {{
        %r:3 = attn.attend_tile dot {0}
          ins(%q, %k, %v : tensor<1x2xf32>, tensor<3x1xf32>, tensor<3x1xf32>)
          at(%i, %i, %i, %j) partial(%p)
          outs(%a, %m, %l : tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>)
          indexing_maps = [affine_map<(i, j, d, e) -> (d, i)>,
                           affine_map<(i, j, d, e) -> (j, d)>,
                           affine_map<(i, j, d, e) -> (j, e)>,
                           affine_map<(i, j, d, e) -> (e, i)>] scale = 0.5 mask {{
        ^bb0(%b: index, %h: index, %x: index, %y: index):
          %keep = arith.cmpi sle, %y, %x : index
          attn.yield %keep : i1
        } -> tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>
        return %r#0, %r#1, %r#2 : tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>
      })",
                         normalizer);
  }

  Tensor yes(bool value) { return integers(1, {}, {value}); }

  std::vector<double> result(unsigned index) {
    return results[index].value.floats;
  }
  void runTile(StringRef text, std::vector<double> values, Tensor maximum,
               Tensor sum, int64_t i, int64_t j, bool partial) {
    results = run(text, {floats({1, 2}, {2, 4}), floats({3, 1}, {0, 1, 2}),
                         floats({3, 1}, std::move(values)),
                         floats({1, 2}, {3, 5}), std::move(maximum),
                         std::move(sum), index(i), index(j), yes(partial)});
    ASSERT_EQ(error, "");
  }

  SmallVector<ReferenceResult> results;
};

TEST_F(TileOpTest, attend_tile_m1_m2) {
  // Query 0 is global 5, query 1 is 6; keys are 4, 5, 6.
  runTile(tile("softmax"), {4, 8, 16}, floats({2}, {1, -infinity}),
          floats({2}, {2, 0}), 5, 4, true);
  double e = std::exp(1), e2 = e * e, e4 = e2 * e2;
  EXPECT_THAT(result(1), ElementsAre(1, 4));
  EXPECT_THAT(result(2), nearAll({2 + 1 / e + 1, 1 + 1 / e2 + 1 / e4}));
  EXPECT_THAT(result(0), nearAll({3 + 4 / e + 8, 4 / e4 + 8 / e2 + 16}));
  EXPECT_GT(results[0].boundAt(0), 0);
  EXPECT_LT(results[0].boundAt(0), 5e-5);
}

TEST_F(TileOpTest, attend_tile_m3) {
  runTile(tile("sum"), {4, 8, 16}, floats({2}, {7, 7}), floats({2}, {2, 1}), 5,
          4, true);
  EXPECT_THAT(result(1), ElementsAre(7, 7));
  EXPECT_THAT(result(2), nearAll({2 + 0 + 1, 1 + 0 + 2 + 4}));
  EXPECT_THAT(result(0), nearAll({3 + 8, 5 + 16 + 64}));
}

TEST_F(TileOpTest, attend_tile_m4) {
  std::string text = tile("softmax");
  size_t at = text.find("mask {");
  text.insert(at, "{attn.bounded} ");
  runTile(text, {4, 8, 16}, floats({2}, {0, 0}), floats({2}, {2, 1}), 5, 4,
          true);
  double e = std::exp(1), e2 = e * e, e4 = e2 * e2;
  EXPECT_THAT(result(1), ElementsAre(0, 0));
  EXPECT_THAT(result(2), nearAll({2 + 1 + e, 1 + 1 + e2 + e4}));
  EXPECT_THAT(result(0), nearAll({3 + 4 + 8 * e, 5 + 4 + 8 * e2 + 16 * e4}));
}

TEST_F(TileOpTest, attend_tile_m8) {
  std::string text = tile("softmax");
  text.insert(text.find("mask {"), "binary ");
  runTile(text, {4, 8, 16}, floats({2}, {1, -infinity}), floats({2}, {2, 0}), 5,
          4, true);
  EXPECT_THAT(result(1), ElementsAre(1, 4));
  EXPECT_THAT(result(2), nearAll({2 + 0.5 + 1, 1 + 1.0 / 4 + 1.0 / 16}));
  EXPECT_THAT(result(0), nearAll({3 + 4 * 0.5 + 8, 4.0 / 16 + 8.0 / 4 + 16}));
}

TEST_F(TileOpTest, attend_tile_m10) {
  std::string text = tile("softmax");
  text.insert(text.find("mask {"), "existing_rows = 1 ");
  runTile(text, {4, 8, 16}, floats({2}, {1, -infinity}), floats({2}, {2, 0}), 5,
          4, true);
  EXPECT_LT(results[0].boundAt(0), 5e-5);
  EXPECT_EQ(results[0].boundAt(1), infinity);
  EXPECT_LT(results[2].boundAt(1), 5e-5);
}

TEST_F(TileOpTest, attend_tile_m5) {
  runTile(tile("sum"), {4, 8, 16}, floats({2}, {7, 7}), floats({2}, {2, 1}), 0,
          100, false);
  EXPECT_THAT(result(2), nearAll({2 + 0 + 1 + 2, 1 + 0 + 2 + 4}));
}

TEST_F(TileOpTest, attend_tile_m6) {
  // Nothing is known of what a NaN behind a mask does.
  runTile(tile("softmax"), {4, 8, quietNaN}, floats({2}, {1, 0}),
          floats({2}, {2, 0}), 5, 4, true);
  EXPECT_EQ(results[0].boundAt(0), infinity);
}

TEST_F(TileOpTest, attend_tile_m3_none) {
  runTile(tile("none"), {4, 8, 16}, floats({2}, {7, 7}), floats({2}, {2, 1}), 5,
          4, true);
  EXPECT_THAT(result(2), ElementsAre(2, 1));
  EXPECT_THAT(result(0), nearAll({3 + 8, 5 + 16 + 64}));
}

TEST_F(TileOpTest, NothingKeptSoFarAndNow) {
  runTile(tile("softmax"), {4, 8, 16}, floats({2}, {-infinity, 3}),
          floats({2}, {0, 2}), 0, 100, true);
  EXPECT_THAT(result(1), ElementsAre(-infinity, 3));
  EXPECT_THAT(result(2), ElementsAre(0, 2));
  EXPECT_THAT(result(0), ElementsAre(0, 5));
}

TEST_F(TileOpTest, score_tile_m1) {
  for (auto [normalizer, none] :
       {std::pair{"softmax", -infinity}, std::pair{"sum", 0.0}}) {
    std::string text = llvm::formatv(R"(
      func.func @f(%q: tensor<2x1xf32>, %k: tensor<2x1xf32>, %s: tensor<2x2xf32>,
                   %n: index) -> tensor<2x2xf32> {{
        %r = attn.score_tile dot {0}
          ins(%q, %k : tensor<2x1xf32>, tensor<2x1xf32>) at(%n, %n, %n, %n)
          outs(%s : tensor<2x2xf32>)
          indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>,
                           affine_map<(i, j, d, e) -> (j, d)>,
                           affine_map<(i, j, d, e) -> (i, j)>] scale = 2.0 mask {{
        ^bb0(%b: index, %h: index, %x: index, %y: index):
          %keep = arith.cmpi sle, %y, %x : index
          attn.yield %keep : i1
        } -> tensor<2x2xf32>
        return %r : tensor<2x2xf32>
      })",
                                     normalizer);
    EXPECT_THAT(values(text, {floats({2, 1}, {1, 2}), floats({2, 1}, {3, 4}),
                              floats({2, 2}, {9, 9, 9, 9}), index(7)}),
                ElementsAre(6, none, 12, 16));
  }
}
} // namespace
