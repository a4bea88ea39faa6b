//===- MaskClassificationTest.cpp - The masks that must be exact -*- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ClassificationHarness.h"

#include "llvm/Support/FormatVariadic.h"
#include "gmock/gmock.h"

using namespace mlir;
using namespace mlir::attn::test;

namespace {
const std::vector<Sizes> kSizes = {
    {2, 2, 37, 41, 8, 8},  {1, 1, 64, 64, 8, 8},   {2, 1, 40, 33, 5, 7},
    {1, 2, 23, 60, 16, 4}, {1, 1, 1, 50, 4, 8},    {1, 1, 30, 1, 8, 4},
    {1, 1, 48, 48, 1, 6},  {1, 1, 29, 31, 64, 64}, {1, 2, 16, 80, 8, 2}};

/// For masks of which there are many.
const std::vector<Sizes> kFewSizes = {
    {1, 2, 37, 41, 8, 8}, {2, 1, 40, 33, 5, 7}, {1, 1, 23, 60, 16, 4}};

/// A mask, as ops of attn, on captures that depend on the sizes.
struct NamedMask {
  const char *name;
  std::string text;
  std::function<std::vector<Datum>(const Sizes &)> captures;
};

Datum range(int64_t count, function_ref<int64_t(int64_t)> element) {
  std::vector<int64_t> data;
  for (int64_t at = 0; at < count; ++at)
    data.push_back(element(at));
  return makeTensor({count}, data);
}

std::vector<Datum> nothing(const Sizes &) { return {}; }

/// Lengths of documents that straddle tiles.
int64_t documentOf(int64_t position) {
  int64_t lengths[] = {5, 1, 11, 8, 2, 19, 3}, document = 0;
  while (position >= lengths[document % 7])
    position -= lengths[document++ % 7];
  return document;
}

std::vector<Datum> sortedIds(const Sizes &s) {
  return {range(std::max(s.queries, s.keys),
                [](int64_t at) { return documentOf(at) * 3 - 4; })};
}

std::string predicate(StringRef captures, StringRef operands,
                      StringRef arguments, StringRef body) {
  std::string list = operands.empty() ? "" : ("(" + operands + ")").str();
  return ("func.func @mask(" + captures + ") {\n  %m = attn.mask.predicate" +
          list + " {\n  ^bb0(%b: index, %h: index, %i: index, %j: index" +
          (arguments.empty() ? "" : ", ") + arguments + "):\n" + body +
          "\n    attn.yield %keep : i1\n  }\n  return\n}")
      .str();
}

std::string ops(StringRef captures, StringRef body) {
  return ("func.func @mask(" + captures + ") {\n" + body + "\n  return\n}")
      .str();
}

std::vector<NamedMask> listedMasks();

void report(const char *name, const Outcome &outcome) {
  llvm::outs() << llvm::formatv(
      "{0,-34} tiles {1,6}  inexact {2,4}  loose bounds {3,4}\n", name,
      outcome.tiles, outcome.inexact, outcome.looseBounds);
  llvm::outs().flush();
}

TEST(MaskClassificationTest, ListedMasksAreExact) {
  auto context = makeContext();
  for (const NamedMask &mask : listedMasks()) {
    OwningOpRef<ModuleOp> module = parseMask(*context, mask.text);
    Outcome total;
    for (const Sizes &sizes : kSizes)
      total += classify(*module, mask.captures(sizes), sizes);
    report(mask.name, total);
    EXPECT_TRUE(total.isSound()) << mask.name << ": " << total.fault;
    EXPECT_EQ(total.inexact, 0u) << mask.name;
  }
}

/// Loops begin and end at the tiles that sorted ids reach, and nowhere near
/// those of shuffled ids.
TEST(MaskClassificationTest, SortedIdsAreSearched) {
  auto context = makeContext();
  OwningOpRef<ModuleOp> module =
      parseMask(*context, ops("%ids: tensor<?xi32>",
                              "%m = attn.mask.document %ids : tensor<?xi32>"));
  Outcome sorted, shuffled;
  for (const Sizes &sizes : kSizes) {
    sorted += classify(*module, sortedIds(sizes), sizes);
    auto shuffle = [](int64_t at) { return documentOf(at * 37 % 41); };
    shuffled += classify(
        *module, {range(std::max(sizes.queries, sizes.keys), shuffle)}, sizes);
  }
  EXPECT_TRUE(sorted.isSound()) << sorted.fault;
  EXPECT_EQ(sorted.looseBounds, 0u);
  EXPECT_TRUE(shuffled.isSound()) << shuffled.fault;
}

/// The parts that combinations are made of, as ops that define `name`.
struct Part {
  const char *name, *captures, *ops;
  std::function<std::vector<Datum>(const Sizes &)> data;
};

std::vector<Datum> offsetsOfDocuments(const Sizes &s) {
  int64_t length = std::max(s.queries, s.keys);
  std::vector<int64_t> starts{0};
  for (int64_t at = 1; at < length; ++at)
    if (documentOf(at) != documentOf(at - 1))
      starts.push_back(at);
  starts.push_back(length);
  return {range(length, documentOf),
          makeTensor({int64_t(starts.size())}, starts)};
}

/// Whether key %j is in the document of query %i, of which ids are %t and the
/// starts of documents %s.
constexpr StringLiteral kWithinOffsets =
    "%one = arith.constant 1 : index\n"
    "%id = attn.load %t[%i] : tensor<?xi32>\n"
    "%x = arith.index_cast %id : i32 to index\n"
    "%y = arith.addi %x, %one : index\n"
    "%lo = attn.load %s[%x] : tensor<?xi64>\n"
    "%hi = attn.load %s[%y] : tensor<?xi64>\n"
    "%k = arith.index_cast %j : index to i64\n"
    "%p = arith.cmpi sge, %k, %lo : i64\n"
    "%q = arith.cmpi slt, %k, %hi : i64\n"
    "%keep = arith.andi %p, %q : i1";

/// A predicate without captures, as a part.
std::string pairs(StringRef body) {
  return ("%NAME = attn.mask.predicate {\n"
          "^bb0(%b: index, %h: index, %i: index, %j: index):\n" +
          body + "\nattn.yield %keep : i1\n}")
      .str();
}

/// Rows ri and rj, columns ci and cj, that differ by r at most.
const char *const kNearbyCells = "%dr = arith.subi %ri, %rj : index\n"
                                 "%dc = arith.subi %ci, %cj : index\n"
                                 "%ar = math.absi %dr : index\n"
                                 "%ac = math.absi %dc : index\n"
                                 "%p = arith.cmpi sle, %ar, %r : index\n"
                                 "%q = arith.cmpi sle, %ac, %r : index\n"
                                 "%keep = arith.andi %p, %q : i1";

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

TEST(MaskClassificationTest, CombinationsAreExact) {
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
TEST(MaskClassificationTest, MasksBesideThemselvesAreExact) {
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
TEST(MaskClassificationTest, NestedCombinationsAreExact) {
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
TEST(MaskClassificationTest, ManyClausesStaySmall) {
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

std::vector<NamedMask> listedMasks() {
  auto offsets = [](const Sizes &s) {
    return std::vector<Datum>{range(
        s.batches, [&](int64_t b) { return s.keys - s.queries + 3 * b; })};
  };
  auto lengths = [](const Sizes &s) {
    return std::vector<Datum>{
        range(s.batches, [&](int64_t b) { return s.keys / (b + 2); })};
  };
  auto rowLengths = [](const Sizes &s) {
    std::vector<int64_t> data;
    for (int64_t at = 0; at < s.batches * s.queries; ++at)
      data.push_back((at * 7) % (s.keys + 3) - 1);
    return std::vector<Datum>{makeTensor({s.batches, s.queries}, data)};
  };
  const char *ids = "%ids: tensor<?xi32>";
  return {
      {"causal", ops("", "%m = attn.mask.causal"), nothing},
      {"causal, per-batch offset",
       ops("%o: tensor<?xi64>",
           "%m = attn.mask.causal offset(%o : tensor<?xi64>)"),
       offsets},
      {"causal, scalar offset",
       ops("%o: index", "%m = attn.mask.causal offset(%o : index)"),
       [](const Sizes &s) {
         return std::vector<Datum>{makeInteger(s.keys - s.queries)};
       }},
      {"window", ops("", "%m = attn.mask.window past = 9 future = 0"), nothing},
      {"window, both sides",
       ops("", "%m = attn.mask.window past = 3 future = 11"), nothing},
      {"window, dynamic",
       ops("%p: index, %f: index", "%m = attn.mask.window past(%p) future(%f)"),
       [](const Sizes &) {
         return std::vector<Datum>{makeInteger(6), makeInteger(-2)};
       }},
      {"prefix", ops("%l: index", "%m = attn.mask.prefix %l : index"),
       [](const Sizes &s) {
         return std::vector<Datum>{makeInteger(s.keys / 3)};
       }},
      {"padding, per batch",
       ops("%l: tensor<?xi64>", "%m = attn.mask.padding %l : tensor<?xi64>"),
       lengths},
      {"padding, per query",
       ops("%l: tensor<?x?xi64>",
           "%m = attn.mask.padding %l : tensor<?x?xi64>"),
       rowLengths},
      {"prefix or causal",
       ops("%l: index", "%p = attn.mask.prefix %l : index\n"
                        "%c = attn.mask.causal\n"
                        "%m = attn.mask.or %p, %c"),
       [](const Sizes &s) {
         return std::vector<Datum>{makeInteger(s.keys / 2)};
       }},
      {"block diagonal",
       predicate("", "", "",
                 "%c = arith.constant 12 : index\n"
                 "%x = arith.floordivsi %i, %c : index\n"
                 "%y = arith.floordivsi %j, %c : index\n"
                 "%keep = arith.cmpi eq, %x, %y : index"),
       nothing},
      {"chunked local",
       predicate("%s: index", "%s : index", "%c: index",
                 "%x = arith.floordivsi %i, %c : index\n"
                 "%y = arith.floordivsi %j, %c : index\n"
                 "%same = arith.cmpi eq, %x, %y : index\n"
                 "%past = arith.cmpi sle, %j, %i : index\n"
                 "%keep = arith.andi %same, %past : i1"),
       [](const Sizes &) { return std::vector<Datum>{makeInteger(10)}; }},
      {"|i - j| < w",
       predicate("", "", "",
                 "%w = arith.constant 6 : index\n"
                 "%d = arith.subi %i, %j : index\n"
                 "%a = math.absi %d : index\n"
                 "%keep = arith.cmpi slt, %a, %w : index"),
       nothing},
      {"documents", ops(ids, "%m = attn.mask.document %ids : tensor<?xi32>"),
       sortedIds},
      {"documents and causal",
       ops(ids, "%c = attn.mask.causal\n"
                "%d = attn.mask.document %ids : tensor<?xi32>\n"
                "%m = attn.mask.and %c, %d"),
       sortedIds},
      {"documents and window",
       ops(ids, "%w = attn.mask.window past = 7 future = 0\n"
                "%d = attn.mask.document %ids : tensor<?xi32>\n"
                "%m = attn.mask.and %d, %w"),
       sortedIds},
      {"not (documents and causal)",
       ops(ids, "%c = attn.mask.causal\n"
                "%d = attn.mask.document %ids : tensor<?xi32>\n"
                "%a = attn.mask.and %c, %d\n"
                "%m = attn.mask.not %a"),
       sortedIds},
      {"documents by offsets",
       predicate("%ids: tensor<?xi32>, %o: tensor<?xi64>",
                 "%ids, %o : tensor<?xi32>, tensor<?xi64>",
                 "%t: tensor<?xi32>, %s: tensor<?xi64>", kWithinOffsets),
       offsetsOfDocuments},
      {"2-D neighbourhood",
       predicate("", "", "",
                 std::string("%w = arith.constant 11 : index\n"
                             "%r = arith.constant 1 : index\n"
                             "%ri = arith.floordivsi %i, %w : index\n"
                             "%rj = arith.floordivsi %j, %w : index\n"
                             "%ci = attn.floormod %i, %w : index\n"
                             "%cj = attn.floormod %j, %w : index\n") +
                     kNearbyCells),
       nothing},
      {"2-D neighbourhood, narrow image",
       predicate("%width: index", "%width : index", "%w: index",
                 "%r = arith.constant 2 : index\n"
                 "%ri = arith.divui %i, %w : index\n"
                 "%rj = arith.divui %j, %w : index\n"
                 "%ci = arith.remui %i, %w : index\n"
                 "%cj = arith.remui %j, %w : index\n"
                 "%dr = arith.subi %ri, %rj : index\n"
                 "%dc = arith.subi %ci, %cj : index\n"
                 "%ar = math.absi %dr : index\n"
                 "%ac = math.absi %dc : index\n"
                 "%p = arith.cmpi slt, %ar, %r : index\n"
                 "%q = arith.cmpi slt, %ac, %r : index\n"
                 "%keep = arith.andi %p, %q : i1"),
       [](const Sizes &) { return std::vector<Datum>{makeInteger(5)}; }},
      {"window and global tokens",
       predicate("", "", "",
                 "%w = arith.constant 4 : index\n"
                 "%g = arith.constant 3 : index\n"
                 "%d = arith.subi %i, %j : index\n"
                 "%a = math.absi %d : index\n"
                 "%near = arith.cmpi sle, %a, %w : index\n"
                 "%gi = arith.cmpi slt, %i, %g : index\n"
                 "%gj = arith.cmpi slt, %j, %g : index\n"
                 "%or = arith.ori %gi, %gj : i1\n"
                 "%keep = arith.ori %near, %or : i1"),
       nothing},
      {"global tokens by table",
       predicate("%isg: tensor<?xi1>", "%isg : tensor<?xi1>",
                 "%t: tensor<?xi1>",
                 "%x = attn.load %t[%i] : tensor<?xi1>\n"
                 "%y = attn.load %t[%j] : tensor<?xi1>\n"
                 "%keep = arith.ori %x, %y : i1"),
       [](const Sizes &s) {
         return std::vector<Datum>{
             range(std::max(s.queries, s.keys),
                   [](int64_t at) { return at % 13 == 5; })};
       }},
      {"dilated", ops("", "%m = attn.mask.dilated stride = 3"), nothing},
      {"block sparse",
       ops("%l: tensor<?x?xi1>",
           "%m = attn.mask.block_sparse %l block [64, 64] : tensor<?x?xi1>"),
       [](const Sizes &) {
         return std::vector<Datum>{makeTensor({2, 2}, {1, 0, 0, 1})};
       }},
      {"causal and not window",
       ops("", "%c = attn.mask.causal\n"
               "%w = attn.mask.window past = 5 future = 5\n"
               "%n = attn.mask.not %w\n"
               "%m = attn.mask.and %c, %n"),
       nothing},
      {"constant", ops("", "%m = attn.mask.constant true"), nothing},
      {"causal, window, padding",
       ops("%l: tensor<?xi64>", "%c = attn.mask.causal\n"
                                "%w = attn.mask.window past = 12\n"
                                "%p = attn.mask.padding %l : tensor<?xi64>\n"
                                "%m = attn.mask.and %c, %w, %p"),
       lengths},
  };
}
} // namespace
