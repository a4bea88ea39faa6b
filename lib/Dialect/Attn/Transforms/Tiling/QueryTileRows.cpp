//===- QueryTileRows.cpp - Queries of one or several heads as rows ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QueryTile.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

static constexpr double lowest = -std::numeric_limits<double>::infinity();

/// The dimensions that a row stands for, outermost first.
QueryTile::Dims QueryTile::rowDims() {
  if (plan.group == 1)
    return {AttendOp::I};
  return {AttendOp::I, AttendOp::G};
}

/// The dimensions of a tile of queries or outputs.
QueryTile::Dims QueryTile::tileDims(unsigned column) {
  Dims dims = rowDims();
  bool last = column == AttendOp::E ? plan.sumsRowsFirst() : rowsFirst();
  dims.insert(last ? dims.end() : dims.begin(), column);
  return dims;
}

/// How loops over the dimensions `loops` index an operand of dimensions
/// `operand`.
AffineMap QueryTile::mapOf(ArrayRef<unsigned> operand,
                           ArrayRef<unsigned> loops) {
  auto targets = llvm::map_to_vector(operand, [&](unsigned dim) -> unsigned {
    return llvm::find(loops, dim) - loops.begin();
  });
  return AffineMap::getMultiDimMapWithTargets(loops.size(), targets,
                                              op.getContext());
}

/// The sizes of dimensions `dims` of a tile with as many queries and columns.
SmallVector<OpFoldResult> QueryTile::sizesOf(ArrayRef<unsigned> dims,
                                             OpFoldResult queries,
                                             OpFoldResult column) {
  return llvm::map_to_vector(dims, [&](unsigned dim) -> OpFoldResult {
    if (dim == AttendOp::I)
      return queries;
    return dim == AttendOp::G ? builder.getIndexAttr(plan.group) : column;
  });
}

/// `operand` with the dimensions `dims` alone; the others have size 1. `order`
/// gives them as the operand has them.
Value QueryTile::sliceTo(Value operand, AffineMap map, ArrayRef<unsigned> dims,
                         SmallVectorImpl<unsigned> &order) {
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(builder, loc, operand);
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), builder.getIndexAttr(1));
  SmallVector<int64_t> shape;
  auto type = cast<RankedTensorType>(operand.getType());
  for (auto [position, result] : llvm::enumerate(map.getResults())) {
    unsigned dim = cast<AffineDimExpr>(result).getPosition();
    if (!llvm::is_contained(dims, dim))
      continue;
    shape.push_back(type.getDimSize(position));
    order.push_back(dim);
  }
  auto reduced = RankedTensorType::get(shape, type.getElementType());
  return tensor::ExtractSliceOp::create(builder, loc, reduced, operand, offsets,
                                        sizes, strides);
}

/// Dimension `rowDim` of `tile`, rows, becomes (queries, group).
Value QueryTile::splitRows(Value tile, unsigned rowDim) {
  if (plan.group == 1)
    return tile;
  auto type = cast<RankedTensorType>(tile.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[rowDim] = plan.queries;
  shape.insert(shape.begin() + rowDim + 1, plan.group);
  SmallVector<ReassociationIndices> groups;
  for (int64_t from = 0; from < type.getRank(); ++from) {
    int64_t to = from > rowDim ? from + 1 : from;
    groups.push_back({to});
    if (from == rowDim)
      groups.back().push_back(to + 1);
  }
  return tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), tile,
      groups);
}

/// Dimensions `rowDim` of `tile` and the next, (queries, group), become rows.
Value QueryTile::mergeRows(Value tile, unsigned rowDim) {
  if (plan.group == 1)
    return tile;
  SmallVector<ReassociationIndices> groups;
  int64_t rank = cast<RankedTensorType>(tile.getType()).getRank();
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (dim == int64_t(rowDim) + 1)
      groups.back().push_back(dim);
    else
      groups.push_back({dim});
  }
  return tensor::CollapseShapeOp::create(builder, loc, tile, groups);
}

/// The rows of queries that exist, split, where dimension `rowDim` of `tile` is
/// the padded rows.
Value QueryTile::existingRows(Value tile, unsigned rowDim) {
  Value split = splitRows(tile, rowDim);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, split);
  sizes[rowDim] = queries;
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, loc, split, offsets, sizes,
                                        strides);
}

/// The first row, counted over all queries: the query index of a tile.
Value QueryTile::firstRow(OpBuilder &b) {
  Value first = op.getOffsets()[AttendOp::I];
  if (plan.group == 1)
    return first;
  Value group = arith::ConstantIndexOp::create(b, loc, plan.group);
  return arith::MulIOp::create(b, loc, first, group);
}

/// A pair region of a tile is given rows as queries: query r floordiv g of head
/// r mod g. `head` is the region's argument for heads; that for queries
/// follows.
void QueryTile::takeRows(Region &region, unsigned head) {
  if (plan.group == 1 || region.empty())
    return;
  auto b = OpBuilder::atBlockBegin(&region.front());
  Value first = region.front().getArgument(head);
  Value row = region.front().getArgument(head + 1);
  Value group = arith::ConstantIndexOp::create(b, loc, plan.group);
  auto query = arith::DivUIOp::create(b, loc, row, group);
  auto local = arith::RemUIOp::create(b, loc, row, group);
  auto own = arith::AddIOp::create(b, loc, first, local);
  row.replaceUsesWithIf(query, [&](OpOperand &use) {
    return use.getOwner() != query && use.getOwner() != local;
  });
  first.replaceAllUsesExcept(own, own);
}

/// Room for the queries as a tile; in the accumulator type unless they are
/// multiplied in pairs.
Value QueryTile::emptyQueries() {
  SmallVector<OpFoldResult> sizes{plan.packedFeatures(features),
                                  builder.getIndexAttr(plan.rows())};
  if (rowsFirst())
    std::swap(sizes[0], sizes[1]);
  Type element =
      plan.pairs ? getElementTypeOrSelf(query.getType()) : accumulator;
  return tensor::EmptyOp::create(builder, loc, sizes, element);
}

/// `tile` with zeros in its rows, dimension `dim`, before `end`.
static Value clearRows(OpBuilder &b, Location loc, Value tile, unsigned dim,
                       OpFoldResult end) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, tile);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  sizes[dim] = end;
  Value rows =
      tensor::ExtractSliceOp::create(b, loc, tile, offsets, sizes, strides);
  Value zero = arith::ConstantOp::create(
      b, loc, b.getZeroAttr(getElementTypeOrSelf(tile.getType())));
  rows = linalg::FillOp::create(b, loc, zero, rows).getResult(0);
  return tensor::InsertSliceOp::create(b, loc, rows, tile, offsets, sizes,
                                       strides);
}

/// `room` for packed queries, zeros where they do not fill it: in all of it, or
/// in the last piece that they begin.
Value QueryTile::clearUnlessFull(Value room) {
  if (getConstantIntValue(queries) == plan.queries)
    return room;
  OpFoldResult count = queries, whole = builder.getIndexAttr(plan.queries);
  if (plan.piece)
    std::tie(whole, count) = rowsOfPieces();
  Value first = getValueOrCreateConstantIndexOp(builder, loc, whole);
  Value isPart = arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::ne,
      getValueOrCreateConstantIndexOp(builder, loc, count), first);
  auto fill = [&](OpBuilder &b, Value tile) {
    Type element = getElementTypeOrSelf(tile.getType());
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
    return linalg::FillOp::create(b, loc, zero, tile).getResult(0);
  };
  auto choice = scf::IfOp::create(
      builder, loc, isPart,
      [&](OpBuilder &b, Location loc) {
        Value cleared;
        if (plan.piece) {
          Value piece = slicePiece(b, room, /*dim=*/1, first);
          cleared = insertPiece(b, fill(b, piece), piece);
        } else {
          cleared = fill(b, room);
        }
        scf::YieldOp::create(b, loc, cleared);
      },
      [&](OpBuilder &b, Location loc) { scf::YieldOp::create(b, loc, room); });
  return choice.getResult(0);
}

Value QueryTile::packQueries(Value room) {
  Dims dims = tileDims(AttendOp::D);
  unsigned rowDim = rowsFirst() ? 0 : 1;
  Type element = getElementTypeOrSelf(room.getType());
  Value cleared = clearUnlessFull(room);
  // Features that do not exist are multiplied, too: keys have zeros there.
  if (plan.packedFeatures(features) != features)
    cleared = clearRest(cleared, /*dim=*/0, features);
  Value padded = splitRows(cleared, rowDim);
  SmallVector<OpFoldResult> sizes = sizesOf(dims, queries, features);
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0)),
      strides(sizes.size(), builder.getIndexAttr(1));
  Value inside = tensor::ExtractSliceOp::create(builder, loc, padded, offsets,
                                                sizes, strides);
  Value moved =
      linalg::GenericOp::create(
          builder, loc, inside.getType(), query, inside,
          ArrayRef<AffineMap>{mapOf(queryDims, dims), mapOf(dims, dims)},
          SmallVector<utils::IteratorType>(dims.size(),
                                           utils::IteratorType::parallel),
          [&](OpBuilder &b, Location loc, ValueRange args) {
            Value converted = convertScalarToDtype(b, loc, args[0], element,
                                                   /*isUnsignedCast=*/false);
            if (queriesCarryScale())
              converted = arith::MulFOp::create(b, loc, converted,
                                                constant(b, queryFactor()));
            linalg::YieldOp::create(b, loc, converted);
          })
          .getResult(0);
  Value whole = tensor::InsertSliceOp::create(builder, loc, moved, padded,
                                              offsets, sizes, strides);
  packed = mergeRows(whole, rowDim);
  return packed;
}

/// The sinks of the heads.
Value QueryTile::sliceSink() {
  SmallVector<unsigned> order;
  return sliceTo(
      op.getSink(),
      AffineMap::getMultiDimMapWithTargets(
          AttendOp::NumDims, {AttendOp::Hkv, AttendOp::G}, op.getContext()),
      ArrayRef<unsigned>(rowDims()).drop_front(), order);
}

/// `buffer` (rows) filled with each head's sink: its logit, or the weight that
/// it starts the sum with: exp(sink - sink), or 0 for a sink of -inf, which
/// adds nothing. That is 1, or NaN for a sink of inf or NaN: so are all of its
/// row.
Value QueryTile::fillFromSink(Value buffer, bool weight) {
  Dims loops = rowDims(), order(ArrayRef<unsigned>(loops).drop_front());
  Value sink = sliceSink();
  Value init = splitRows(buffer, 0);
  Value filled =
      linalg::GenericOp::create(
          builder, loc, init.getType(), sink, init,
          ArrayRef<AffineMap>{mapOf(order, loops), mapOf(loops, loops)},
          SmallVector<utils::IteratorType>(loops.size(),
                                           utils::IteratorType::parallel),
          [&](OpBuilder &b, Location loc, ValueRange args) {
            Value element = convertScalarToDtype(b, loc, args[0], accumulator,
                                                 /*isUnsignedCast=*/false);
            if (weight) {
              Value absent =
                  arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ,
                                        element, constant(b, lowest));
              Value zero = arith::SubFOp::create(b, loc, element, element);
              Value one = arith::AddFOp::create(b, loc, zero, constant(b, 1.0));
              element = arith::SelectOp::create(b, loc, absent,
                                                constant(b, 0.0), one);
            } else if (binary) {
              element = arith::MulFOp::create(
                  b, loc, element, constant(b, llvm::numbers::log2e));
            }
            linalg::YieldOp::create(b, loc, element);
          })
          .getResult(0);
  return mergeRows(filled, 0);
}

/// A sink is a key without value: it starts maximum and sum.
QueryTile::State QueryTile::initialState(const State &buffers) {
  auto fillWith = [&](double scalar, Value buffer) {
    return linalg::FillOp::create(builder, loc, constant(builder, scalar),
                                  buffer)
        .getResult(0);
  };
  Value accumulator = plan.piece ? clearRows(builder, loc, buffers[0],
                                             sumRowDim(), rowsOfPieces().second)
                                 : fillWith(0.0, buffers[0]);
  if (op.getSink())
    return {accumulator, fillFromSink(buffers[1], /*weight=*/false),
            fillFromSink(buffers[2], /*weight=*/true)};
  double maximum = fixedMaximum.value_or(lowest);
  return {accumulator, fillWith(maximum, buffers[1]),
          fillWith(0.0, buffers[2])};
}
