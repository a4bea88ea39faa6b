//===- MaskClassificationTest.cpp - Masks that must be exact ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskTexts.h"

#include "llvm/Support/FormatVariadic.h"
#include "gmock/gmock.h"

using namespace mlir;
using namespace mlir::attn::test;

namespace {
const std::vector<Sizes> kSizes = {
    {2, 2, 37, 41, 8, 8},  {1, 1, 64, 64, 8, 8},   {2, 1, 40, 33, 5, 7},
    {1, 2, 23, 60, 16, 4}, {1, 1, 1, 50, 4, 8},    {1, 1, 30, 1, 8, 4},
    {1, 1, 48, 48, 1, 6},  {1, 1, 29, 31, 64, 64}, {1, 2, 16, 80, 8, 2}};

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
