//===- TileCountsTest.cpp - What counts of tiles tell -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/TileCounts.h"

#include "gtest/gtest.h"

using namespace mlir::attn;

/// Two heads by one row of tiles by four.
static TileCounts makeCounts(llvm::StringRef tiles) {
  TileCounts counts;
  counts.planes = 2;
  counts.queryTiles = 1;
  counts.keyTiles = 4;
  for (char tile : tiles)
    counts.kinds.push_back(tile == 'e'   ? TileKind::Empty
                           : tile == 'p' ? TileKind::Partial
                                         : TileKind::Full);
  return counts;
}

TEST(TileCounts, KeysAreReachedByAnyHeadThatSharesThem) {
  TileCounts counts = makeCounts("eepf"
                                 "ffee");
  EXPECT_EQ(counts.reachedShare(1), 0.5);
  EXPECT_EQ(counts.reachedShare(2), 1);
}

TEST(TileCounts, AnyQueryReachesAKey) {
  TileCounts counts = makeCounts("eepf"
                                 "ffee");
  counts.planes = 1;
  counts.queryTiles = 2;
  EXPECT_EQ(counts.reachedShare(1), 1);
}

TEST(TileCounts, NoTilesLeaveNothingOut) {
  EXPECT_EQ(TileCounts().reachedShare(1), 1);
}
