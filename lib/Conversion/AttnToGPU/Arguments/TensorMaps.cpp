//===- TensorMaps.cpp - How TMA reads keys and values -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorMaps.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::attn;

/// Columns of a row of a box: 128 bytes, which the swizzle works on.
static constexpr int64_t panelColumns = 64;

Value attn::isMappable(OpBuilder &builder, Location loc,
                       const AttendOperand &operand, int64_t elementBytes) {
  ImplicitLocOpBuilder b(loc, builder);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(b, value, 64);
  };
  Value limit = constant((int64_t(1) << 40) / elementBytes);
  Value result = b.createOrFold<arith::CmpIOp>(
      arith::CmpIPredicate::ne, operand.strides[AttendOp::J], constant(0));
  for (unsigned dim : {AttendOp::B, AttendOp::Hkv, AttendOp::J})
    if (Value stride = operand.strides[dim])
      result = b.createOrFold<arith::AndIOp>(
          result, b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult,
                                                stride, limit));
  return result;
}

Value attn::createMap(OpBuilder &builder, AttendOp op, Value tensor,
                      const AttendOperand &operand, ArrayRef<Value> sizes,
                      const SharedLayout &layout) {
  ImplicitLocOpBuilder b(op.getLoc(), builder);
  auto toIndex = [&](Value value) -> OpFoldResult {
    return getAsOpFoldResult(
        b.createOrFold<arith::IndexCastOp>(b.getIndexType(), value));
  };
  auto stride = [&](unsigned dim) -> OpFoldResult {
    Value value = operand.strides[dim];
    return value ? toIndex(value) : b.getIndexAttr(panelColumns);
  };
  auto size = [&](unsigned dim) -> OpFoldResult {
    Value value = operand.strides[dim];
    if (!value)
      return b.getIndexAttr(1);
    Value zero = arith::ConstantIntOp::create(b, 0, 64);
    Value one = arith::ConstantIntOp::create(b, 1, 64);
    Value shared =
        b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, value, zero);
    return toIndex(b.createOrFold<arith::SelectOp>(shared, one, sizes[dim]));
  };
  int64_t panels = layout.columns / panelColumns;
  auto metadata =
      memref::ExtractStridedMetadataOp::create(b, getMemory(tensor));
  SmallVector<OpFoldResult> lengths{
      size(AttendOp::B), size(AttendOp::Hkv), b.getIndexAttr(panels),
      toIndex(sizes[AttendOp::J]), b.getIndexAttr(panelColumns)};
  SmallVector<OpFoldResult> distances{
      stride(AttendOp::B), stride(AttendOp::Hkv), b.getIndexAttr(panelColumns),
      stride(AttendOp::J), b.getIndexAttr(1)};
  Value view = memref::ReinterpretCastOp::create(
      b, metadata.getBaseBuffer(), OpFoldResult(metadata.getOffset()), lengths,
      distances);
  Type element = getElementTypeOrSelf(tensor.getType());
  view = memref::CastOp::create(
      b, UnrankedMemRefType::get(element, Attribute()), view);

  int64_t box[] = {1, 1, panels, layout.rows, panelColumns};
  SmallVector<Value> boxSizes;
  for (int64_t length : box)
    boxSizes.push_back(arith::ConstantIndexOp::create(b, length));
  auto sharedMemory = b.getI64IntegerAttr(3);
  auto type = nvgpu::TensorMapDescriptorType::get(
      b.getContext(),
      MemRefType::get(box, element, MemRefLayoutAttrInterface(), sharedMemory),
      nvgpu::TensorMapSwizzleKind::SWIZZLE_128B,
      nvgpu::TensorMapL2PromoKind::L2PROMO_256B,
      nvgpu::TensorMapOOBKind::OOB_ZERO,
      nvgpu::TensorMapInterleaveKind::INTERLEAVE_NONE);
  Value map = nvgpu::TmaCreateDescriptorOp::create(b, type, view, boxSizes);
  return UnrealizedConversionCastOp::create(
             b, TypeRange{LLVM::LLVMPointerType::get(b.getContext())}, map)
      .getResult(0);
}

void attn::copyBox(KernelBuilder &k, const AttendOperand &operand,
                   const SharedTile &tile, Value barrier, Value row,
                   Value keyHead, Value batch) {
  auto coordinate = [&](unsigned dim, Value index) {
    Value zero = k.integer(0), stride = operand.strides[dim];
    if (!stride)
      return zero;
    Value none = arith::ConstantIntOp::create(k.b, k.loc, 0, 64);
    Value shared = k.b.createOrFold<arith::CmpIOp>(
        k.loc, arith::CmpIPredicate::eq, stride, none);
    return k.select(shared, zero, index);
  };
  Value coordinates[] = {k.integer(0), row, k.integer(0),
                         coordinate(AttendOp::Hkv, keyHead),
                         coordinate(AttendOp::B, batch)};
  Value place = k.gep(tile.memory, k.b.getI8Type(), tile.base);
  // Of the cluster, which is this block alone.
  place = LLVM::AddrSpaceCastOp::create(
      k.b, k.loc, LLVM::LLVMPointerType::get(k.b.getContext(), 7), place);
  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
      k.b, k.loc, place, operand.map, coordinates, barrier,
      /*im2colOffsets=*/ValueRange(), /*multicastMask=*/Value(),
      /*l2CacheHint=*/Value(), NVVM::TMALoadMode::TILE, /*isCTAOnly=*/false,
      /*group=*/NVVM::CTAGroupKindAttr(), /*predicate=*/Value());
}
