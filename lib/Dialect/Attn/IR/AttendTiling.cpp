//===- AttendTiling.cpp - Tiling of attn.attend and attn.attend_tile ----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::attn;

/// The size of each of `numDims` dimensions, from the operands that `maps`
/// place in the iteration space; 1 for a dimension that no operand has.
static SmallVector<Range>
iterationDomain(OpBuilder &builder, Operation *op, unsigned numDims,
                ArrayRef<std::pair<Value, AffineMap>> sources) {
  OpBuilder::InsertionGuard restore(builder);
  builder.setInsertionPoint(op);
  SmallVector<Range> domain(numDims, {builder.getIndexAttr(0), OpFoldResult(),
                                      builder.getIndexAttr(1)});
  for (auto [operand, map] : sources)
    for (auto [position, result] : llvm::enumerate(map.getResults())) {
      OpFoldResult &size =
          domain[cast<AffineDimExpr>(result).getPosition()].size;
      if (!size || isa<Value>(size))
        size = tensor::getMixedSize(builder, op->getLoc(), operand, position);
    }
  for (Range &range : domain)
    if (!range.size)
      range.size = builder.getIndexAttr(1);
  return domain;
}

/// Refuses a tile that is only a part of dimension `dim`.
static LogicalResult requireWhole(Operation *op, StringRef name, unsigned dim,
                                  ArrayRef<OpFoldResult> offsets,
                                  StringRef instead) {
  if (isZeroInteger(offsets[dim]))
    return success();
  return op->emitOpError("cannot be tiled over ") << name << "; " << instead;
}

/// Where an operand of `type`, of which `map` gives the first dimensions, lies
/// in a tile of the iteration space.
static void projectTile(Type type, AffineMap map,
                        ArrayRef<OpFoldResult> offsets,
                        ArrayRef<OpFoldResult> sizes,
                        SmallVector<OpFoldResult> &resultOffsets,
                        SmallVector<OpFoldResult> &resultSizes) {
  for (AffineExpr result : map.getResults()) {
    unsigned dim = cast<AffineDimExpr>(result).getPosition();
    resultOffsets.push_back(offsets[dim]);
    resultSizes.push_back(sizes[dim]);
  }
  Builder builder(map.getContext());
  ArrayRef<int64_t> shape = cast<ShapedType>(type).getShape();
  for (int64_t size : shape.drop_front(map.getNumResults())) {
    resultOffsets.push_back(builder.getIndexAttr(0));
    resultSizes.push_back(builder.getIndexAttr(size));
  }
}

/// The slice of `operand` that a tile of the iteration space touches.
static Operation *sliceOperand(OpBuilder &builder, Location loc, Value operand,
                               AffineMap map, ArrayRef<OpFoldResult> offsets,
                               ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> sliceOffsets, sliceSizes;
  projectTile(operand.getType(), map, offsets, sizes, sliceOffsets, sliceSizes);
  SmallVector<OpFoldResult> strides(sliceSizes.size(), builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, loc, operand, sliceOffsets,
                                        sliceSizes, strides);
}

/// `base` (null for 0) plus the tile's offset.
static Value addOffset(OpBuilder &builder, Location loc, Value base,
                       OpFoldResult offset) {
  if (base && isZeroInteger(offset))
    return base;
  Value value = getValueOrCreateConstantIndexOp(builder, loc, offset);
  return base ? arith::AddIOp::create(builder, loc, base, value) : value;
}

/// Gives `tiled` the regions and what else was said of the op that it is a tile
/// of, and names it.
template <typename OpTy>
static void finishTile(OpTy op, OpTy tiled, TilingResult &result) {
  tiled->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  IRMapping regions;
  op.getScore().cloneInto(&tiled.getScore(), regions);
  op.getMask().cloneInto(&tiled.getMask(), regions);
  result.tiledOps.push_back(tiled);
  result.tiledValues.assign(tiled->result_begin(), tiled->result_end());
}

//===----------------------------------------------------------------------===//
// Attend
//===----------------------------------------------------------------------===//

SmallVector<Range> AttendOp::getIterationDomain(OpBuilder &builder) {
  return iterationDomain(builder, *this, NumDims,
                         {{getQuery(), getQueryMap()},
                          {getKey(), getKeyMap()},
                          {getValue(), getValueMap()}});
}

/// Keys are a reduction that `attn.attend_tile` splits; output features are not
/// split, since every piece would repeat the scores.
SmallVector<utils::IteratorType> AttendOp::getLoopIteratorTypes() {
  SmallVector<utils::IteratorType> types(NumDims,
                                         utils::IteratorType::parallel);
  types[J] = types[D] = utils::IteratorType::reduction;
  return types;
}

/// Offsets of the tile in the whole: the op's own plus those of the tile.
static SmallVector<Value> globalOffsets(OpBuilder &builder, AttendOp op,
                                        ArrayRef<OpFoldResult> offsets) {
  SmallVector<Value> global;
  for (unsigned dim = AttendOp::B; dim <= AttendOp::J; ++dim) {
    Value base = op.getOffsets().empty() ? Value() : op.getOffsets()[dim];
    global.push_back(addOffset(builder, op.getLoc(), base, offsets[dim]));
  }
  return global;
}

/// Sizes of the whole: the op's own where it is a piece already.
static SmallVector<Value> wholeSizes(OpBuilder &builder, AttendOp op) {
  if (!op.getWhole().empty())
    return SmallVector<Value>(op.getWhole());
  SmallVector<Range> domain = op.getIterationDomain(builder);
  SmallVector<Value> whole;
  for (unsigned dim = AttendOp::B; dim <= AttendOp::J; ++dim)
    whole.push_back(getValueOrCreateConstantIndexOp(builder, op.getLoc(),
                                                    domain[dim].size));
  return whole;
}

FailureOr<TilingResult>
AttendOp::getTiledImplementation(OpBuilder &builder,
                                 ArrayRef<OpFoldResult> offsets,
                                 ArrayRef<OpFoldResult> sizes) {
  if (failed(requireWhole(*this, "keys", J, offsets, "attn.attend_tile can")) ||
      failed(requireWhole(*this, "features", D, offsets,
                          "scores need all of them")))
    return failure();
  Location loc = getLoc();
  SmallVector<Value> whole = wholeSizes(builder, *this);

  TilingResult result;
  // One tensor may be several operands, each sliced by its own map.
  auto slice = [&](Value operand, AffineMap map) -> Value {
    Operation *op = sliceOperand(builder, loc, operand, map, offsets, sizes);
    result.generatedSlices.push_back(op);
    return op->getResult(0);
  };
  Value query = slice(getQuery(), getQueryMap());
  Value key = slice(getKey(), getKeyMap());
  Value value = slice(getValue(), getValueMap());
  SmallVector<Value> inits;
  for (auto [index, init] : llvm::enumerate(getDpsInits()))
    inits.push_back(slice(init, getMap(3 + index)));
  Value sink = getSink();
  if (sink)
    sink = slice(sink, AffineMap::getMultiDimMapWithTargets(NumDims, {Hkv, G},
                                                            getContext()));

  auto sliced = [&](Value init) {
    auto given = llvm::to_vector(getDpsInits());
    return init ? inits[llvm::find(given, init) - given.begin()] : Value();
  };
  auto typeOf = [](Value init) { return init ? init.getType() : Type(); };
  Value lseInit = sliced(getLseInit()), weightsInit = sliced(getWeightsInit()),
        topWeightsInit = sliced(getTopWeightsInit()),
        topKeysInit = sliced(getTopKeysInit());
  auto tiled = AttendOp::create(
      builder, loc, inits[0].getType(), typeOf(lseInit), typeOf(weightsInit),
      typeOf(topWeightsInit), typeOf(topKeysInit), getCompatibility(),
      getNormalizer(), query, key, value, getFeatureWeight(), sink,
      getCaptures(), globalOffsets(builder, *this, offsets), whole, inits[0],
      lseInit, weightsInit, topWeightsInit, topKeysInit, getIndexingMaps(),
      getScale());
  finishTile(*this, tiled, result);
  return result;
}

LogicalResult AttendOp::getResultTilePosition(
    OpBuilder &, unsigned resultNumber, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  projectTile(getResult(resultNumber).getType(), getMap(3 + resultNumber),
              offsets, sizes, resultOffsets, resultSizes);
  return success();
}

//===----------------------------------------------------------------------===//
// Attend tile
//===----------------------------------------------------------------------===//

SmallVector<Range> AttendTileOp::getIterationDomain(OpBuilder &builder) {
  return iterationDomain(builder, *this, NumDims,
                         {{getQuery(), getMap(0)},
                          {getKey(), getMap(1)},
                          {getValue(), getMap(2)}});
}

SmallVector<utils::IteratorType> AttendTileOp::getLoopIteratorTypes() {
  using utils::IteratorType;
  return {IteratorType::parallel, IteratorType::reduction,
          IteratorType::reduction, IteratorType::reduction};
}

/// The map of result `number`: accumulator, maximum, sum.
static AffineMap getResultMap(AttendTileOp op, unsigned number) {
  if (number == 0)
    return op.getMap(3);
  return AffineMap::getMultiDimMapWithTargets(
      AttendTileOp::NumDims, {AttendTileOp::I}, op.getContext());
}

FailureOr<TilingResult>
AttendTileOp::getTiledImplementation(OpBuilder &builder,
                                     ArrayRef<OpFoldResult> offsets,
                                     ArrayRef<OpFoldResult> sizes) {
  if (failed(requireWhole(*this, "features", D, offsets,
                          "scores need all of them")) ||
      failed(requireWhole(*this, "value features", E, offsets,
                          "every piece would change maximum and sum")))
    return failure();
  Location loc = getLoc();
  TilingResult result;
  auto slice = [&](Value operand, AffineMap map) -> Value {
    Operation *op = sliceOperand(builder, loc, operand, map, offsets, sizes);
    result.generatedSlices.push_back(op);
    return op->getResult(0);
  };
  Value query = slice(getQuery(), getMap(0));
  Value key = slice(getKey(), getMap(1));
  Value value = slice(getValue(), getMap(2));
  SmallVector<Value> inits;
  for (auto [number, init] : llvm::enumerate(getDpsInits()))
    inits.push_back(slice(init, getResultMap(*this, number)));
  auto tiled = AttendTileOp::create(
      builder, loc, inits[0].getType(), inits[1].getType(), inits[2].getType(),
      getCompatibility(), getNormalizer(), query, key, value,
      getFeatureWeight(), getCaptures(), getB(), getH(),
      addOffset(builder, loc, getI(), offsets[I]),
      addOffset(builder, loc, getJ(), offsets[J]), getPartial(), inits[0],
      inits[1], inits[2], getIndexingMaps(), getScale(), getBinary(),
      /*existing_rows=*/IntegerAttr(),
      /*padded_keys=*/IntegerAttr());
  finishTile(*this, tiled, result);
  return result;
}

LogicalResult AttendTileOp::getResultTilePosition(
    OpBuilder &, unsigned resultNumber, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  projectTile(getResult(resultNumber).getType(),
              getResultMap(*this, resultNumber), offsets, sizes, resultOffsets,
              resultSizes);
  return success();
}
