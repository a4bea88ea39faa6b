//===- SharedReduction.h - Loops whose iterations threads share -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_INSTRUCTIONS_SHAREDREDUCTION_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_INSTRUCTIONS_SHAREDREDUCTION_H

#include "KernelBuilder.h"

#include "mlir/IR/IRMapping.h"

namespace mlir::attn {

/// A loop whose iterations only add to integers that it carries, by and, or,
/// exclusive or, sums, minima and maxima, so that threads can take them in any
/// order.
class SharedReduction {
public:
  /// Whether `loop` is one.
  static bool matches(scf::ForOp loop);

  explicit SharedReduction(scf::ForOp loop) : loop(loop) {}

  /// Emits the loop for `threads` threads, of which this is `thread` (i32): the
  /// lanes of a warp, or all warps of a block, which then takes getSharedBytes
  /// of shared memory. All of them have the results, which are added to
  /// `mapping`; `emitOp` emits an op of the body.
  void emit(KernelBuilder &k, IRMapping &mapping, Value thread, int64_t threads,
            function_ref<void(KernelBuilder &, Operation &)> emitOp);

  /// Of shared memory for a block of `threads` threads.
  int64_t getSharedBytes(int64_t threads) const;

private:
  SmallVector<Value> emitOwn(KernelBuilder &k, IRMapping &mapping, Value thread,
                             int64_t threads,
                             function_ref<void(KernelBuilder &, Operation &)>);
  Value combineWarps(KernelBuilder &k, Value value, Operation *combiner,
                     Value thread, int64_t threads);

  scf::ForOp loop;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_INSTRUCTIONS_SHAREDREDUCTION_H
