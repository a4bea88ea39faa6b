//===- TileProduct.cpp - Products on tile registers -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileProduct.h"

#include "../Access/Pairs.h"
#include "../Access/Streaming.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::attn;

/// Rows, lanes and pairs of a tile.
static constexpr int64_t tileSize = 16;
/// Sums of a block, two by two tiles or four along one side: enough to hide the
/// latency of a product. With the tiles of a and b that are loaded before they
/// are multiplied they fill the eight registers.
static constexpr int64_t blockSums = 4;
/// Steps along pairs that are written out.
static constexpr int64_t mostSteps = 2;

enum Loop { Row, Lane, Pair, Number, NumLoops };

//===----------------------------------------------------------------------===//
// Which ops
//===----------------------------------------------------------------------===//

static AffineMap mapTo(MLIRContext *context, ArrayRef<unsigned> loops) {
  return AffineMap::getMultiDimMapWithTargets(NumLoops, loops, context);
}

/// Whether `type` has a static shape, and contiguous elements in its last
/// `contiguous` dimensions.
static bool isTiled(Type type, unsigned contiguous) {
  auto memref = dyn_cast<MemRefType>(type);
  SmallVector<int64_t> strides;
  int64_t offset;
  if (!memref || !memref.hasStaticShape() ||
      failed(memref.getStridesAndOffset(strides, offset)))
    return false;
  int64_t expected = 1;
  for (unsigned fromLast = 0; fromLast < contiguous; ++fromLast) {
    unsigned dim = memref.getRank() - 1 - fromLast;
    if (strides[dim] != expected)
      return false;
    expected *= memref.getDimSize(dim);
  }
  return true;
}

bool attn::isTileProduct(linalg::GenericOp op, const TargetSpec &target) {
  if (!target.hasBF16Tiles || op.getNumLoops() != NumLoops ||
      op.getNumReductionLoops() != 2 || !addsProductOfBF16(op))
    return false;
  MLIRContext *context = op.getContext();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (maps[0] != mapTo(context, {Row, Pair, Number}) ||
      maps[1] != mapTo(context, {Pair, Lane, Number}) ||
      maps.back() != mapTo(context, {Row, Lane}))
    return false;
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  bool whole = sizes[Number] == 2;
  for (Loop loop : {Row, Lane, Pair})
    whole &= ShapedType::isStatic(sizes[loop]) && sizes[loop] > 0 &&
             sizes[loop] % tileSize == 0;
  return whole && isTiled(op.getDpsInputs()[0].getType(), /*contiguous=*/2) &&
         isTiled(op.getDpsInputs()[1].getType(), /*contiguous=*/2) &&
         isTiled(op.getDpsInits()[0].getType(), /*contiguous=*/1);
}

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

namespace {
/// A block of sums: `rows` by `lanes` tiles, from `row` and `lane` on.
struct TileBlock {
  Value row, lane;
  int64_t rows, lanes;
};

class TileMultiplier {
public:
  TileMultiplier(OpBuilder &builder, linalg::GenericOp op, bool fromZero)
      : builder(builder), op(op), loc(op.getLoc()), fromZero(fromZero),
        sizes(op.getStaticLoopRanges()) {}

  void emit();

private:
  using Tiles = SmallVector<Value>;

  int64_t tilesAlong(Loop loop) { return sizes[loop] / tileSize; }
  void forEach(Loop loop, int64_t most,
               function_ref<void(Value start, int64_t tiles)> body);
  void emitBlock(const TileBlock &block);
  Tiles addAllPairs(const TileBlock &block, Tiles sums);
  Tiles addPairs(const TileBlock &block, Value pair, ValueRange sums);
  void fetch(const TileBlock &block, Value pair);
  Value load(Value memref, ArrayRef<Value> position);
  void store(Value sum, ArrayRef<Value> position);
  /// Elements from one row of a tile of `memref` to the next.
  Value rowStride(Value memref);

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  Value offset(Value base, int64_t tiles) {
    return tiles ? arith::AddIOp::create(builder, loc, base,
                                         index(tiles * tileSize))
                 : base;
  }

  OpBuilder &builder;
  linalg::GenericOp op;
  Location loc;
  bool fromZero;
  SmallVector<int64_t> sizes;
};
} // namespace

Value TileMultiplier::rowStride(Value memref) {
  SmallVector<int64_t> strides;
  int64_t offset;
  (void)cast<MemRefType>(memref.getType()).getStridesAndOffset(strides, offset);
  if (!ShapedType::isDynamic(strides.front()))
    return index(strides.front());
  return memref::ExtractStridedMetadataOp::create(builder, loc, memref)
      .getStrides()
      .front();
}

Value TileMultiplier::load(Value memref, ArrayRef<Value> position) {
  Type element = getElementTypeOrSelf(memref.getType());
  int64_t columns = element.isF32() ? tileSize : 2 * tileSize;
  return amx::TileLoadOp::create(
      builder, loc, amx::TileType::get({tileSize, columns}, element), memref,
      position, rowStride(memref));
}

void TileMultiplier::store(Value sum, ArrayRef<Value> position) {
  Value target = op.getDpsInits()[0];
  amx::TileStoreOp::create(builder, loc, target, position, sum,
                           rowStride(target));
}

/// Blocks of `most` tiles along `loop`, then what is left.
void TileMultiplier::forEach(Loop loop, int64_t most,
                             function_ref<void(Value, int64_t)> body) {
  int64_t start = 0;
  for (int64_t tiles = most; tiles > 0; --tiles) {
    int64_t step = tiles * tileSize;
    int64_t end = sizes[loop] - (sizes[loop] - start) % step;
    if (end == start)
      continue;
    auto loopOp =
        scf::ForOp::create(builder, loc, index(start), index(end), index(step));
    OpBuilder::InsertionGuard restore(builder);
    builder.setInsertionPointToStart(loopOp.getBody());
    body(loopOp.getInductionVar(), tiles);
    start = end;
  }
}

void TileMultiplier::emit() {
  int64_t lanes =
      std::min<int64_t>(tilesAlong(Row) > 1 ? 2 : blockSums, tilesAlong(Lane));
  forEach(Row, blockSums / lanes, [&](Value row, int64_t rows) {
    forEach(Lane, lanes, [&](Value lane, int64_t lanes) {
      emitBlock({row, lane, rows, lanes});
    });
  });
}

void TileMultiplier::emitBlock(const TileBlock &block) {
  Tiles sums;
  for (int64_t row = 0; row < block.rows; ++row)
    for (int64_t lane = 0; lane < block.lanes; ++lane)
      sums.push_back(
          fromZero ? Value(amx::TileZeroOp::create(
                         builder, loc,
                         amx::TileType::get({tileSize, tileSize},
                                            builder.getF32Type())))
                   : load(op.getDpsInits()[0],
                          {offset(block.row, row), offset(block.lane, lane)}));
  sums = addAllPairs(block, std::move(sums));
  auto sum = sums.begin();
  for (int64_t row = 0; row < block.rows; ++row)
    for (int64_t lane = 0; lane < block.lanes; ++lane)
      store(*sum++, {offset(block.row, row), offset(block.lane, lane)});
}

TileMultiplier::Tiles TileMultiplier::addAllPairs(const TileBlock &block,
                                                  Tiles sums) {
  if (sizes[Pair] <= mostSteps * tileSize) {
    for (int64_t pair = 0; pair < sizes[Pair]; pair += tileSize)
      sums = addPairs(block, index(pair), sums);
    return sums;
  }
  auto loop = scf::ForOp::create(
      builder, loc, index(0), index(sizes[Pair]), index(tileSize), sums,
      [&](OpBuilder &, Location, Value, ValueRange) {});
  OpBuilder::InsertionGuard restore(builder);
  builder.setInsertionPointToEnd(loop.getBody());
  scf::YieldOp::create(
      builder, loc,
      addPairs(block, loop.getInductionVar(), loop.getRegionIterArgs()));
  return Tiles(loop.getResults());
}

/// Fetches what this step takes of each operand that is spread over the op.
void TileMultiplier::fetch(const TileBlock &block, Value pair) {
  if (getSpread(op).empty())
    return;
  int64_t rowBlocks = tilesAlong(Row) / block.rows,
          laneBlocks = tilesAlong(Lane) / block.lanes;
  AffineExpr row, lane, term;
  bindDims(builder.getContext(), row, lane, term);
  AffineExpr number = (row.floorDiv(block.rows * tileSize) * laneBlocks +
                       lane.floorDiv(block.lanes * tileSize)) *
                          tilesAlong(Pair) +
                      term.floorDiv(tileSize);
  OpFoldResult step = affine::makeComposedFoldedAffineApply(
      builder, loc, AffineMap::get(3, 0, number),
      {block.row, block.lane, pair});
  for (OpOperand *operand : getSpread(op))
    emitSpreadFetch(builder, *operand,
                    getValueOrCreateConstantIndexOp(builder, loc, step),
                    rowBlocks * laneBlocks * tilesAlong(Pair));
}

/// Adds the products of 16 pairs from `pair` on to each sum. The side with
/// fewer tiles stays in registers. Fetches come last: what is multiplied does
/// not wait for them.
TileMultiplier::Tiles TileMultiplier::addPairs(const TileBlock &block,
                                               Value pair, ValueRange sums) {
  Value zero = index(0);
  auto loadLeft = [&](int64_t row) {
    return load(op.getDpsInputs()[0], {offset(block.row, row), pair, zero});
  };
  auto loadRight = [&](int64_t lane) {
    return load(op.getDpsInputs()[1], {pair, offset(block.lane, lane), zero});
  };
  bool keepsLeft = block.rows < block.lanes;
  Tiles kept, results(sums);
  for (int64_t i = 0; i < std::min(block.rows, block.lanes); ++i)
    kept.push_back(keepsLeft ? loadLeft(i) : loadRight(i));
  for (int64_t other = 0; other < std::max(block.rows, block.lanes); ++other) {
    Value passing = keepsLeft ? loadRight(other) : loadLeft(other);
    for (auto [number, factor] : llvm::enumerate(kept)) {
      Value &sum = results[keepsLeft ? number * block.lanes + other
                                     : other * block.lanes + number];
      sum = amx::TileMulFOp::create(builder, loc, sum.getType(),
                                    keepsLeft ? factor : passing,
                                    keepsLeft ? passing : factor, sum);
    }
  }
  fetch(block, pair);
  return results;
}

void attn::emitTileProduct(OpBuilder &builder, linalg::GenericOp op,
                           bool fromZero) {
  TileMultiplier(builder, op, fromZero).emit();
}
