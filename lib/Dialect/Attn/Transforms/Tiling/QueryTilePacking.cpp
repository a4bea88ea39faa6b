//===- QueryTilePacking.cpp - Keys and values in whole tiles -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QueryTile.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// A part of a tensor, from its first element on but in the first dimension.
struct Part {
  SmallVector<OpFoldResult> offsets, sizes, strides;

  Part(OpBuilder &b, ArrayRef<OpFoldResult> sizes)
      : offsets(sizes.size(), b.getIndexAttr(0)), sizes(sizes),
        strides(sizes.size(), b.getIndexAttr(1)) {}

  /// Matrix `number` of a stack.
  static Part ofStack(OpBuilder &b, Value stack, Value number) {
    ArrayRef<int64_t> shape = cast<ShapedType>(stack.getType()).getShape();
    Part part(b, getAsIndexOpFoldResult(b.getContext(), shape));
    part.offsets[0] = number;
    part.sizes[0] = b.getIndexAttr(1);
    return part;
  }

  Value insert(OpBuilder &b, Location loc, Value part, Value tensor) const {
    return tensor::InsertSliceOp::create(b, loc, part, tensor, offsets, sizes,
                                         strides);
  }
};
} // namespace

static Value takeMatrix(OpBuilder &b, Location loc, Value stack, Value number) {
  Part part = Part::ofStack(b, stack, number);
  auto type = cast<RankedTensorType>(stack.getType());
  auto matrix = RankedTensorType::get(type.getShape().drop_front(),
                                      type.getElementType());
  return tensor::ExtractSliceOp::create(b, loc, matrix, stack, part.offsets,
                                        part.sizes, part.strides);
}

/// The first `sizes` elements of `tensor`.
static Value takeFirst(OpBuilder &b, Location loc, Value tensor,
                       ArrayRef<OpFoldResult> sizes) {
  Part part(b, sizes);
  return tensor::ExtractSliceOp::create(b, loc, tensor, part.offsets,
                                        part.sizes, part.strides);
}

/// A copy of `source` into `target`, transposed or not.
static Value copyInto(OpBuilder &b, Location loc, Value source, Value target,
                      bool transposed) {
  // Canonicalization would take the source itself for a linalg op that changes
  // nothing.
  if (!transposed)
    return bufferization::MaterializeInDestinationOp::create(b, loc, source,
                                                             target)
        ->getResult(0);
  AffineMap swapped =
      AffineMap::getPermutationMap(ArrayRef<unsigned>{1, 0}, b.getContext());
  return linalg::GenericOp::create(
             b, loc, target.getType(), source, target,
             ArrayRef<AffineMap>{swapped, b.getMultiDimIdentityMap(2)},
             SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
             [](OpBuilder &b, Location loc, ValueRange args) {
               linalg::YieldOp::create(b, loc, args[0]);
             })
      .getResult(0);
}

Value QueryTile::clearRest(Value room, unsigned dim, OpFoldResult size) {
  Part rest(builder, tensor::getMixedSizes(builder, loc, room));
  AffineExpr all = builder.getAffineDimExpr(0),
             used = builder.getAffineDimExpr(1);
  rest.offsets[dim] = size;
  rest.sizes[dim] = affine::makeComposedFoldedAffineApply(
      builder, loc, AffineMap::get(2, 0, all - used), {rest.sizes[dim], size});
  if (isZeroInteger(rest.sizes[dim]))
    return room;
  Value part = tensor::ExtractSliceOp::create(builder, loc, room, rest.offsets,
                                              rest.sizes, rest.strides);
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(getElementTypeOrSelf(room.getType())));
  Value cleared = linalg::FillOp::create(builder, loc, zero, part).getResult(0);
  return rest.insert(builder, loc, cleared, room);
}

/// `room` with `tile`, whose dimensions `map` names, as (rows, columns) at its
/// start and zero beyond.
Value QueryTile::packTile(Value room, Value tile, AffineMap map,
                          TileDim rowDim) {
  bool transposed = positionOf(map, rowDim) != 0;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, tile);
  if (transposed)
    std::swap(sizes[0], sizes[1]);
  for (unsigned dim : {0, 1})
    room = clearRest(room, dim, sizes[dim]);
  Value inside = takeFirst(builder, loc, room, sizes);
  return Part(builder, sizes)
      .insert(builder, loc, copyInto(builder, loc, tile, inside, transposed),
              room);
}

Value QueryTile::packKeys(Value room, Value start) {
  OpFoldResult count = tileCount(builder, start);
  return packTile(room, sliceKeys(builder, key, keyMap, start, count), keyMap,
                  TileJ);
}

Value QueryTile::packValues(Value room, Value start) {
  OpFoldResult count = tileCount(builder, start);
  return packTile(room, sliceKeys(builder, value, valueMap, start, count),
                  valueMap, TileE);
}

Value QueryTile::keyTileNumber(OpBuilder &b, Value first, Value start) {
  AffineExpr tile = b.getAffineDimExpr(0) - b.getAffineDimExpr(1);
  return getValueOrCreateConstantIndexOp(
      b, loc,
      affine::makeComposedFoldedAffineApply(
          b, loc, AffineMap::get(2, 0, tile.floorDiv(plan.keys)),
          {start, first}));
}

Value QueryTile::existingFeatures(OpBuilder &b) {
  if (plan.packedFeatures(features) == features)
    return packed;
  return takeFirst(b, loc, packed, {features, b.getIndexAttr(plan.rows())});
}

Value QueryTile::existingValueFeatures(OpBuilder &b, Value acc) {
  if (!plan.tiles || plan.packedValueFeatures(valueFeatures) == valueFeatures)
    return acc;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, acc);
  sizes[0] = valueFeatures;
  return takeFirst(b, loc, acc, sizes);
}

Value QueryTile::intoAccumulator(OpBuilder &b, Value part, Value acc) {
  if (part.getType() == acc.getType())
    return part;
  return Part(b, tensor::getMixedSizes(b, loc, part)).insert(b, loc, part, acc);
}

QueryTile::KeyTile QueryTile::packedTile(OpBuilder &b, Value start,
                                         OpFoldResult count) {
  Value number = keyTileNumber(b, packedKeys.first, start);
  Value keys = takeMatrix(b, loc, packedKeys.keys, number);
  Value values = takeMatrix(b, loc, packedKeys.values, number);
  return {packed,
          takeFirst(b, loc, keys, {count, plan.packedFeatures(features)}),
          takeFirst(b, loc, values,
                    {plan.packedValueFeatures(valueFeatures), count}),
          tileMap({TileJ, TileD}),
          tileMap({TileE, TileJ}),
          /*padded=*/true};
}
