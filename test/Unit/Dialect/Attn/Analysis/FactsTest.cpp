//===- FactsTest.cpp - Row witnesses, score bounds, constant masks --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ClassificationHarness.h"

#include "attn/Dialect/Attn/Analysis/RowWitness.h"
#include "attn/Dialect/Attn/Analysis/ScoreRange.h"
#include "attn/Dialect/Attn/Analysis/TileClassification.h"
#include "mlir/Parser/Parser.h"
#include "gmock/gmock.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::test;

namespace {
class FactsTest : public testing::Test {
protected:
  /// The predicate of the mask that `ops`, in a function of `captures`, give.
  Region &parse(StringRef captures, StringRef ops) {
    module = parseMask(*context, ("func.func @mask(" + captures + ") {\n" +
                                  ops + "\n  return\n}")
                                     .str());
    return module->lookupSymbol<func::FuncOp>("predicate").getBody();
  }

  /// A function of (score, b, h, i, j, cap) whose body is `ops`.
  Region &parseScore(StringRef ops) {
    module = parseSourceString<ModuleOp>(
        ("func.func @score(%s: f32, %b: index, %h: index, %i: index, "
         "%j: index, %cap: f32) -> f32 {\n" +
         ops + "\n  return %r : f32\n}")
            .str(),
        ParserConfig(context.get()));
    return module->lookupSymbol<func::FuncOp>("score").getBody();
  }

  std::unique_ptr<MLIRContext> context = makeContext();
  OwningOpRef<ModuleOp> module;
};

TEST_F(FactsTest, CausalKeepsTheFirstKey) {
  EXPECT_EQ(findRowWitness(parse("", "%m = attn.mask.causal")),
            RowWitness::FirstKey);
}

TEST_F(FactsTest, WindowsAndDocumentsKeepTheOwnKey) {
  EXPECT_EQ(
      findRowWitness(parse("", "%m = attn.mask.window past = 5 future = 0")),
      RowWitness::OwnKey);
  EXPECT_EQ(
      findRowWitness(parse("%ids: tensor<?xi32>",
                           "%c = attn.mask.causal\n"
                           "%d = attn.mask.document %ids : tensor<?xi32>\n"
                           "%m = attn.mask.and %c, %d")),
      RowWitness::OwnKey);
}

TEST_F(FactsTest, RowsThatMayBeEmptyHaveNoWitness) {
  EXPECT_EQ(
      findRowWitness(parse("%l: index", "%m = attn.mask.prefix %l : index")),
      RowWitness::None);
  EXPECT_EQ(findRowWitness(parse("", "%c = attn.mask.causal\n"
                                     "%d = attn.mask.dilated stride = 1\n"
                                     "%n = attn.mask.not %c\n"
                                     "%m = attn.mask.and %n, %d")),
            RowWitness::None);
  EXPECT_EQ(findRowWitness(
                parse("%o: index", "%m = attn.mask.causal offset(%o : index)")),
            RowWitness::None);
  EXPECT_EQ(findRowWitness(parse("%ids: tensor<?xi32>, %keys: tensor<?xi32>",
                                 "%m = attn.mask.document %ids keys(%keys : "
                                 "tensor<?xi32>) : tensor<?xi32>")),
            RowWitness::None);
}

TEST_F(FactsTest, MasksThatAreConstant) {
  TileClassifier all(parse("", "%t = attn.mask.constant true\n"
                               "%c = attn.mask.causal\n"
                               "%n = attn.mask.not %c\n"
                               "%m = attn.mask.or %c, %n"));
  EXPECT_TRUE(all.isAlwaysTrue());
  TileClassifier none(parse("", "%c = attn.mask.causal\n"
                                "%n = attn.mask.not %c\n"
                                "%m = attn.mask.and %c, %n"));
  EXPECT_TRUE(none.isAlwaysFalse());
  EXPECT_FALSE(none.isAlwaysTrue());
  TileClassifier some(parse("", "%m = attn.mask.causal"));
  EXPECT_FALSE(some.isAlwaysTrue());
  EXPECT_FALSE(some.isAlwaysFalse());
}

TEST_F(FactsTest, MasksThatAreConstantAtKnownSizes) {
  Region &window = parse("", "%m = attn.mask.window past = 99");
  EXPECT_TRUE(TileClassifier(window, 100, 100).isAlwaysTrue());
  EXPECT_FALSE(TileClassifier(window, 101, 100).isAlwaysTrue());
}

TEST_F(FactsTest, NotesNameTheOperation) {
  TileClassifier classifier(parse(
      "%t: tensor<?xi32>", "%m = attn.mask.predicate(%t : tensor<?xi32>) {\n"
                           "^bb0(%b: index, %h: index, %i: index, %j: index, "
                           "%c: tensor<?xi32>):\n"
                           "  %x = arith.xori %i, %j : index\n"
                           "  %k = attn.load %c[%x] : tensor<?xi32>\n"
                           "  %z = arith.constant 3 : i32\n"
                           "  %keep = arith.cmpi sgt, %k, %z : i32\n"
                           "  attn.yield %keep : i1\n}"));
  std::vector<std::string> names;
  for (const AnalysisNote &note : classifier.getNotes())
    names.push_back(note.op->getName().getStringRef().str());
  EXPECT_THAT(names, testing::ElementsAre("arith.xori", "attn.load"));
}

TEST_F(FactsTest, AscendingIdsLeaveNoGaps) {
  Region &mask = parse("%ids: tensor<?xi32>",
                       "%c = attn.mask.causal\n"
                       "%d = attn.mask.document %ids : tensor<?xi32>\n"
                       "%m = attn.mask.and %c, %d");
  CaptureFacts ascending;
  ascending.ascending = true;
  constexpr int64_t any = ShapedType::kDynamic;
  EXPECT_TRUE(TileClassifier(mask).mayLeaveGaps());
  EXPECT_FALSE(TileClassifier(mask, any, any, ascending).mayLeaveGaps());
}

TEST_F(FactsTest, WhatIsMadeOfAscendingIdsMayFall) {
  CaptureFacts ascending;
  ascending.ascending = true;
  constexpr int64_t any = ShapedType::kDynamic;
  for (const char *index :
       {"%r = arith.subi %i, %j : index", "%r = arith.xori %j, %c1 : index"}) {
    Region &mask =
        parse("%t: tensor<?xi32>",
              (std::string("%m = attn.mask.predicate(%t : tensor<?xi32>) {\n"
                           "^bb0(%b: index, %h: index, %i: index, %j: index, "
                           "%c: tensor<?xi32>):\n"
                           "  %c1 = arith.constant 1 : index\n  ") +
               index +
               "\n  %k = attn.load %c[%r] : tensor<?xi32>\n"
               "  %z = arith.constant 3 : i32\n"
               "  %keep = arith.cmpi sgt, %k, %z : i32\n"
               "  attn.yield %keep : i1\n}"));
    EXPECT_TRUE(TileClassifier(mask, any, any, ascending).mayLeaveGaps());
  }
}

TEST_F(FactsTest, BoundsTakeThePlaceOfPremises) {
  Region &mask = parse("%l: index", "%m = attn.mask.causal offset(%l : index)");
  CaptureFacts bounded;
  bounded.atLeast = -5;
  bounded.atMost = 1000;
  constexpr int64_t any = ShapedType::kDynamic;
  EXPECT_GT(TileClassifier(mask).countPremises(), 0u);
  EXPECT_EQ(TileClassifier(mask, any, any, bounded).countPremises(), 0u);
  bounded.atLeast = 100;
  EXPECT_FALSE(TileClassifier(mask, 50, 101, bounded).isAlwaysFalse());
  EXPECT_TRUE(TileClassifier(mask, 50, 101, bounded).isAlwaysTrue());
  EXPECT_FALSE(TileClassifier(mask, 50, 102, bounded).isAlwaysTrue());
}

TEST_F(FactsTest, SoftcapBoundsTheScore) {
  const char *softcap = "%c = arith.constant 30.0 : f32\n"
                        "%q = arith.divf %s, %c : f32\n"
                        "%t = math.tanh %q : f32\n"
                        "%r = arith.mulf %c, %t : f32";
  EXPECT_EQ(getScoreBound(parseScore(softcap)), 30.0);
}

TEST_F(FactsTest, ClampsBoundTheScore) {
  EXPECT_EQ(getScoreBound(parseScore("%c = arith.constant 8.0 : f32\n"
                                     "%l = arith.constant -9.0 : f32\n"
                                     "%m = arith.maximumf %s, %l : f32\n"
                                     "%r = arith.minimumf %m, %c : f32")),
            9.0);
}

TEST_F(FactsTest, CapturedCapIsNotBounded) {
  EXPECT_EQ(getScoreBound(parseScore("%q = arith.divf %s, %cap : f32\n"
                                     "%t = math.tanh %q : f32\n"
                                     "%r = arith.mulf %cap, %t : f32")),
            std::nullopt);
}

TEST_F(FactsTest, WhatIsAddedAfterwardsIsNotBounded) {
  EXPECT_EQ(getScoreBound(parseScore("%c = arith.constant 30.0 : f32\n"
                                     "%t = math.tanh %s : f32\n"
                                     "%u = arith.mulf %c, %t : f32\n"
                                     "%r = arith.addf %u, %s : f32")),
            std::nullopt);
  EXPECT_EQ(getScoreBound(parseScore("%r = arith.mulf %s, %s : f32")),
            std::nullopt);
}

TEST_F(FactsTest, WhatIsGivenBoundsTheScore) {
  EXPECT_EQ(getScoreBound(parseScore("%c = arith.constant 3.0 : f32\n"
                                     "%r = arith.mulf %s, %c : f32"),
                          2.0),
            6.0);
  EXPECT_EQ(getScoreBound(parseScore("%r = arith.addf %s, %cap : f32"), 2.0),
            std::nullopt);
}
} // namespace
