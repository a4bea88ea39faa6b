//===- AttendTiling.cpp - Tiling of attn.attend over batch, heads and queries -*- C++ -*-===//
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

/// The size of each dimension of the iteration space, from the operands; 1 for a
/// dimension that no operand has.
SmallVector<Range> AttendOp::getIterationDomain(OpBuilder &builder) {
  OpBuilder::InsertionGuard restore(builder);
  builder.setInsertionPoint(*this);
  SmallVector<Range> domain(NumDims,
                            {builder.getIndexAttr(0), OpFoldResult(),
                             builder.getIndexAttr(1)});
  std::pair<Value, AffineMap> sources[] = {{getQuery(), getQueryMap()},
                                           {getKey(), getKeyMap()},
                                           {getValue(), getValueMap()}};
  for (auto [operand, map] : sources)
    for (auto [position, result] : llvm::enumerate(map.getResults())) {
      OpFoldResult &size =
          domain[cast<AffineDimExpr>(result).getPosition()].size;
      if (!size || isa<Value>(size))
        size = tensor::getMixedSize(builder, getLoc(), operand, position);
    }
  for (Range &range : domain)
    if (!range.size)
      range.size = builder.getIndexAttr(1);
  return domain;
}

/// Keys are a reduction that `attn.attend_tile` splits; output features are not
/// split, since every piece would repeat the scores.
SmallVector<utils::IteratorType> AttendOp::getLoopIteratorTypes() {
  SmallVector<utils::IteratorType> types(NumDims,
                                         utils::IteratorType::parallel);
  types[J] = types[D] = utils::IteratorType::reduction;
  return types;
}

/// The slice of `operand` that a tile of the iteration space touches.
static Operation *sliceOperand(OpBuilder &builder, Location loc, Value operand,
                               AffineMap map, ArrayRef<OpFoldResult> offsets,
                               ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> sliceOffsets, sliceSizes;
  for (AffineExpr result : map.getResults()) {
    unsigned dim = cast<AffineDimExpr>(result).getPosition();
    sliceOffsets.push_back(offsets[dim]);
    sliceSizes.push_back(sizes[dim]);
  }
  SmallVector<OpFoldResult> strides(map.getNumResults(),
                                    builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, loc, operand, sliceOffsets,
                                        sliceSizes, strides);
}

/// Offsets of the tile in the whole: the op's own plus those of the tile.
static SmallVector<Value> globalOffsets(OpBuilder &builder, AttendOp op,
                                        ArrayRef<OpFoldResult> offsets) {
  SmallVector<Value> global;
  for (unsigned dim = AttendOp::B; dim <= AttendOp::J; ++dim) {
    Value offset =
        getValueOrCreateConstantIndexOp(builder, op.getLoc(), offsets[dim]);
    if (!op.getOffsets().empty())
      offset = arith::AddIOp::create(builder, op.getLoc(), op.getOffsets()[dim],
                                     offset);
    global.push_back(offset);
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
    sink = slice(sink, AffineMap::getMultiDimMapWithTargets(
                           NumDims, {Hkv, G}, getContext()));

  Value lseInit = getLse() ? inits[1] : Value();
  Value weightsInit = getWeights() ? inits.back() : Value();
  auto typeOf = [](Value init) { return init ? init.getType() : Type(); };
  auto tiled = AttendOp::create(
      builder, loc, inits[0].getType(), typeOf(lseInit), typeOf(weightsInit),
      getCompatibility(), getNormalizer(), query, key, value,
      getFeatureWeight(), sink, getCaptures(),
      globalOffsets(builder, *this, offsets), whole, inits[0], lseInit,
      weightsInit, getIndexingMaps(), getScale());
  IRMapping regions;
  getScore().cloneInto(&tiled.getScore(), regions);
  getMask().cloneInto(&tiled.getMask(), regions);
  result.tiledOps.push_back(tiled);
  result.tiledValues.assign(tiled->result_begin(), tiled->result_end());
  return result;
}

LogicalResult AttendOp::getResultTilePosition(
    OpBuilder &, unsigned resultNumber, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  for (AffineExpr result : getMap(3 + resultNumber).getResults()) {
    unsigned dim = cast<AffineDimExpr>(result).getPosition();
    resultOffsets.push_back(offsets[dim]);
    resultSizes.push_back(sizes[dim]);
  }
  return success();
}
