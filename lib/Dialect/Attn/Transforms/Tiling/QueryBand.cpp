//===- QueryBand.cpp - Several tiles of queries that share keys -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QueryBand.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::attn;

QueryBand::QueryBand(OpBuilder &builder, AttendOp op, TilePlan plan,
                     TileClassifier *classifier)
    : builder(builder), op(op), plan(plan), classifier(classifier),
      loc(op.getLoc()) {
  for (const Range &range : op.getIterationDomain(builder))
    sizes.push_back(range.size);
}

/// Tile `number` of the band. The op is to be erased when its meaning is
/// emitted.
QueryBand::Piece QueryBand::cutPiece(Value number) {
  MLIRContext *context = builder.getContext();
  AffineExpr tile = getAffineDimExpr(0, context);
  AffineExpr all = getAffineSymbolExpr(0, context);
  AffineExpr whole = getAffineConstantExpr(plan.queries, context);
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0)),
      pieceSizes(sizes);
  offsets[AttendOp::I] = affine::makeComposedFoldedAffineApply(
      builder, loc, tile * whole, {number});
  std::optional<int64_t> count = getConstantIntValue(sizes[AttendOp::I]);
  pieceSizes[AttendOp::I] =
      count && *count % plan.queries == 0
          ? builder.getIndexAttr(plan.queries)
          : affine::makeComposedFoldedAffineMin(
                builder, loc,
                AffineMap::get(1, 1, {whole, all - tile * whole}, context),
                {number, sizes[AttendOp::I]});
  TilingResult tiled = *op.getTiledImplementation(builder, offsets, pieceSizes);
  Piece piece{cast<AttendOp>(tiled.tiledOps.front()), {}};
  for (Value init : piece.op.getDpsInits())
    piece.initSlices.push_back(init.getDefiningOp<tensor::ExtractSliceOp>());
  return piece;
}

SmallVector<Value> QueryBand::forEachTile(
    ValueRange inits,
    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  AffineExpr queries = builder.getAffineDimExpr(0);
  Value count = getValueOrCreateConstantIndexOp(
      builder, loc,
      affine::makeComposedFoldedAffineApply(
          builder, loc, queries.ceilDiv(plan.queries), {sizes[AttendOp::I]}));
  auto loop = scf::ForOp::create(builder, loc, zero, count, one, inits);
  OpBuilder::InsertionGuard restore(builder);
  builder.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  // A loop that carries nothing comes with its end.
  if (!next.empty())
    scf::YieldOp::create(builder, loc, next);
  return SmallVector<Value>(loop.getResults());
}

//===----------------------------------------------------------------------===//
// What is kept of each tile
//===----------------------------------------------------------------------===//

void QueryBand::allocate() {
  Type queryType = getElementTypeOrSelf(op.getQuery().getType());
  Type accumulator = getAccumulatorType(queryType);
  auto stackOf = [&](int64_t count, ArrayRef<int64_t> tileShape,
                     Type element) -> Value {
    SmallVector<int64_t> shape{count};
    llvm::append_range(shape, tileShape);
    return memref::AllocOp::create(builder, loc,
                                   MemRefType::get(shape, element));
  };
  auto stack = [&](ArrayRef<int64_t> tileShape, Type element) {
    return stackOf(plan.band, tileShape, element);
  };
  int64_t features =
      *getConstantIntValue(plan.packedFeatures(sizes[AttendOp::D]));
  packed = stack({features, plan.rows()}, plan.pairs ? queryType : accumulator);
  int64_t valueFeatures =
      *getConstantIntValue(plan.packedValueFeatures(sizes[AttendOp::E]));
  SmallVector<int64_t> sums{valueFeatures, plan.rows()};
  if (plan.sumsRowsFirst())
    std::swap(sums[0], sums[1]);
  state = {stack(sums, accumulator), stack({plan.rows()}, accumulator),
           stack({plan.rows()}, accumulator)};
  if (classifier)
    reachedEnds = memref::AllocOp::create(
        builder, loc, MemRefType::get({plan.band}, builder.getI64Type()));
  if (!plan.tiles)
    return;
  int64_t keyTiles = plan.resident / plan.keys;
  packedKeys = stackOf(keyTiles, {plan.keys, features}, queryType);
  packedValues = stackOf(keyTiles, {valueFeatures, plan.keys}, queryType);
}

/// Where element `number` of `stack` lies.
Value QueryBand::roomOf(Value stack, Value number) {
  auto type = cast<MemRefType>(stack.getType());
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  SmallVector<OpFoldResult> offsets(type.getRank(), zero),
      strides(type.getRank(), one), shape{one};
  offsets[0] = number;
  ArrayRef<int64_t> element = type.getShape().drop_front();
  for (int64_t size : element)
    shape.push_back(builder.getIndexAttr(size));
  MemRefType reduced = memref::SubViewOp::inferRankReducedResultType(
      element, type, offsets, shape, strides);
  return memref::SubViewOp::create(builder, loc, reduced, stack, offsets, shape,
                                   strides);
}

SmallVector<Value> QueryBand::stateRooms(Value number) {
  return llvm::map_to_vector(
      state, [&](Value stack) { return roomOf(stack, number); });
}

Value QueryBand::read(Value room, bool writable) {
  auto type = cast<MemRefType>(room.getType());
  return bufferization::ToTensorOp::create(
      builder, loc,
      RankedTensorType::get(type.getShape(), type.getElementType()), room,
      /*restrict=*/true, writable);
}

QueryTile::State QueryBand::readState(ArrayRef<Value> rooms) {
  QueryTile::State values;
  for (Value room : rooms)
    values.push_back(read(room, /*writable=*/true));
  return values;
}

void QueryBand::keep(Value value, Value room) {
  auto materialize = bufferization::MaterializeInDestinationOp::create(
      builder, loc, value, room);
  materialize.setRestrict(true);
  materialize.setWritable(true);
}

//===----------------------------------------------------------------------===//
// The loops
//===----------------------------------------------------------------------===//

/// Packs the queries of each tile and initialises its state; finds the keys
/// that any of them reaches.
void QueryBand::start() {
  reached.lower = arith::ConstantIndexOp::create(builder, loc, 0);
  reached.upper =
      getValueOrCreateConstantIndexOp(builder, loc, sizes[AttendOp::J]);
  SmallVector<Value> bounds;
  if (classifier)
    bounds = {reached.upper, reached.lower};
  bounds = forEachTile(bounds, [&](Value number, ValueRange carried) {
    return startTile(number, carried);
  });
  if (classifier)
    reached = {bounds[0], bounds[1]};
}

SmallVector<Value> QueryBand::startTile(Value number, ValueRange bounds) {
  Piece piece = cutPiece(number);
  QueryTile tile(builder, piece.op, plan, classifier);
  Value room = roomOf(packed, number);
  keep(tile.packQueries(read(room, /*writable=*/true)), room);
  SmallVector<Value> rooms = stateRooms(number);
  for (auto [value, room] :
       llvm::zip_equal(tile.initialState(readState(rooms)), rooms))
    keep(value, room);
  SmallVector<Value> next;
  if (classifier) {
    IndexRange keys = tile.keyRange();
    Value end = arith::IndexCastOp::create(builder, loc, builder.getI64Type(),
                                           keys.upper);
    memref::StoreOp::create(builder, loc, end, reachedEnds, number);
    next = {arith::MinSIOp::create(builder, loc, bounds[0], keys.lower),
            arith::MaxSIOp::create(builder, loc, bounds[1], keys.upper)};
  }
  piece.op.erase();
  return next;
}

/// All tiles visit a number of keys that stays in the cache, then the next.
/// Keys before those that a tile reaches are empty tiles.
void QueryBand::visitKeys() {
  Value step = arith::ConstantIndexOp::create(builder, loc, plan.resident);
  auto loop =
      scf::ForOp::create(builder, loc, reached.lower, reached.upper, step);
  OpBuilder::InsertionGuard restore(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value first = loop.getInductionVar();
  Value next = arith::AddIOp::create(builder, loc, first, step);
  Value end = arith::MinSIOp::create(builder, loc, next, reached.upper);
  if (plan.tiles)
    packKeys({first, end});
  forEachTile({}, [&](Value number, ValueRange) {
    visitTile(number, {first, end});
    return SmallVector<Value>();
  });
}

/// Packs keys and values for all tiles.
void QueryBand::packKeys(IndexRange keys) {
  Piece piece = cutPiece(arith::ConstantIndexOp::create(builder, loc, 0));
  QueryTile tile(builder, piece.op, plan, classifier);
  Value step = arith::ConstantIndexOp::create(builder, loc, plan.keys);
  auto loop = scf::ForOp::create(builder, loc, keys.lower, keys.upper, step);
  OpBuilder::InsertionGuard restore(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value start = loop.getInductionVar();
  Value number = tile.keyTileNumber(builder, keys.lower, start);
  Value keyRoom = roomOf(packedKeys, number);
  keep(tile.packKeys(read(keyRoom, /*writable=*/true), start), keyRoom);
  Value valueRoom = roomOf(packedValues, number);
  keep(tile.packValues(read(valueRoom, /*writable=*/true), start), valueRoom);
  piece.op.erase();
}

void QueryBand::visitTile(Value number, IndexRange keys) {
  Piece piece = cutPiece(number);
  QueryTile tile(builder, piece.op, plan, classifier);
  tile.usePacked(read(roomOf(packed, number), /*writable=*/false));
  if (plan.tiles)
    tile.usePackedKeys({read(packedKeys, /*writable=*/false),
                        read(packedValues, /*writable=*/false), keys.lower});
  if (classifier) {
    Value end = memref::LoadOp::create(builder, loc, reachedEnds, number);
    end = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), end);
    keys.upper = arith::MinSIOp::create(builder, loc, keys.upper, end);
  }
  SmallVector<Value> rooms = stateRooms(number);
  for (auto [value, room] :
       llvm::zip_equal(tile.visitKeys(keys, readState(rooms)), rooms))
    keep(value, room);
  piece.op.erase();
}

/// Writes the results of one tile into `inits`.
SmallVector<Value> QueryBand::finishTile(Value number, ValueRange inits) {
  Piece piece = cutPiece(number);
  for (auto [slice, init] : llvm::zip_equal(piece.initSlices, inits))
    slice.getSourceMutable().assign(init);
  QueryTile tile(builder, piece.op, plan, classifier);
  tile.usePacked(read(roomOf(packed, number), /*writable=*/false));
  SmallVector<Value> results =
      tile.emitResults(reached, readState(stateRooms(number)));
  for (auto [result, slice, init] :
       llvm::zip_equal(results, piece.initSlices, inits))
    result = tensor::InsertSliceOp::create(
        builder, loc, result, init, slice.getMixedOffsets(),
        slice.getMixedSizes(), slice.getMixedStrides());
  piece.op.erase();
  return results;
}

SmallVector<Value> QueryBand::emit() {
  allocate();
  start();
  visitKeys();
  return forEachTile(op.getDpsInits(), [&](Value number, ValueRange inits) {
    return finishTile(number, inits);
  });
}
