//===- Streaming.cpp - Fetches of streamed operands -----------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Streaming.h"

#include "attn/Dialect/Attn/IR/AttributeNames.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// The lines of a matrix.
struct Lines {
  int64_t elements, perRow, count;

  explicit Lines(MemRefType type) {
    constexpr int64_t lineBits = 512;
    elements = lineBits / type.getElementTypeBitWidth();
    perRow = llvm::divideCeil(type.getDimSize(1), elements);
    count = type.getDimSize(0) * perRow;
  }
};
} // namespace

void attn::emitSpreadFetch(OpBuilder &builder, OpOperand &spread, Value step,
                           int64_t steps) {
  Location loc = spread.getOwner()->getLoc();
  Lines lines(cast<MemRefType>(spread.get().getType()));
  int64_t linesPerRow = lines.perRow, perLine = lines.elements;
  int64_t share = llvm::divideCeil(lines.count, steps);
  for (int64_t i = 0; i < share; ++i) {
    AffineExpr line = builder.getAffineDimExpr(0) * share + i;
    auto position = [&](AffineExpr expr) -> Value {
      return getValueOrCreateConstantIndexOp(
          builder, loc,
          affine::makeComposedFoldedAffineApply(
              builder, loc, AffineMap::get(1, 0, expr), {step}));
    };
    emitPrefetch(builder, spread,
                 {position(line.floorDiv(linesPerRow)),
                  position(line % linesPerRow * perLine)});
  }
}

void attn::emitSpreadFetch(OpBuilder &builder, OpOperand &spread, Value block,
                           int64_t blocks, Value step, int64_t steps) {
  Location loc = spread.getOwner()->getLoc();
  Lines lines(cast<MemRefType>(spread.get().getType()));
  auto constant = [&](int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  // Unsigned: what affine maps become takes longer than a step.
  int64_t share = llvm::divideCeil(lines.count, blocks);
  Value first = arith::DivUIOp::create(
      builder, loc, arith::MulIOp::create(builder, loc, step, constant(share)),
      constant(steps));
  first = arith::AddIOp::create(
      builder, loc, arith::MulIOp::create(builder, loc, block, constant(share)),
      first);
  Value perRow = constant(lines.perRow);
  int64_t perStep = llvm::divideCeil(share, steps);
  for (int64_t i = 0; i < perStep; ++i) {
    Value line =
        i ? arith::AddIOp::create(builder, loc, first, constant(i)) : first;
    Value row = arith::DivUIOp::create(builder, loc, line, perRow);
    Value column = arith::MulIOp::create(
        builder, loc, arith::RemUIOp::create(builder, loc, line, perRow),
        constant(lines.elements));
    emitPrefetch(builder, spread, {row, column});
  }
}

void attn::emitPrefetch(OpBuilder &builder, OpOperand &streamed,
                        SmallVector<Value> position) {
  Operation *op = streamed.getOwner();
  Value ahead = arith::ConstantIndexOp::create(
      builder, op->getLoc(),
      op->getAttrOfType<IntegerAttr>(rowsAheadAttr).getInt());
  position[0] =
      arith::AddIOp::create(builder, op->getLoc(), position[0], ahead);
  memref::PrefetchOp::create(builder, op->getLoc(), streamed.get(), position,
                             /*isWrite=*/false, /*localityHint=*/2,
                             /*isDataCache=*/true);
}
