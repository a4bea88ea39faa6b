//===- QueryBand.cpp - Several tiles of queries that share keys -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Transforms/QueryBand.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"

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
  scf::YieldOp::create(builder, loc,
                       body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return SmallVector<Value>(loop.getResults());
}

//===----------------------------------------------------------------------===//
// What is kept of each tile
//===----------------------------------------------------------------------===//

QueryBand::Stacks QueryBand::emptyStacks() {
  auto sizeOf = [&](unsigned dim) { return *getConstantIntValue(sizes[dim]); };
  Type queryType = getElementTypeOrSelf(op.getQuery().getType());
  Type accumulator = getAccumulatorType(queryType);
  Stacks stacks;
  auto add = [&](ArrayRef<int64_t> tileShape, Type element) {
    SmallVector<int64_t> shape{plan.band};
    llvm::append_range(shape, tileShape);
    stacks.push_back(tensor::EmptyOp::create(builder, loc, shape, element));
  };
  add({sizeOf(AttendOp::D), plan.rows()}, plan.pairs ? queryType : accumulator);
  add({sizeOf(AttendOp::E), plan.rows()}, accumulator);
  add({plan.rows()}, accumulator);
  add({plan.rows()}, accumulator);
  return stacks;
}

/// Where element `number` of a stack of this type lies.
static void locate(Builder &builder, RankedTensorType type, Value number,
                   SmallVectorImpl<OpFoldResult> &offsets,
                   SmallVectorImpl<OpFoldResult> &sizes,
                   SmallVectorImpl<OpFoldResult> &strides) {
  offsets.assign(type.getRank(), builder.getIndexAttr(0));
  strides.assign(type.getRank(), builder.getIndexAttr(1));
  offsets[0] = number;
  sizes.push_back(builder.getIndexAttr(1));
  for (int64_t size : type.getShape().drop_front())
    sizes.push_back(builder.getIndexAttr(size));
}

Value QueryBand::take(Value stack, Value number) {
  auto type = cast<RankedTensorType>(stack.getType());
  SmallVector<OpFoldResult> offsets, sliceSizes, strides;
  locate(builder, type, number, offsets, sliceSizes, strides);
  auto element = RankedTensorType::get(type.getShape().drop_front(),
                                       type.getElementType());
  return tensor::ExtractSliceOp::create(builder, loc, element, stack, offsets,
                                        sliceSizes, strides);
}

Value QueryBand::put(Value element, Value stack, Value number) {
  SmallVector<OpFoldResult> offsets, sliceSizes, strides;
  locate(builder, cast<RankedTensorType>(stack.getType()), number, offsets,
         sliceSizes, strides);
  return tensor::InsertSliceOp::create(builder, loc, element, stack, offsets,
                                       sliceSizes, strides);
}

QueryTile::State QueryBand::takeState(ValueRange state, Value number) {
  QueryTile::State taken;
  for (Value stack : state)
    taken.push_back(take(stack, number));
  return taken;
}

//===----------------------------------------------------------------------===//
// The loops
//===----------------------------------------------------------------------===//

/// Packs the queries of each tile and initialises its state; finds the keys
/// that any of them reaches.
void QueryBand::start(Stacks &stacks) {
  reached.lower = arith::ConstantIndexOp::create(builder, loc, 0);
  reached.upper =
      getValueOrCreateConstantIndexOp(builder, loc, sizes[AttendOp::J]);
  SmallVector<Value> inits = stacks;
  if (classifier)
    inits.append({reached.upper, reached.lower});
  SmallVector<Value> results =
      forEachTile(inits, [&](Value number, ValueRange carried) {
        return startTile(number, carried);
      });
  if (classifier) {
    reached.upper = results.pop_back_val();
    reached.lower = results.pop_back_val();
  }
  stacks = results;
}

SmallVector<Value> QueryBand::startTile(Value number, ValueRange carried) {
  Piece piece = cutPiece(number);
  QueryTile tile(builder, piece.op, plan, classifier);
  SmallVector<Value> next{tile.packQueries(take(carried[0], number))};
  next.append(tile.initialState(takeState(carried.slice(1, 3), number)));
  for (auto [element, stack] : llvm::zip(next, carried))
    element = put(element, stack, number);
  if (classifier) {
    IndexRange keys = tile.keyRange();
    next.push_back(
        arith::MinSIOp::create(builder, loc, carried[4], keys.lower));
    next.push_back(
        arith::MaxSIOp::create(builder, loc, carried[5], keys.upper));
  }
  piece.op.erase();
  return next;
}

/// All tiles visit a number of keys that stays in the cache, then the next.
/// Keys that only others of the band reach are empty tiles.
void QueryBand::visitKeys(Stacks &stacks) {
  Value step = arith::ConstantIndexOp::create(builder, loc, plan.resident);
  ValueRange state = ValueRange(stacks).drop_front();
  auto loop = scf::ForOp::create(builder, loc, reached.lower, reached.upper,
                                 step, state);
  OpBuilder::InsertionGuard restore(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value first = loop.getInductionVar();
  Value next = arith::AddIOp::create(builder, loc, first, step);
  IndexRange keys{first,
                  arith::MinSIOp::create(builder, loc, next, reached.upper)};
  scf::YieldOp::create(
      builder, loc,
      forEachTile(
          loop.getRegionIterArgs(), [&](Value number, ValueRange carried) {
            return visitTile(number, take(stacks[0], number), keys, carried);
          }));
  llvm::copy(loop.getResults(), stacks.begin() + 1);
}

SmallVector<Value> QueryBand::visitTile(Value number, Value packed,
                                        IndexRange keys, ValueRange state) {
  Piece piece = cutPiece(number);
  QueryTile tile(builder, piece.op, plan, classifier);
  tile.usePacked(packed);
  auto next = llvm::to_vector_of<Value>(
      tile.visitKeys(keys, takeState(state, number), /*guarded=*/false));
  for (auto [element, stack] : llvm::zip_equal(next, state))
    element = put(element, stack, number);
  piece.op.erase();
  return next;
}

/// Writes the results of one tile. Carried are those of all tiles, then the
/// state: tiles that are computed again write it.
SmallVector<Value> QueryBand::finishTile(Value number, Value packed,
                                         ValueRange carried) {
  Piece piece = cutPiece(number);
  unsigned resultCount = piece.initSlices.size();
  ValueRange inits = carried.take_front(resultCount),
             stacks = carried.drop_front(resultCount);
  for (auto [slice, init] : llvm::zip_equal(piece.initSlices, inits))
    slice.getSourceMutable().assign(init);
  QueryTile tile(builder, piece.op, plan, classifier);
  tile.usePacked(packed);
  QueryTile::State state =
      tile.recomputeUnlessFinite(reached, takeState(stacks, number));
  SmallVector<Value> next = tile.emitResults(state);
  for (auto [result, slice, init] :
       llvm::zip_equal(next, piece.initSlices, inits))
    result = tensor::InsertSliceOp::create(
        builder, loc, result, init, slice.getMixedOffsets(),
        slice.getMixedSizes(), slice.getMixedStrides());
  for (auto [element, stack] : llvm::zip_equal(state, stacks))
    next.push_back(put(element, stack, number));
  piece.op.erase();
  return next;
}

SmallVector<Value> QueryBand::emit() {
  Stacks stacks = emptyStacks();
  start(stacks);
  visitKeys(stacks);
  SmallVector<Value> carried(op.getDpsInits());
  llvm::append_range(carried, ArrayRef(stacks).drop_front());
  SmallVector<Value> results =
      forEachTile(carried, [&](Value number, ValueRange carried) {
        return finishTile(number, take(stacks[0], number), carried);
      });
  results.truncate(op->getNumResults());
  return results;
}
