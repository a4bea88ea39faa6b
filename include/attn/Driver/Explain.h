//===- Explain.h - What the compiler does with a function and why -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DRIVER_EXPLAIN_H
#define ATTN_DRIVER_EXPLAIN_H

#include "attn/Dialect/Attn/Transforms/TilePlan.h"
#include "attn/Driver/Call.h"
#include "attn/Driver/Compilation.h"
#include "attn/Driver/Work.h"

namespace mlir::attn {

/// The plan of one attention op at given sizes.
struct AttentionPlan : AttentionSizes {
  std::string op; ///< Where it stands and what it is.
  int64_t tileQueries = 0, tileKeys = 0;
  /// Of attn.multi_head: what projecting inside of the tiles would save and
  /// cost (see `describeProjections`); empty for others and unknown sizes.
  std::string projections;
  /// What the mask keeps, over i, j, b, h and captured names, in one line and
  /// in short ones; empty for none.
  std::string mask, maskLines;
  /// Tiles over all batches and heads; -1 where sizes are not known.
  int64_t emptyTiles = -1, partialTiles = -1, fullTiles = -1;
  /// Floating-point operations of all pairs, and of those in tiles that are not
  /// empty; -1 where sizes are not known.
  double denseFlops = -1, visitedFlops = -1;
  /// The PNG of the tiles (see TileCounts); empty where sizes are not known or
  /// there is no mask.
  std::string picture;
  /// The plans that the compiled function holds, by growing number of queries.
  SmallVector<PlanVariant> variants;

  /// Which of the variants a call with this many queries follows; -1 where the
  /// number is not known.
  int64_t getVariant() const;
};

/// What `attnc explain` prints.
struct Explanation {
  std::string function;
  std::string target;
  std::vector<AttentionPlan> plans;
  std::vector<CompileRemark> remarks;

  std::string getText() const;
  std::string getJSON() const;
};

/// Compiles `compilation` and explains one of its functions.
llvm::Expected<Explanation> explain(Compilation &compilation,
                                    func::FuncOp function,
                                    const CallArguments &arguments);

} // namespace mlir::attn

#endif // ATTN_DRIVER_EXPLAIN_H
