//===- CapturedLoad.cpp - attn.load as masked loads and gathers -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BodyEmitter.h"

#include "attn/Conversion/LinalgToVector/LinalgToVector.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::attn;

static Value emitZero(OpBuilder &builder, Location loc, Type type) {
  return arith::ConstantOp::create(builder, loc, type,
                                   builder.getZeroAttr(type));
}

/// What `build` emits where `condition` holds, else zero.
static Value emitWhere(OpBuilder &builder, Location loc, Value condition,
                       Type type, function_ref<Value()> build) {
  OpBuilder::InsertionGuard restore(builder);
  auto branch =
      scf::IfOp::create(builder, loc, type, condition, /*withElseRegion=*/true);
  builder.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(builder, loc, build());
  builder.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(builder, loc, emitZero(builder, loc, type));
  return branch.getResult(0);
}

/// `lhs` and `rhs`, where null is true.
static Value emitAnd(OpBuilder &builder, Location loc, Value lhs, Value rhs) {
  if (!lhs || !rhs)
    return lhs ? lhs : rhs;
  return arith::AndIOp::create(builder, loc, lhs, rhs);
}

/// 0 <= index < size of dimension `dim`; vectors are compared lane by lane.
static Value emitInBounds(OpBuilder &builder, Location loc, Value source,
                          int64_t dim, Value index) {
  Value size = memref::DimOp::create(builder, loc, source, dim);
  if (isa<VectorType>(index.getType()))
    size = vector::BroadcastOp::create(builder, loc, index.getType(), size);
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, index,
                               size);
}

Value attn::emitTotalLoad(OpBuilder &builder, Location loc, Value source,
                          ValueRange indices, Value guard) {
  for (auto [dim, index] : llvm::enumerate(indices))
    guard = emitAnd(builder, loc, guard,
                    emitInBounds(builder, loc, source, dim, index));
  if (!guard)
    return memref::LoadOp::create(builder, loc, source, indices);
  Type element = cast<MemRefType>(source.getType()).getElementType();
  return emitWhere(builder, loc, guard, element, [&] {
    return memref::LoadOp::create(builder, loc, source, indices);
  });
}

//===----------------------------------------------------------------------===//
// Lanes
//===----------------------------------------------------------------------===//

std::optional<int64_t> BodyEmitter::laneStride(Value index) const {
  if (!dependenceOf(index).lane)
    return 0;
  Operation *inner = index.getDefiningOp();
  if (isa_and_nonnull<linalg::IndexOp>(inner))
    return 1;
  if (!isa_and_nonnull<arith::AddIOp, arith::SubIOp>(inner))
    return std::nullopt;
  std::optional<int64_t> lhs = laneStride(inner->getOperand(0));
  std::optional<int64_t> rhs = laneStride(inner->getOperand(1));
  if (!lhs || !rhs)
    return std::nullopt;
  return isa<arith::AddIOp>(inner) ? *lhs + *rhs : *lhs - *rhs;
}

Value BodyEmitter::emitLaneZero(OpBuilder &builder, Value index,
                                BlockPosition position) {
  if (!dependenceOf(index).lane)
    return lookup(index, position);
  Operation *inner = index.getDefiningOp();
  if (auto loop = dyn_cast<linalg::IndexOp>(inner))
    return access.getIndex(builder, loop.getLoc(), loop.getDim(), position, 0);
  Value lhs = emitLaneZero(builder, inner->getOperand(0), position);
  Value rhs = emitLaneZero(builder, inner->getOperand(1), position);
  IRMapping mapping;
  mapping.map(inner->getOperand(0), lhs);
  mapping.map(inner->getOperand(1), rhs);
  return builder.clone(*inner, mapping)->getResult(0);
}

/// Lanes whose guard holds and whose indices are in bounds.
Value BodyEmitter::emitMask(OpBuilder &builder, LoadOp load,
                            BlockPosition position) {
  Location loc = load.getLoc();
  Value uniform, lanes;
  auto require = [&](Value condition) {
    Value &side = isa<VectorType>(condition.getType()) ? lanes : uniform;
    side = emitAnd(builder, loc, side, condition);
  };
  if (load.getGuard())
    require(lookup(load.getGuard(), position));
  for (auto [dim, index] : llvm::enumerate(load.getIndices()))
    require(emitInBounds(builder, loc, load.getSource(), dim,
                         lookup(index, position)));
  Type type = getLaneType(builder.getI1Type(), access.getWidth());
  if (uniform)
    uniform = vector::BroadcastOp::create(builder, loc, type, uniform);
  return emitAnd(builder, loc, lanes, uniform);
}

Value BodyEmitter::emitContiguousLoad(OpBuilder &builder, LoadOp load,
                                      BlockPosition position) {
  Location loc = load.getLoc();
  auto type = cast<VectorType>(getLaneType(load.getType(), access.getWidth()));
  auto indices = llvm::map_to_vector(load.getIndices(), [&](Value index) {
    return emitLaneZero(builder, index, position);
  });
  return vector::MaskedLoadOp::create(
      builder, loc, type, load.getSource(), indices,
      emitMask(builder, load, position), emitZero(builder, loc, type));
}

/// The source as if its elements lay in one row.
static Value flatten(OpBuilder &builder,
                     memref::ExtractStridedMetadataOp metadata) {
  Location loc = metadata.getLoc();
  auto type = cast<MemRefType>(metadata.getSource().getType());
  Value size = arith::ConstantIndexOp::create(builder, loc, 1);
  if (type.getRank() > 0)
    size = arith::MulIOp::create(builder, loc, metadata.getSizes()[0],
                                 metadata.getStrides()[0]);
  int64_t dynamic = ShapedType::kDynamic;
  auto layout = StridedLayoutAttr::get(builder.getContext(), dynamic, {1});
  auto flat = MemRefType::get({dynamic}, type.getElementType(), layout,
                              type.getMemorySpace());
  return memref::ReinterpretCastOp::create(
      builder, loc, flat, metadata.getBaseBuffer(),
      OpFoldResult(metadata.getOffset()), ArrayRef<OpFoldResult>{size},
      ArrayRef<OpFoldResult>{builder.getIndexAttr(1)});
}

/// Where the lanes' elements lie in the flattened source.
Value BodyEmitter::emitOffsets(OpBuilder &builder, LoadOp load,
                               memref::ExtractStridedMetadataOp metadata,
                               BlockPosition position) {
  Location loc = load.getLoc();
  auto type = getLaneType(builder.getIndexType(), access.getWidth());
  Value offsets = emitZero(builder, loc, type);
  for (auto [index, stride] :
       llvm::zip_equal(load.getIndices(), metadata.getStrides())) {
    Value lanes = lookupLanes(builder, index, position);
    Value strides = vector::BroadcastOp::create(builder, loc, type, stride);
    Value product = arith::MulIOp::create(builder, loc, lanes, strides);
    offsets = arith::AddIOp::create(builder, loc, offsets, product);
  }
  return offsets;
}

Value BodyEmitter::emitGather(OpBuilder &builder, LoadOp load,
                              BlockPosition position) {
  Location loc = load.getLoc();
  auto metadata =
      memref::ExtractStridedMetadataOp::create(builder, loc, load.getSource());
  Value offsets = emitOffsets(builder, load, metadata, position);
  auto type = cast<VectorType>(getLaneType(load.getType(), access.getWidth()));
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  return vector::GatherOp::create(
      builder, loc, type, flatten(builder, metadata), ValueRange{zero}, offsets,
      emitMask(builder, load, position), emitZero(builder, loc, type));
}

/// One scalar after the other, of the first element for lanes that load none: a
/// branch for each would take longer to compile and to run. Booleans are bytes
/// until they are in one vector.
Value BodyEmitter::emitScalarLoads(OpBuilder &builder, LoadOp load,
                                   BlockPosition position) {
  Location loc = load.getLoc();
  auto metadata =
      memref::ExtractStridedMetadataOp::create(builder, loc, load.getSource());
  Value offsets = emitOffsets(builder, load, metadata, position);
  Value mask = emitMask(builder, load, position);
  offsets = arith::SelectOp::create(builder, loc, mask, offsets,
                                    emitZero(builder, loc, offsets.getType()));
  Value flat = flatten(builder, metadata);
  bool isBoolean = load.getType().isInteger(1);
  auto loadLane = [&](int64_t lane) -> Value {
    Value offset = vector::ExtractOp::create(builder, loc, offsets, lane);
    Value loaded = memref::LoadOp::create(builder, loc, flat, offset);
    if (!isBoolean)
      return loaded;
    return arith::ExtUIOp::create(builder, loc, builder.getI8Type(), loaded);
  };
  // A tensor without elements has none to load instead.
  Value some = vector::ReductionOp::create(builder, loc,
                                           vector::CombiningKind::OR, mask);
  Type element = isBoolean ? Type(builder.getI8Type()) : load.getType();
  Type type = getLaneType(element, access.getWidth());
  Value loaded = emitWhere(builder, loc, some, type, [&] {
    return buildLanes(builder, loc, access.getWidth(), loadLane);
  });
  Value result = arith::SelectOp::create(builder, loc, mask, loaded,
                                         emitZero(builder, loc, type));
  if (!isBoolean)
    return result;
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, result,
                               emitZero(builder, loc, type));
}

/// Whether `load` reads neighbours.
bool BodyEmitter::isContiguous(LoadOp load) const {
  return laneStride(load.getIndices().back()) == 1 &&
         llvm::all_of(load.getIndices().drop_back(),
                      [&](Value index) { return laneStride(index) == 0; });
}

Value BodyEmitter::emitLanesOf(OpBuilder &builder, LoadOp load,
                               BlockPosition position) {
  // A vector of i1 is packed in memory, unlike a memref of i1.
  auto type = cast<MemRefType>(load.getSource().getType());
  if (type.getElementType().isInteger(1) || !type.isLastDimUnitStride() ||
      type.getRank() == 0)
    return emitScalarLoads(builder, load, position);
  return isContiguous(load) ? emitContiguousLoad(builder, load, position)
                            : emitGather(builder, load, position);
}

void BodyEmitter::emitLoad(OpBuilder &builder, LoadOp load,
                           BlockPosition position) {
  if (dependenceOfOp(*load).lane && access.getWidth() > 1)
    return define(load.getResult(), position,
                  emitLanesOf(builder, load, position));
  auto indices = llvm::map_to_vector(
      load.getIndices(), [&](Value index) { return lookup(index, position); });
  Value guard = load.getGuard();
  if (guard)
    guard = lookup(guard, position);
  define(
      load.getResult(), position,
      emitTotalLoad(builder, load.getLoc(), load.getSource(), indices, guard));
}
