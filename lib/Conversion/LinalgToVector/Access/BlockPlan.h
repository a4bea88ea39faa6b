//===- BlockPlan.h - How a linalg op is cut into register blocks --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_BLOCKPLAN_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_BLOCKPLAN_H

#include "BlockSize.h"

#include "attn/Target/CPU/TargetSpec.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <optional>
#include <vector>

namespace mlir::attn {

/// How an operand's elements for consecutive lanes lie in memory.
enum class LaneAccess {
  Uniform,    ///< One element serves all lanes.
  Contiguous, ///< Neighbours: one vector load or store.
  Strided,    ///< One scalar access per lane.
};

/// The loops of one op, from the outside in: outer dimensions, the row
/// dimension in blocks, the lane dimension in blocks (the other way round where
/// blocks are transposed), reductions.
struct BlockPlan {
  /// Per dimension; dynamic where no operand has it as a static size.
  SmallVector<int64_t> sizes;
  SmallVector<unsigned> outerDims;
  SmallVector<unsigned> reductionDims;
  /// Unset where the op has no dimension to block.
  std::optional<unsigned> rowDim;
  std::optional<unsigned> laneDim;
  /// The dimension of two elements that one instruction multiplies and adds;
  /// it is in no other list.
  std::optional<unsigned> pairDim;
  /// Whether two steps of the reduction are one: an instruction multiplies and
  /// adds both.
  bool pairsSteps = false;
  /// Whether blocks are transposed in registers. Rows are then the inner loop:
  /// where the rows of the input begin is found once for all of them.
  bool transposes = false;
  /// Whether one instruction rounds two vectors to bf16.
  bool convertsPairs = false;
  /// `TargetSpec::followsReads`.
  bool followsReads = false;
  /// Steps of the reduction that all blocks take before the next; 0 for all.
  int64_t stepsPerPass = 0;
  /// Block heights; each covers what the one before left over.
  SmallVector<int64_t> rowSegments = {1};
  /// Block widths; each covers what the one before left over.
  SmallVector<LaneSegment> laneSegments = {{1, 1}};

  bool isLane(unsigned dim) const { return laneDim && *laneDim == dim; }
  bool isRow(unsigned dim) const { return rowDim && *rowDim == dim; }

  /// Whether rows run along a reduction: some outputs take in all of them.
  bool isRowReduced(linalg::GenericOp op) const {
    return rowDim && op.getIteratorTypesArray()[*rowDim] ==
                         utils::IteratorType::reduction;
  }

  /// The elements of the largest block, in vectors.
  int64_t getBlockSize() const {
    return rowSegments.front() * laneSegments.front().vectors;
  }

  /// Cuts rows anew where each vector takes `cost` instructions beside the
  /// sums: blocks that such code makes long are few, and not tall.
  void shortenRows(int64_t cost);

  /// How `operand` varies along lane dimension `dim`.
  static LaneAccess accessAlong(OpOperand &operand, AffineMap map,
                                unsigned dim);

  /// Whether every operand is a scalar or a strided memref.
  static LogicalResult checkOperands(linalg::GenericOp op, std::string &reason);

  /// Chooses dimensions and block sizes. On failure `reason` says what is not
  /// supported.
  static FailureOr<BlockPlan>
  get(linalg::GenericOp op, const TargetSpec &target, std::string &reason);
};

/// Roughly the instructions that the body of `op` becomes for one vector.
int64_t estimateInstructions(linalg::GenericOp op);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_ACCESS_BLOCKPLAN_H
