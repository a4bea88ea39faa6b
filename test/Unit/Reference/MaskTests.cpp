//===- MaskTests.cpp - Which pairs the reference keeps ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceTest.h"

using namespace mlir;
using namespace mlir::attn::reference;

namespace {
/// Evaluates `attn.masked_softmax`-like weights: queries of 0 give each kept
/// key the same weight, so that the weights show the mask.
class MaskTest : public ReferenceTest {
protected:
  /// Kept pairs of M queries and N keys, as one line of text per query. `body`
  /// defines %m; `parameters` are what it captures.
  std::vector<std::string> kept(StringRef body, int64_t m, int64_t n,
                                StringRef parameters = "",
                                ArrayRef<Tensor> captured = {}) {
    std::string text =
        ("func.func @f(%q: tensor<?x1xf32>, %k: tensor<?x1xf32>" + parameters +
         ") -> tensor<?x?xf32> {\n" + body +
         "\n%o, %w = attn.scaled_dot_product %q, %k, %k mask(%m) : "
         "tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32> -> tensor<?x1xf32> "
         "weights(tensor<?x?xf32>)\nreturn %w : tensor<?x?xf32>\n}")
            .str();
    SmallVector<Tensor> arguments{floats({m, 1}, std::vector<double>(m)),
                                  floats({n, 1}, std::vector<double>(n))};
    arguments.append(captured.begin(), captured.end());
    SmallVector<ReferenceResult> results = run(text, arguments);
    std::vector<std::string> lines;
    if (results.empty())
      return lines;
    for (int64_t i = 0; i < m; ++i) {
      lines.emplace_back();
      for (int64_t j = 0; j < n; ++j)
        lines.back().push_back(results[0].value.floats[i * n + j] > 0 ? 'x'
                                                                      : '.');
    }
    return lines;
  }
  using Lines = std::vector<std::string>;
};

TEST_F(MaskTest, mask_constant_m1) {
  EXPECT_EQ(kept("%m = attn.mask.constant true", 2, 2), (Lines{"xx", "xx"}));
  EXPECT_EQ(kept("%m = attn.mask.constant false", 2, 2), (Lines{"..", ".."}));
}

TEST_F(MaskTest, mask_causal_m1) {
  EXPECT_EQ(kept("%m = attn.mask.causal", 3, 4),
            (Lines{"x...", "xx..", "xxx."}));
  EXPECT_EQ(kept("%m = attn.mask.causal offset(%x : index)", 3, 4,
                 ", %x: index", {index(-1)}),
            (Lines{"....", "x...", "xx.."}));
  EXPECT_EQ(kept("%m = attn.mask.causal offset(%x : tensor<1xi32>)", 2, 4,
                 ", %x: tensor<1xi32>", {integers(32, {1}, {1})}),
            (Lines{"xx..", "xxx."}));
}

TEST_F(MaskTest, mask_causal_m2) {
  EXPECT_EQ(kept("%m = attn.mask.causal bottom_right", 2, 4),
            (Lines{"xxx.", "xxxx"}));
  EXPECT_EQ(kept("%m = attn.mask.causal bottom_right", 3, 2),
            (Lines{"..", "x.", "xx"}));
}

TEST_F(MaskTest, mask_window_m1) {
  EXPECT_EQ(kept("%m = attn.mask.window past = 1 future = 0", 4, 4),
            (Lines{"x...", "xx..", ".xx.", "..xx"}));
  EXPECT_EQ(kept("%m = attn.mask.window future = 1", 3, 4),
            (Lines{"xx..", "xxx.", "xxxx"}));
  EXPECT_EQ(kept("%m = attn.mask.window past = 0 offset(%x : index)", 2, 4,
                 ", %x: index", {index(2)}),
            (Lines{"..xx", "...x"}));
  EXPECT_EQ(kept("%m = attn.mask.window past(%p) future = 0", 3, 3,
                 ", %p: index", {index(1)}),
            (Lines{"x..", "xx.", ".xx"}));
  // The largest side there is.
  EXPECT_EQ(kept("%m = attn.mask.window future = 4611686018427387904", 2, 2),
            (Lines{"xx", "xx"}));
}

TEST_F(MaskTest, mask_prefix_m1) {
  EXPECT_EQ(kept("%m = attn.mask.prefix %l : i32", 2, 3, ", %l: i32",
                 {integers(32, {}, {2})}),
            (Lines{"xx.", "xx."}));
}

TEST_F(MaskTest, mask_padding_m1) {
  EXPECT_EQ(kept("%m = attn.mask.padding %l : tensor<?xi64>", 2, 3,
                 ", %l: tensor<?xi64>", {integers(64, {1}, {1})}),
            (Lines{"x..", "x.."}));
  EXPECT_EQ(kept("%m = attn.mask.padding %l : tensor<?x?xi32>", 2, 3,
                 ", %l: tensor<?x?xi32>", {integers(32, {1, 2}, {3, -1})}),
            (Lines{"xxx", "..."}));
}

TEST_F(MaskTest, mask_document_m1) {
  EXPECT_EQ(kept("%m = attn.mask.document %d : tensor<?xi32>", 4, 4,
                 ", %d: tensor<?xi32>", {integers(32, {4}, {7, 7, -1, 7})}),
            (Lines{"xx.x", "xx.x", "..x.", "xx.x"}));
  EXPECT_EQ(kept("%m = attn.mask.document %d keys(%e : tensor<?x?xi32>) : "
                 "tensor<?xi32>",
                 2, 3, ", %d: tensor<?xi32>, %e: tensor<?x?xi32>",
                 {integers(32, {2}, {0, 1}), integers(32, {1, 3}, {1, 0, 1})}),
            (Lines{".x.", "x.x"}));
}

TEST_F(MaskTest, mask_document_offsets_m1) {
  // Position 0 is before, position 5 behind every document.
  EXPECT_EQ(
      kept("%m = attn.mask.document_offsets %d : tensor<?xi32>", 6, 6,
           ", %d: tensor<?xi32>", {integers(32, {4}, {1, 3, 3, 5})}),
      (Lines{"......", ".xx...", ".xx...", "...xx.", "...xx.", "......"}));
  EXPECT_EQ(kept("%m = attn.mask.document_offsets %d keys(%e : tensor<?xi64>) "
                 ": tensor<?xi32>",
                 2, 4, ", %d: tensor<?xi32>, %e: tensor<?xi64>",
                 {integers(32, {3}, {0, 1, 2}), integers(64, {3}, {0, 3, 4})}),
            (Lines{"xxx.", "...x"}));
}

TEST_F(MaskTest, mask_dilated_m1) {
  EXPECT_EQ(kept("%m = attn.mask.dilated stride = 2", 3, 4),
            (Lines{"x.x.", ".x.x", "x.x."}));
}

TEST_F(MaskTest, mask_block_sparse_m1) {
  EXPECT_EQ(kept("%m = attn.mask.block_sparse %l block [2, 3] : tensor<?x?xi1>",
                 3, 4, ", %l: tensor<?x?xi1>",
                 {integers(1, {2, 2}, {1, 0, 0, 1})}),
            (Lines{"xxx.", "xxx.", "...x"}));
}

TEST_F(MaskTest, mask_dense_m1) {
  EXPECT_EQ(kept("%m = attn.mask.dense %d : tensor<?x?xi1>", 2, 2,
                 ", %d: tensor<?x?xi1>", {integers(1, {2, 2}, {1, 0, 0, 1})}),
            (Lines{"x.", ".x"}));
  EXPECT_EQ(kept("%m = attn.mask.dense %d : tensor<?x1xi1>", 2, 2,
                 ", %d: tensor<?x1xi1>", {integers(1, {2, 1}, {0, 1})}),
            (Lines{"..", "xx"}));
}

TEST_F(MaskTest, mask_predicate_m1) {
  StringRef body = R"(
    %m = attn.mask.predicate(%t : tensor<?xi32>) {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %s: tensor<?xi32>):
      %start = attn.load %s[%i] : tensor<?xi32>
      %first = arith.index_cast %start : i32 to index
      %keep = arith.cmpi sge, %j, %first : index
      attn.yield %keep : i1
    })";
  // The third query reads out of bounds: 0.
  EXPECT_EQ(
      kept(body, 3, 3, ", %t: tensor<?xi32>", {integers(32, {2}, {2, 1})}),
      (Lines{"..x", ".xx", "xxx"}));
}

TEST_F(MaskTest, integersWrapAtTheirType) {
  StringRef body = R"(
    %m = attn.mask.predicate {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %n = arith.index_cast %j : index to i8
      %c = arith.constant 100 : i8
      %s = arith.addi %n, %c : i8
      %z = arith.constant 0 : i8
      %keep = arith.cmpi slt, %s, %z : i8
      attn.yield %keep : i1
    })";
  std::string line(40, '.');
  std::fill(line.begin() + 28, line.end(), 'x');
  EXPECT_EQ(kept(body, 1, 40), Lines{line});
}

TEST_F(MaskTest, floatsRoundAtTheirTypeInMasks) {
  // 2^24 + 1 is not an f32: the sum rounds back to 2^24.
  StringRef body = R"(
    %m = attn.mask.predicate {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %big = arith.constant 16777216.0 : f32
      %n = arith.index_cast %j : index to i32
      %x = arith.sitofp %n : i32 to f32
      %s = arith.addf %big, %x : f32
      %keep = arith.cmpf ogt, %s, %big : f32
      attn.yield %keep : i1
    })";
  EXPECT_EQ(kept(body, 1, 4), Lines{"..xx"});
}

TEST_F(MaskTest, divisionByZeroIsRefused) {
  StringRef body = R"(
    %m = attn.mask.predicate {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %r = arith.remsi %i, %j : index
      %z = arith.constant 0 : index
      %keep = arith.cmpi eq, %r, %z : index
      attn.yield %keep : i1
    })";
  EXPECT_TRUE(kept(body, 1, 2).empty());
  EXPECT_EQ(error, "'arith.remsi' divides by 0");
}

TEST_F(MaskTest, mask_and_m1) {
  EXPECT_EQ(kept("%a = attn.mask.causal\n%b = attn.mask.dilated stride = 2\n"
                 "%m = attn.mask.and %a, %b",
                 3, 3),
            (Lines{"x..", ".x.", "x.x"}));
}

TEST_F(MaskTest, andStopsAtTheFirstThatDoesNotKeep) {
  StringRef body = R"(
    %a = attn.mask.constant false
    %p = attn.mask.predicate {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %z = arith.constant 0 : index
      %r = arith.divsi %i, %z : index
      %keep = arith.cmpi eq, %r, %z : index
      attn.yield %keep : i1
    }
    %m = attn.mask.and %a, %p)";
  EXPECT_EQ(kept(body, 1, 2), Lines{".."});
}

TEST_F(MaskTest, mask_or_m1) {
  EXPECT_EQ(kept("%a = attn.mask.causal\n%b = attn.mask.dilated stride = 2\n"
                 "%m = attn.mask.or %a, %b",
                 3, 3),
            (Lines{"x.x", "xx.", "xxx"}));
}

TEST_F(MaskTest, mask_not_m1) {
  EXPECT_EQ(kept("%a = attn.mask.causal\n%m = attn.mask.not %a", 3, 3),
            (Lines{".xx", "..x", "..."}));
}

TEST_F(MaskTest, sizesThatDoNotFitAreRefused) {
  kept("%m = attn.mask.document %d : tensor<?xi32>", 2, 3,
       ", %d: tensor<?xi32>", {integers(32, {2}, {0, 0})});
  EXPECT_EQ(error, "'attn.mask.document' has 2 ids for 3 positions");
  kept("%m = attn.mask.causal offset(%x : tensor<?xi32>)", 2, 3,
       ", %x: tensor<?xi32>", {integers(32, {2}, {0, 0})});
  EXPECT_EQ(error,
            "'attn.mask.causal' has 2 integers; it takes one per batch, 1");
  kept("%m = attn.mask.window past = 1 offset(%x : index)", 2, 3, ", %x: index",
       {index((int64_t(1) << 61) + 1)});
  EXPECT_EQ(error,
            "'attn.mask.window' has offset 2305843009213693953, which is "
            "not between -2^61 and 2^61");
  kept("%m = attn.mask.dense %d : tensor<?x?xi1>", 2, 3, ", %d: tensor<?x?xi1>",
       {integers(1, {1, 3}, {0, 0, 0})});
  EXPECT_THAT(error,
              testing::HasSubstr("'attn.mask.dense' has a tensor of sizes "
                                 "1x3; aligned right with (B, H, M, N) it "
                                 "must be 2x3"));
  kept("%m = attn.mask.document_offsets %d : tensor<?xi32>", 2, 2,
       ", %d: tensor<?xi32>", {integers(32, {3}, {0, 2, 1})});
  EXPECT_EQ(error,
            "'attn.mask.document_offsets' has offsets that decrease; they "
            "must not");
}
} // namespace
