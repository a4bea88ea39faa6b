//===- WalkPointers.h - Addresses that cost no second instruction -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_CPU_WALKPOINTERS_H
#define ATTN_LIB_TARGET_CPU_WALKPOINTERS_H

#include "llvm/Transforms/Scalar/LoopPassManager.h"

namespace mlir::attn {

/// In loops over sums in vectors, scalars that many lanes take and that lie at
/// constant distances from each other are addressed from one pointer, which the
/// loop moves. From a base and an index, which strength reduction prefers on
/// x86, each multiply-add with such an operand is split into two instructions.
struct WalkPointers : llvm::PassInfoMixin<WalkPointers> {
  llvm::PreservedAnalyses run(llvm::Loop &loop,
                              llvm::LoopAnalysisManager &loops,
                              llvm::LoopStandardAnalysisResults &analyses,
                              llvm::LPMUpdater &updater);
};

} // namespace mlir::attn

#endif // ATTN_LIB_TARGET_CPU_WALKPOINTERS_H
