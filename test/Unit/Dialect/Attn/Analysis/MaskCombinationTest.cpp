//===- MaskCombinationTest.cpp - Masks of masks -----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskTexts.h"

#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::attn::test;

namespace {
const std::vector<Sizes> kFewSizes = {
    {1, 2, 37, 41, 8, 8}, {2, 1, 40, 33, 5, 7}, {1, 1, 23, 60, 16, 4}};

/// The parts that combinations are made of, as ops that define `name`.
struct Part {
  const char *name, *captures, *ops;
  std::function<std::vector<Datum>(const Sizes &)> data;
};

/// A predicate without captures, as a part.
std::string pairs(StringRef body) {
  return ("%NAME = attn.mask.predicate {\n"
          "^bb0(%b: index, %h: index, %i: index, %j: index):\n" +
          body + "\nattn.yield %keep : i1\n}")
      .str();
}

/// Pairs whose rows and columns differ by at most 1, in an image of 7 columns
/// that begins at position `origin`.
std::string neighbourhood(int64_t origin) {
  return llvm::formatv("%w = arith.constant 7 : index\n"
                       "%r = arith.constant 1 : index\n"
                       "%o = arith.constant {0} : index\n"
                       "%x = arith.subi %i, %o : index\n"
                       "%y = arith.subi %j, %o : index\n"
                       "%ri = arith.floordivsi %x, %w : index\n"
                       "%rj = arith.floordivsi %y, %w : index\n"
                       "%ci = attn.floormod %x, %w : index\n"
                       "%cj = attn.floormod %y, %w : index\n",
                       origin)
             .str() +
         kNearbyCells;
}

std::vector<Part> parts() {
  static const std::string chunks =
      pairs("%c = arith.constant 6 : index\n"
            "%x = arith.floordivsi %i, %c : index\n"
            "%y = arith.floordivsi %j, %c : index\n"
            "%keep = arith.cmpi eq, %x, %y : index");
  static const std::string band =
      pairs("%w = arith.constant 5 : index\n"
            "%d = arith.subi %i, %j : index\n"
            "%a = math.absi %d : index\n"
            "%keep = arith.cmpi slt, %a, %w : index");
  static const std::string image = pairs(neighbourhood(0)),
                           shifted = pairs(neighbourhood(1));
  static const std::string byOffsets =
      ("%NAME = attn.mask.predicate(%NAME_ids, %NAME_o : tensor<?xi32>, "
       "tensor<?xi64>) {\n"
       "^bb0(%b: index, %h: index, %i: index, %j: index, "
       "%t: tensor<?xi32>, %s: tensor<?xi64>):\n" +
       kWithinOffsets + "\nattn.yield %keep : i1\n}")
          .str();
  return {
      {"chunks", "", chunks.c_str(), nothing},
      {"|i - j| < w", "", band.c_str(), nothing},
      {"image", "", image.c_str(), nothing},
      {"image behind a token", "", shifted.c_str(), nothing},
      {"causal", "", "%NAME = attn.mask.causal", nothing},
      {"window", "", "%NAME = attn.mask.window past = 6 future = 3", nothing},
      {"prefix", "%NAME_l: index", "%NAME = attn.mask.prefix %NAME_l : index",
       [](const Sizes &s) {
         return std::vector<Datum>{makeInteger(s.keys / 3)};
       }},
      {"padding", "%NAME_l: tensor<?xi64>",
       "%NAME = attn.mask.padding %NAME_l : tensor<?xi64>",
       [](const Sizes &s) {
         return std::vector<Datum>{
             range(s.batches, [&](int64_t b) { return s.keys / (b + 2); })};
       }},
      {"documents by ids", "%NAME_ids: tensor<?xi32>",
       "%NAME = attn.mask.document %NAME_ids : tensor<?xi32>", sortedIds},
      {"documents by offsets",
       "%NAME_ids: tensor<?xi32>, %NAME_o: tensor<?xi64>", byOffsets.c_str(),
       offsetsOfDocuments},
      {"global keys", "%NAME_t: tensor<?xi1>",
       "%NAME = attn.mask.predicate(%NAME_t : tensor<?xi1>) {\n"
       "^bb0(%b: index, %h: index, %i: index, %j: index, %t: tensor<?xi1>):\n"
       "%keep = attn.load %t[%j] : tensor<?xi1>\n"
       "attn.yield %keep : i1\n}",
       [](const Sizes &s) {
         return std::vector<Datum>{
             range(s.keys, [](int64_t at) { return at % 13 == 5; })};
       }},
  };
}

/// `text` with NAME replaced.
std::string naming(StringRef text, StringRef name) {
  std::string result;
  while (true) {
    auto [before, after] = text.split("NAME");
    result += before.str();
    if (before.size() == text.size())
      return result;
    result += name.str();
    text = after;
  }
}

/// Rectangles are split where the rows of one image begin.
bool areTwoImages(const Part &lhs, const Part &rhs) {
  return StringRef(lhs.name).starts_with("image") &&
         StringRef(rhs.name).starts_with("image");
}

/// Two parts, combined by `combination`, ops on %lhs and %rhs that define %m.
NamedMask combine(const Part &lhs, const Part &rhs, StringRef combination) {
  std::string captures = naming(lhs.captures, "lhs");
  if (!captures.empty() && *rhs.captures)
    captures += ", ";
  captures += naming(rhs.captures, "rhs");
  NamedMask mask{nullptr, ops(captures, naming(lhs.ops, "lhs") + "\n" +
                                            naming(rhs.ops, "rhs") + "\n" +
                                            combination.str())};
  mask.captures = [lhs, rhs](const Sizes &s) {
    std::vector<Datum> data = lhs.data(s), more = rhs.data(s);
    data.insert(data.end(), more.begin(), more.end());
    return data;
  };
  return mask;
}

void expectExact(MLIRContext &context, const NamedMask &mask,
                 const std::string &name) {
  OwningOpRef<ModuleOp> module = parseMask(context, mask.text);
  Outcome total;
  for (const Sizes &sizes : kFewSizes)
    total += classify(*module, mask.captures(sizes), sizes);
  EXPECT_TRUE(total.isSound()) << name << ": " << total.fault;
  EXPECT_EQ(total.inexact, 0u) << name << " of " << total.tiles;
}

TEST(MaskCombinationTest, CombinationsAreExact) {
  auto context = makeContext();
  std::vector<Part> all = parts();
  for (const Part &lhs : all)
    for (const Part &rhs : all) {
      if (&lhs == &rhs || areTwoImages(lhs, rhs))
        continue;
      SmallVector<StringRef> combinations{
          "%n = attn.mask.not %rhs\n%m = attn.mask.and %lhs, %n",
          "%n = attn.mask.not %rhs\n%m = attn.mask.or %lhs, %n"};
      if (&lhs < &rhs)
        combinations.append(
            {"%m = attn.mask.or %lhs, %rhs", "%m = attn.mask.and %lhs, %rhs",
             "%n = attn.mask.or %lhs, %rhs\n%m = attn.mask.not %n"});
      for (StringRef combination : combinations)
        expectExact(
            *context, combine(lhs, rhs, combination),
            llvm::formatv("{0}, {1}: {2}", lhs.name, rhs.name, combination));
    }
}

/// A mask that meets itself: read twice, it is one condition.
TEST(MaskCombinationTest, MasksBesideThemselvesAreExact) {
  auto context = makeContext();
  for (const Part &part : parts())
    for (StringRef combination :
         {"%n = attn.mask.not %lhs\n%m = attn.mask.and %lhs, %n",
          "%n = attn.mask.not %lhs\n%m = attn.mask.or %n, %lhs",
          "%w = attn.mask.window past = 9 future = 2\n"
          "%n = attn.mask.not %lhs\n%o = attn.mask.or %w, %n\n"
          "%m = attn.mask.and %lhs, %o"})
      expectExact(*context, combine(part, {"", "", "", nothing}, combination),
                  llvm::formatv("{0}: {1}", part.name, combination));
}

/// Three masks, nested.
TEST(MaskCombinationTest, NestedCombinationsAreExact) {
  auto context = makeContext();
  std::vector<Part> all = parts();
  for (const Part &lhs : all)
    for (const Part &rhs : all) {
      if (&lhs >= &rhs || areTwoImages(lhs, rhs) ||
          rhs.name == StringRef("global keys"))
        continue;
      for (StringRef nested :
           {"%c = attn.mask.causal\n%n = attn.mask.not %lhs\n"
            "%o = attn.mask.or %rhs, %n\n%m = attn.mask.and %c, %o",
            "%c = attn.mask.causal\n%n = attn.mask.not %c\n"
            "%a = attn.mask.and %lhs, %rhs\n%m = attn.mask.or %n, %a",
            "%w = attn.mask.window past = 9 future = 2\n"
            "%a = attn.mask.and %lhs, %rhs\n%n = attn.mask.not %a\n"
            "%m = attn.mask.and %w, %n"})
        expectExact(*context, combine(lhs, rhs, nested),
                    llvm::formatv("{0}, {1}: {2}", lhs.name, rhs.name, nested));
    }
}

/// |i - j| < 2 or any of many rectangles, `count` in all.
std::string rectangles(int64_t count) {
  std::string body = "%w = arith.constant 2 : index\n"
                     "%d = arith.subi %i, %j : index\n"
                     "%a = math.absi %d : index\n"
                     "%any0 = arith.cmpi slt, %a, %w : index\n";
  for (int64_t at = 0; at < count; ++at)
    body +=
        llvm::formatv("%l{0} = arith.constant {1} : index\n"
                      "%u{0} = arith.constant {2} : index\n"
                      "%f{0} = arith.constant {3} : index\n"
                      "%p{0} = arith.cmpi sge, %j, %l{0} : index\n"
                      "%q{0} = arith.cmpi slt, %j, %u{0} : index\n"
                      "%r{0} = arith.cmpi sge, %i, %f{0} : index\n"
                      "%s{0} = arith.andi %p{0}, %q{0} : i1\n"
                      "%t{0} = arith.andi %s{0}, %r{0} : i1\n"
                      "%any{4} = arith.ori %any{0}, %t{0} : i1\n",
                      at, at * 11, at * 11 + 3 + at % 2 * 6, at * 7, at + 1);
  return body + llvm::formatv("%yes = arith.constant true\n"
                              "%keep = arith.andi %any{0}, %yes : i1",
                              count)
                    .str();
}

/// Expanded, the negation of 40 rectangles is 3^40 conjunctions. What is
/// emitted grows with the mask alone, and stays exact where a rectangle, or
/// neighbouring ones, decide.
TEST(MaskCombinationTest, ManyClausesStaySmall) {
  auto context = makeContext();
  const Sizes sizes{1, 1, 300, 450, 16, 16};
  for (StringRef negation : {"", "%n = attn.mask.not %m"}) {
    std::map<int64_t, size_t> emitted;
    for (int64_t count : {10, 40}) {
      OwningOpRef<ModuleOp> module =
          parseMask(*context, ops("", naming(pairs(rectangles(count)), "m") +
                                          "\n" + negation.str()));
      Outcome outcome =
          classify(*module, {}, sizes, [&](func::FuncOp function) {
            if (function.getName() == "map")
              function.walk([&](Operation *) { ++emitted[count]; });
          });
      EXPECT_TRUE(outcome.isSound()) << outcome.fault;
      EXPECT_EQ(outcome.inexact, 0u) << count << negation.str();
    }
    EXPECT_LT(emitted[40], 6 * emitted[10]) << negation.str();
  }
}
} // namespace
