//===- AttentionLayoutTest.cpp - How layout strings are read -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::attn;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {
AttentionLayout read(std::optional<StringRef> text, int64_t rank) {
  std::string error;
  FailureOr<AttentionLayout> layout = AttentionLayout::get(text, rank, error);
  EXPECT_TRUE(succeeded(layout)) << error;
  return succeeded(layout) ? *layout : AttentionLayout();
}

std::string refuse(std::optional<StringRef> text, int64_t rank) {
  std::string error;
  EXPECT_TRUE(failed(AttentionLayout::get(text, rank, error)));
  return error;
}

TEST(AttentionLayout, DefaultsByRank) {
  AttentionLayout two = read(std::nullopt, 2);
  EXPECT_THAT(two.batch, IsEmpty());
  EXPECT_FALSE(two.head);
  EXPECT_EQ(two.length, 0);
  EXPECT_EQ(two.feature, 1);

  AttentionLayout three = read(std::nullopt, 3);
  EXPECT_THAT(three.batch, ElementsAre(0));
  EXPECT_FALSE(three.head);
  EXPECT_EQ(three.length, 1);

  AttentionLayout six = read(std::nullopt, 6);
  EXPECT_THAT(six.batch, ElementsAre(0, 1, 2));
  EXPECT_EQ(six.head, 3);
  EXPECT_EQ(six.length, 4);
  EXPECT_EQ(six.feature, 5);
  EXPECT_EQ(six.rank, 6);
}

TEST(AttentionLayout, LettersNameDimensions) {
  AttentionLayout layout = read("dbhm", 4);
  EXPECT_THAT(layout.batch, ElementsAre(1));
  EXPECT_EQ(layout.head, 2);
  EXPECT_EQ(layout.length, 3);
  EXPECT_EQ(layout.feature, 0);
}

TEST(AttentionLayout, RefusesWithASentence) {
  EXPECT_EQ(refuse(std::nullopt, 1),
            "query has rank 1; it takes at least 2, (length, head size)");
  EXPECT_EQ(refuse("bhmd", 3),
            "layout 'bhmd' names 4 dimensions, the tensor has 3");
  EXPECT_EQ(refuse("bmmd", 4), "layout 'bmmd' names 'm' twice");
  EXPECT_EQ(refuse("bhm", 3), "layout 'bhm' lacks 'd'; it takes m (queries or "
                              "keys) and d (head size)");
  EXPECT_EQ(refuse("b1md", 4), "layout 'b1md' holds '1'; it takes letters, one "
                               "per dimension, such as bhmd");
  EXPECT_EQ(refuse("", 0),
            "layout '' lacks 'm'; it takes m (queries or keys) and d (head "
            "size)");
}

TEST(AttentionLayout, SizesOfPairsAndResults) {
  MLIRContext context;
  context.loadDialect<AttnDialect, func::FuncDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(R"(
    func.func @f(%q: tensor<2x8x3x4x64xf16>, %k: tensor<2x?x3x4x64xf16>,
                 %v: tensor<2x?x3x4x16xf16>) {
      %o = attn.scaled_dot_product %q, %k, %v layout = "bmchd"
          : tensor<2x8x3x4x64xf16>, tensor<2x?x3x4x64xf16>,
            tensor<2x?x3x4x16xf16> -> tensor<2x8x3x4x16xf16>
      return
    })",
                                                             &context);
  ASSERT_TRUE(module);
  AttentionOpInterface op;
  module->walk([&](AttentionOpInterface found) { op = found; });
  AttentionLayout layout = AttentionLayout::get(op);
  EXPECT_THAT(layout.batch, ElementsAre(0, 2));

  PairSizes sizes = getPairSizes(op, layout);
  EXPECT_EQ(sizes.b, 6);
  EXPECT_EQ(sizes.h, 4);
  EXPECT_EQ(sizes.m, 8);
  EXPECT_TRUE(ShapedType::isDynamic(sizes.n));
  EXPECT_TRUE(sizes.accumulator.isF32());

  ResultDims dims = ResultDims::get(op, layout);
  auto dimsOf = [](ArrayRef<DimSource> sources) {
    return llvm::map_to_vector(sources,
                               [](DimSource source) { return source.dim; });
  };
  EXPECT_THAT(dimsOf(dims.output), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(dims.output[4].value, op.getValue());
  EXPECT_THAT(dimsOf(dims.lse), ElementsAre(0, 2, 3, 1));
  EXPECT_THAT(dimsOf(dims.weights), ElementsAre(0, 2, 3, 1, 1));
  EXPECT_EQ(dims.weights[4].value, op.getKey());
}
} // namespace
