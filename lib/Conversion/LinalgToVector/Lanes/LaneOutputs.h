//===- LaneOutputs.h - Where sums along lanes go ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_LANEOUTPUTS_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_LANEOUTPUTS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <optional>

namespace mlir::attn {

/// A block of outputs: `outers` rows from `outer` on, `inners` columns from
/// `inner` on; `outer` is null where outputs have one dimension. Of these, row
/// after row, it has those from `first` to `end`.
struct OutputBlock {
  Value outer, inner;
  int64_t outers, inners;
  int64_t first = 0, end = outers * inners;

  int64_t size() const { return end - first; }
};

/// Adds the sums of `op`, which is a lane reduction, to what its output holds
/// before: `initial`, or null for its contents.
class LaneOutputs {
public:
  LaneOutputs(OpBuilder &builder, linalg::GenericOp op, Value initial)
      : builder(builder), op(op), loc(op.getLoc()), initial(initial) {}

  /// Lane i of `sums` is output i of the block, further ones none.
  void store(const OutputBlock &block, Value sums);

  /// Whether rows of so many columns follow each other in the output.
  static bool isFlat(Value output, int64_t columns);

private:
  void storeFlat(const OutputBlock &block, Value sums);
  void storePiece(Value piece, Value target, ValueRange position);

  OpBuilder &builder;
  linalg::GenericOp op;
  Location loc;
  Value initial;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_LANES_LANEOUTPUTS_H
