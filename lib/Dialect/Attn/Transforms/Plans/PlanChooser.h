//===- PlanChooser.h - The plans for one attend op --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_PLANS_PLANCHOOSER_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_PLANS_PLANCHOOSER_H

#include "attn/Dialect/Attn/Transforms/TilePlan.h"

namespace mlir::attn {

/// Tile registers: sums have 16 rows and columns, factors 16 rows of 32 bf16.
inline constexpr int64_t tileRows = TilePlan::registerRows,
                         tileColumns = TilePlan::registerColumns;

/// Finds the plan for the static sizes of one op.
class PlanChooser {
public:
  PlanChooser(const TargetSpec &target, AttendOp op);

  SmallVector<PlanVariant> variants();

private:
  // PlanChooser.cpp: what the op asks for.
  bool isPlain();
  bool mayGroup();
  int64_t headsOfTile() { return mayGroup() ? group : 1; }
  bool needsWeights();
  bool multipliesBF16();
  bool hasInnermostFeatures();
  bool usesPairs();
  bool widensKeys();
  bool hasManyQueries();
  bool fillsVectors();
  bool hasTiles() { return target.hasBF16Tiles && multipliesBF16(); }
  StringRef unpackedObstacle();
  StringRef tileObstacle();

  // PlanChooser.cpp: choices.
  double operations(const TilePlan &plan);
  std::string describeOrder(const TilePlan &plan);
  PlanVariant choose();
  PlanVariant withTiles(PlanVariant variant);
  PlanVariant fewOfBoth();
  PlanVariant filledTiles();

  // TilePlan.cpp: sizes.
  int64_t unpackedKeysFor(int64_t rows);
  int64_t pairedKeysFor(int64_t rows);
  TilePlan queriesAlongLanes();
  TilePlan featuresAlongLanes();
  void chooseTiles(TilePlan &plan);
  void shareKeys(TilePlan &plan);
  int64_t splitFor(const TilePlan &plan);
  bool readsShortHeads();
  bool fitsSecondLevel();
  bool staysNear();
  int64_t interleaveFor(const TilePlan &plan);
  int64_t totalBytes();
  int64_t nearBytes();
  bool followsHeads(const TilePlan &plan);
  void fetchNextHead(TilePlan &plan);

  const TargetSpec &target;
  AttendOp op;
  int64_t elementBytes, lanes, maxRows;
  int64_t batch, keyHeads, queries, keys, group, features, valueFeatures;
};

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_PLANS_PLANCHOOSER_H
