//===- TileMap.cpp - The classes of all tiles of a mask ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Analysis/TileMap.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::attn;

/// The positions of one tile of `size`, of `length` in all.
static IndexRange getTile(ImplicitLocOpBuilder &b, Value tile, int64_t size,
                          Value length) {
  Value step = arith::ConstantIndexOp::create(b, size);
  Value lower = b.createOrFold<arith::MulIOp>(tile, step);
  Value end = b.createOrFold<arith::AddIOp>(lower, step);
  return {lower, b.createOrFold<arith::MinSIOp>(end, length)};
}

static Value emitKind(ImplicitLocOpBuilder &b, TileClass tile) {
  auto kind = [&](TileKind value) {
    return arith::ConstantIntOp::create(b, int64_t(value), 8);
  };
  Value kept = b.createOrFold<arith::SelectOp>(tile.must, kind(TileKind::Full),
                                               kind(TileKind::Partial));
  return b.createOrFold<arith::SelectOp>(tile.may, kept, kind(TileKind::Empty));
}

Value attn::emitTileMap(OpBuilder &builder, Location loc,
                        TileClassifier &classifier, const MaskDomain &domain,
                        ValueRange captures) {
  classifier.emitPrepass(builder, loc, domain, captures);
  ImplicitLocOpBuilder b(loc, builder);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  auto countTiles = [&](Value length, int64_t size) {
    return b.createOrFold<arith::CeilDivUIOp>(
        length, arith::ConstantIndexOp::create(b, size));
  };
  SmallVector<Value> sizes{domain.batches, domain.heads,
                           countTiles(domain.queries, domain.tileQueries),
                           countTiles(domain.keys, domain.tileKeys)};
  Value init =
      tensor::EmptyOp::create(b, getAsOpFoldResult(sizes), b.getI8Type());
  scf::LoopNest nest = scf::buildLoopNest(
      b, loc, SmallVector<Value>(4, zero), sizes, SmallVector<Value>(4, one),
      init,
      [&](OpBuilder &nested, Location, ValueRange at,
          ValueRange map) -> scf::ValueVector {
        ImplicitLocOpBuilder b(loc, nested);
        TileRectangle tile{
            at[0], at[1], getTile(b, at[2], domain.tileQueries, domain.queries),
            getTile(b, at[3], domain.tileKeys, domain.keys)};
        Value kind = emitKind(b, classifier.emitClass(b, loc, tile));
        return {tensor::InsertOp::create(b, kind, map[0], at)};
      });
  builder.setInsertionPointAfter(nest.loops.front());
  return nest.results.front();
}
