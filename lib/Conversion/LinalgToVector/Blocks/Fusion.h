//===- Fusion.h - Elementwise ops inside the blocks of another -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_BLOCKS_FUSION_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_BLOCKS_FUSION_H

#include "../Access/BlockPlan.h"

namespace mlir::attn {

/// An op without inner loops of its own that runs on the blocks of another op,
/// its host. They share a memref whose elements correspond to the host's
/// parallel loops and to all loops of the op.
struct FusedOp {
  linalg::GenericOp op;
  /// The host's loop for each loop of the op.
  SmallVector<unsigned> hostDims;
  /// The op's loops as the host blocks them.
  BlockPlan plan;
};

/// What the elements of an output are before the first accumulation.
struct Initializer {
  /// One value for all elements; null for none.
  Value value;
  /// The op that computes them from the output's old elements.
  std::optional<FusedOp> op;
};

/// One entry per output, taken from a `linalg.fill` or an elementwise op on the
/// output that stands before `op` and serves nothing else; not one of
/// `claimed`. A fill is erased, an elementwise op has to be. `written` is what
/// findWrites gives.
std::vector<Initializer>
absorbInitializers(RewriterBase &rewriter, linalg::GenericOp op,
                   const BlockPlan &plan, ArrayRef<Value> written,
                   const DenseSet<Operation *> &claimed);

/// The ops after `host` that may run on each of its blocks once that is
/// computed, in order: elementwise in one of the host's outputs, perhaps
/// reducing it along dimensions other than the lanes'. Not one of `claimed`.
/// Ops between them have nothing to do with the host.
std::vector<FusedOp> findEpilogues(linalg::GenericOp host,
                                   const BlockPlan &plan,
                                   const DenseSet<Operation *> &claimed);

/// The memrefs that ops behind `host` write, up to the last of its epilogues,
/// where it will run.
SmallVector<Value> findWrites(linalg::GenericOp host,
                              ArrayRef<FusedOp> epilogues);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_BLOCKS_FUSION_H
