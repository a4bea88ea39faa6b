//===- SharedTile.cpp - Tiles in shared memory and their fragments -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedTile.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

static constexpr int64_t elementsPerChunk = 8;

SharedLayout SharedLayout::get(int64_t rows, int64_t columns) {
  SharedLayout layout;
  layout.rows = rows;
  layout.filled = columns / elementsPerChunk;
  layout.chunks = llvm::alignTo(columns, 16) / elementsPerChunk;
  layout.pitch = layout.chunks;
  layout.mask = layout.shift = 0;
  if (layout.chunks % 8 == 0) {
    layout.mask = 7;
  } else if (llvm::isPowerOf2_64(layout.chunks)) {
    layout.mask = layout.chunks - 1;
    layout.shift = llvm::Log2_64(8 / layout.chunks);
  } else {
    layout.pitch |= 1;
  }
  return layout;
}

Value SharedTile::address(KernelBuilder &k, Value row, Value chunk) const {
  if (layout.mask) {
    Value bits = row;
    if (layout.shift)
      bits = k.div(row, int64_t(1) << layout.shift);
    chunk = k.bitXor(chunk, k.bitAnd(bits, layout.mask));
  }
  Value offset = k.mul(k.add(k.mul(row, layout.pitch), chunk),
                       SharedLayout::chunkBytes);
  return k.gep(memory, k.b.getI8Type(), k.add(offset, base));
}

void attn::copyToShared(KernelBuilder &k, const SharedTile &tile, Value thread,
                        int64_t threads,
                        function_ref<RowSource(Value row)> source) {
  const SharedLayout &layout = tile.layout;
  int64_t count = layout.rows * layout.chunks;
  auto copyChunk = [&](Value number) {
    Value row = k.div(number, layout.chunks);
    Value chunk = k.rem(number, layout.chunks);
    RowSource from = source(row);
    Value exists = from.exists;
    if (layout.filled != layout.chunks)
      exists = k.both(exists, k.less(chunk, k.integer(layout.filled)));
    Value bytes =
        k.select(exists, k.integer(SharedLayout::chunkBytes), k.integer(0));
    Value pointer = k.gep(from.pointer, k.b.getI8Type(),
                          k.mul(chunk, SharedLayout::chunkBytes));
    NVVM::CpAsyncOp::create(k.b, k.loc, tile.address(k, row, chunk), pointer,
                            SharedLayout::chunkBytes,
                            NVVM::LoadCacheModifierKind::CG, bytes);
  };
  for (int64_t first = 0; first < count; first += threads) {
    Value number = k.add(thread, first);
    if (first + threads <= count)
      copyChunk(number);
    else
      k.when(k.less(number, k.integer(count)), [&] { copyChunk(number); });
  }
}

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

Value MatrixUnit::toRegister(Value word) {
  if (!element.isF16())
    return word;
  return LLVM::BitcastOp::create(k.b, k.loc, VectorType::get(2, element), word);
}

MatrixUnit::Registers MatrixUnit::loadMatrices(const SharedTile &tile,
                                               Value row, Value chunk,
                                               bool transposed) {
  Type word = k.b.getI32Type();
  auto type = LLVM::LLVMStructType::getLiteral(k.b.getContext(),
                                               {word, word, word, word});
  MLIRContext *context = k.b.getContext();
  Value matrices = NVVM::LdMatrixOp::create(
      k.b, k.loc, type, tile.address(k, row, chunk), 4,
      transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(context, 8, 8),
      NVVM::LdStMatrixEltType::B16);
  Registers registers;
  for (int64_t index = 0; index < 4; ++index)
    registers.push_back(toRegister(
        LLVM::ExtractValueOp::create(k.b, k.loc, matrices, index)));
  return registers;
}

MatrixUnit::Registers MatrixUnit::loadLeft(const SharedTile &tile, Value row,
                                           int64_t step) {
  return loadMatrices(tile, k.add(row, k.bitAnd(lane, 15)),
                      k.add(k.div(lane, 16), 2 * step), /*transposed=*/false);
}

MatrixUnit::Registers MatrixUnit::loadRight(const SharedTile &tile, int64_t row,
                                            int64_t step) {
  Value inTile = k.add(k.bitAnd(lane, 7), k.mul(k.div(lane, 16), 8));
  return loadMatrices(tile, k.add(inTile, row),
                      k.add(k.bitAnd(k.div(lane, 8), 1), 2 * step),
                      /*transposed=*/false);
}

MatrixUnit::Registers
MatrixUnit::loadRightTransposed(const SharedTile &tile, int64_t row,
                                int64_t step) {
  return loadMatrices(tile, k.add(k.bitAnd(lane, 15), row),
                      k.add(k.div(lane, 16), 2 * step), /*transposed=*/true);
}

Value MatrixUnit::pack(Value low, Value high) {
  Value pair = LLVM::PoisonOp::create(
      k.b, k.loc, VectorType::get(2, k.b.getF32Type()));
  for (auto [index, half] : llvm::enumerate(ValueRange{low, high}))
    pair = LLVM::InsertElementOp::create(k.b, k.loc, pair, half,
                                         k.integer(index));
  Value narrow = arith::TruncFOp::create(k.b, k.loc,
                                         VectorType::get(2, element), pair);
  if (element.isF16())
    return narrow;
  return LLVM::BitcastOp::create(k.b, k.loc, k.b.getI32Type(), narrow);
}

void MatrixUnit::multiplyAdd(ArrayRef<Value> left, ArrayRef<Value> right,
                             int64_t half, MutableArrayRef<Value> sums) {
  Type real = k.b.getF32Type();
  auto type = LLVM::LLVMStructType::getLiteral(k.b.getContext(),
                                               {real, real, real, real});
  NVVM::MMATypes ptxType =
      element.isF16() ? NVVM::MMATypes::f16 : NVVM::MMATypes::bf16;
  Value result = NVVM::MmaOp::create(
      k.b, k.loc, type, left, right.slice(2 * half, 2), ValueRange(sums),
      {16, 8, 16}, std::nullopt, std::nullopt,
      std::array<NVVM::MMATypes, 2>{ptxType, ptxType},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  for (auto [index, sum] : llvm::enumerate(sums))
    sum = LLVM::ExtractValueOp::create(k.b, k.loc, result, index);
}
