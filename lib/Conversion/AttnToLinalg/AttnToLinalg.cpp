//===- AttnToLinalg.cpp - Attend tiles into linalg -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLinalg/AttnToLinalg.h"

#include "TileDecomposition.h"

#include "attn/Dialect/Attn/IR/AttnFacts.h"

#include "mlir/IR/PatternMatch.h"

namespace mlir::attn {
#define GEN_PASS_DEF_CONVERTATTNTOLINALGPASS
#include "attn/Conversion/AttnToLinalg/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// The scores of an op that has its queries last; others are refused.
static FailureOr<SmallVector<Value>> convert(OpBuilder &b, ScoreTileOp op) {
  auto given = cast<AffineMapAttr>(op.getIndexingMaps().getValue().back());
  AffineMap expected = AffineMap::getMultiDimMapWithTargets(
      NumTileDims, {TileJ, TileI}, op.getContext());
  if (given.getValue() != expected)
    return op.emitOpError()
           << "has the map " << given
           << " for its scores; the conversion to linalg takes "
           << AffineMapAttr::get(expected);
  Type accumulator = getElementTypeOrSelf(op.getScores().getType());
  return SmallVector<Value>{
      ScoreEmitter(b, op.getLoc(), accumulator)
          .emitScaledScores(TileScores::get(op), op.getScores())};
}

namespace {
struct ConvertAttnToLinalg
    : public attn::impl::ConvertAttnToLinalgPassBase<ConvertAttnToLinalg> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa<AttendTileOp, ScoreTileOp>(op))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      IRRewriter rewriter(op);
      auto tile = dyn_cast<AttendTileOp>(op);
      FailureOr<SmallVector<Value>> values =
          tile ? TileDecomposition(rewriter, tile).run()
               : convert(rewriter, cast<ScoreTileOp>(op));
      if (failed(values))
        return signalPassFailure();
      rewriter.replaceOp(op, *values);
    }
    eraseAssumptions(getOperation());
  }
};
} // namespace
