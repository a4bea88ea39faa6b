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

/// The size of each dimension of the iteration space, from the operands.
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

FailureOr<TilingResult>
AttendOp::getTiledImplementation(OpBuilder &builder,
                                 ArrayRef<OpFoldResult> offsets,
                                 ArrayRef<OpFoldResult> sizes) {
  Location loc = getLoc();
  Value group = getGroupSize();
  if (!group)
    group = getValueOrCreateConstantIndexOp(
        builder, loc, getIterationDomain(builder)[G].size);

  TilingResult result;
  IRMapping mapping;
  SmallVector<OpOperand *> sliced{&getQueryMutable(), &getKeyMutable(),
                                  &getValueMutable(), &getOutputInitMutable()};
  for (auto range : {getLseInitMutable(), getWeightsInitMutable()})
    if (!range.empty())
      sliced.push_back(&range[0]);
  for (auto [index, operand] : llvm::enumerate(sliced)) {
    Operation *slice = sliceOperand(builder, loc, operand->get(), getMap(index),
                                    offsets, sizes);
    mapping.map(operand->get(), slice->getResult(0));
    result.generatedSlices.push_back(slice);
  }
  if (Value sink = getSink()) {
    MLIRContext *context = getContext();
    AffineMap map = AffineMap::get(NumDims, 0,
                                   {getAffineDimExpr(Hkv, context),
                                    getAffineDimExpr(G, context)},
                                   context);
    Operation *slice = sliceOperand(builder, loc, sink, map, offsets, sizes);
    mapping.map(sink, slice->getResult(0));
    result.generatedSlices.push_back(slice);
  }

  auto operandOr = [&](Value value) {
    return value ? mapping.lookupOrDefault(value) : Value();
  };
  SmallVector<Type> types;
  for (OpOperand &init : getDpsInitsMutable())
    types.push_back(mapping.lookup(init.get()).getType());
  auto tiled = AttendOp::create(
      builder, loc, types[0], getLse() ? types[1] : Type(),
      getWeights() ? types.back() : Type(), getCompatibility(),
      getNormalizer(), operandOr(getQuery()), operandOr(getKey()),
      operandOr(getValue()), getFeatureWeight(), operandOr(getSink()),
      getCaptures(), globalOffsets(builder, *this, offsets), group,
      operandOr(getOutputInit()), operandOr(getLseInit()),
      operandOr(getWeightsInit()), getIndexingMaps(), getScale());
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
