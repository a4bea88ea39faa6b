//===- SharedTile.cpp - Tiles in shared memory and their fragments ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedTile.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

int64_t SharedLayout::getPiece(int64_t columns, int64_t elementBytes) {
  return llvm::MinAlign(columns * elementBytes, chunkBytes);
}

SharedLayout SharedLayout::get(int64_t rows, int64_t columns,
                               int64_t elementBytes) {
  SharedLayout layout;
  layout.rows = rows;
  layout.columns = llvm::alignTo(columns, 16);
  layout.elementBytes = elementBytes;
  layout.chunks = layout.columns * elementBytes / chunkBytes;
  layout.filled = columns;
  layout.piece = getPiece(columns, elementBytes);
  bool sharesLines =
      elementBytes < 4 && 8 % layout.chunks == 0; // Of all banks.
  layout.pitch = sharesLines ? layout.chunks : llvm::alignTo(layout.chunks, 8);
  layout.panel = layout.pitch;
  layout.mask = sharesLines ? layout.chunks - 1 : 7;
  layout.shift = sharesLines ? llvm::Log2_64(8 / layout.chunks) : 0;
  return layout;
}

SharedLayout SharedLayout::getPanels(int64_t rows, int64_t columns,
                                     int64_t elementBytes) {
  SharedLayout layout = get(rows, columns, elementBytes);
  layout.panel = 8;
  return layout;
}

SharedLayout SharedLayout::getForFragments(int64_t rows, int64_t columns,
                                           int64_t elementBytes) {
  SharedLayout layout = get(rows, columns, elementBytes);
  if (elementBytes == 4) {
    layout.mask = 6;
    layout.shift = -1;
  }
  return layout;
}

Value SharedTile::address(KernelBuilder &k, Value row, Value chunk,
                          int64_t rowsOn, int64_t chunksOn) const {
  assert(!(layout.shift >= 0 && (rowsOn >> layout.shift & layout.mask)) &&
         chunksOn % 8 == 0 && "the exchange depends on them");
  if (layout.mask) {
    Value bits = row;
    if (layout.shift > 0)
      bits = k.div(row, int64_t(1) << layout.shift);
    if (layout.shift < 0)
      bits = k.mul(row, int64_t(1) << -layout.shift);
    chunk = k.bitXor(chunk, k.bitAnd(bits, layout.mask));
  }
  Value place = k.add(k.mul(row, layout.panel), chunk);
  if (layout.panel != layout.pitch) {
    // The exchange stays within a panel.
    Value panel = k.div(chunk, layout.panel);
    place = k.add(k.mul(row, layout.panel), k.rem(chunk, layout.panel));
    place = k.add(place, k.mul(panel, layout.rows * layout.panel));
  }
  Value offset = k.mul(place, SharedLayout::chunkBytes);
  Value first = k.gep(memory, k.b.getI8Type(), k.add(offset, base));
  int64_t on = (rowsOn + chunksOn / layout.panel * layout.rows) * layout.panel +
               chunksOn % layout.panel;
  if (!on)
    return first;
  return k.gep(first, k.b.getI8Type(),
               k.integer(on * SharedLayout::chunkBytes));
}

Value SharedTile::elementAddress(KernelBuilder &k, Value row, int64_t group,
                                 Value offset, int64_t rowsOn) const {
  Value bytes = k.mul(offset, layout.elementBytes);
  int64_t chunks = 8 * group * layout.elementBytes / SharedLayout::chunkBytes;
  Value chunk = k.add(k.div(bytes, SharedLayout::chunkBytes), chunks % 8);
  Value start = address(k, row, chunk, rowsOn, chunks / 8 * 8);
  return k.gep(start, k.b.getI8Type(), k.rem(bytes, SharedLayout::chunkBytes));
}

SharedTile::Piece SharedTile::getPiece(KernelBuilder &k, Value number,
                                       int64_t bytes) const {
  constexpr int64_t chunkBytes = SharedLayout::chunkBytes;
  int64_t perChunk = chunkBytes / bytes, perRow = layout.pitch * perChunk;
  Value row = k.div(number, perRow), inRow = k.rem(number, perRow);
  Value address = this->address(k, row, k.div(inRow, perChunk));
  if (perChunk > 1)
    address =
        k.gep(address, k.b.getI8Type(), k.mul(k.rem(inRow, perChunk), bytes));
  return {row, k.mul(inRow, bytes / layout.elementBytes), address,
          k.mul(inRow, bytes)};
}

/// Copies two elements of 16 bits, whose row is at `from`: no asynchronous copy
/// is that narrow.
static void copyPair(KernelBuilder &k, const SharedTile::Piece &piece,
                     const RowSource &from, Value columns) {
  Type bits = k.b.getI16Type();
  Value pair[2];
  for (int64_t half : {0, 1}) {
    Value column = k.add(piece.column, half);
    pair[half] = k.choose(
        k.both(from.exists, k.less(column, columns)),
        [&] {
          return SmallVector<Value>{
              k.load(bits, k.gep(from.pointer, bits, column))};
        },
        [&] {
          return SmallVector<Value>{
              arith::ConstantIntOp::create(k.b, k.loc, 0, 16)};
        })[0];
  }
  k.store(k.pair(pair[0], pair[1]), piece.address, 4);
}

/// Copies one piece, zeros where it is not there.
static void copyPiece(KernelBuilder &k, const SharedTile &tile, Value number,
                      Value columns,
                      function_ref<RowSource(Value row)> source) {
  const SharedLayout &layout = tile.layout;
  int64_t bytes = std::max<int64_t>(layout.piece, 4);
  SharedTile::Piece piece = tile.getPiece(k, number, bytes);
  RowSource from = source(piece.row);
  if (layout.piece < bytes)
    return copyPair(k, piece, from, columns);
  Value exists = from.exists;
  int64_t rowBytes = layout.pitch * SharedLayout::chunkBytes;
  if (getConstantIntValue(columns) != rowBytes / layout.elementBytes)
    exists = k.both(exists, k.less(piece.column, columns));
  Value present = k.select(exists, k.integer(bytes), k.integer(0));
  Value pointer = k.gep(from.pointer, k.b.getI8Type(), piece.offset);
  auto cache = bytes == SharedLayout::chunkBytes
                   ? NVVM::LoadCacheModifierKind::CG
                   : NVVM::LoadCacheModifierKind::CA;
  NVVM::CpAsyncOp::create(k.b, k.loc, piece.address, pointer, bytes, cache,
                          present);
}

void attn::copyToShared(KernelBuilder &k, const SharedTile &tile, int64_t rows,
                        Value thread, int64_t threads, Value columns,
                        function_ref<RowSource(Value row)> source) {
  // Lanes that are served together fill all banks: their pieces are of one row,
  // or of rows that lie next to each other.
  int64_t bytes = std::max<int64_t>(tile.layout.piece, 4);
  int64_t perRow = tile.layout.pitch * SharedLayout::chunkBytes / bytes;
  k.shareAll(rows, perRow, thread, threads, [&](Value number) {
    copyPiece(k, tile, number, columns, source);
  });
}

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

/// The type that products take 32 bits of elements in.
Value MatrixUnit::toRegister(Value word) {
  if (!element.isF16())
    return word;
  return LLVM::BitcastOp::create(k.b, k.loc, VectorType::get(2, element), word);
}

void MatrixUnit::append(Factor &factor, Value word) {
  if (!element.isF32()) {
    factor.high.push_back(toRegister(word));
    return;
  }
  Type real = k.b.getF32Type();
  auto round = [&](Value value) -> Value {
    return NVVM::ConvertFloatToTF32Op::create(k.b, k.loc, k.b.getI32Type(),
                                              value, NVVM::FPRoundingMode::RNA);
  };
  Value value = word;
  if (!value.getType().isF32())
    value = LLVM::BitcastOp::create(k.b, k.loc, real, word);
  factor.high.push_back(round(value));
  Value high = LLVM::BitcastOp::create(k.b, k.loc, real, factor.high.back());
  factor.low.push_back(round(k.subF(value, high)));
}

/// Four matrices of 8 rows of 16 bytes; a lane gets 4 bytes of each. It says
/// where a row is: `rowsOn` after `row`, chunk 2 * `step` + `half`.
Factor MatrixUnit::loadMatrices(const SharedTile &tile, Value row,
                                int64_t rowsOn, Value half, int64_t step,
                                bool transposed) {
  Type word = k.b.getI32Type();
  MLIRContext *context = k.b.getContext();
  auto type =
      LLVM::LLVMStructType::getLiteral(context, {word, word, word, word});
  Value start =
      tile.address(k, row, k.add(half, 2 * step % 8), rowsOn, 2 * step / 8 * 8);
  Value matrices = NVVM::LdMatrixOp::create(
      k.b, k.loc, type, start, 4,
      transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(context, 8, 8),
      NVVM::LdStMatrixEltType::B16);
  Factor factor;
  for (int64_t index = 0; index < 4; ++index)
    append(factor, LLVM::ExtractValueOp::create(k.b, k.loc, matrices, index));
  return factor;
}

Factor MatrixUnit::loadLeft(const SharedTile &tile, Value row, int64_t step) {
  return loadMatrices(tile, k.add(row, k.bitAnd(lane, 15)), 0, k.div(lane, 16),
                      step, /*transposed=*/false);
}

Factor MatrixUnit::loadRight(const SharedTile &tile, int64_t row,
                             int64_t step) {
  Value inTile = k.add(k.bitAnd(lane, 7), k.mul(k.div(lane, 16), 8));
  return loadMatrices(tile, inTile, row, k.bitAnd(k.div(lane, 8), 1), step,
                      /*transposed=*/false);
}

Factor MatrixUnit::loadRightTransposed(const SharedTile &tile, int64_t row,
                                       int64_t step) {
  if (!element.isF32())
    return loadMatrices(tile, k.bitAnd(lane, 15), row, k.div(lane, 16), step,
                        /*transposed=*/true);
  Factor factor;
  Value first = k.mul(k.bitAnd(lane, 3), 2);
  for (int64_t half : {0, 1})
    for (int64_t next : {0, 1}) {
      Value place = tile.elementAddress(k, k.add(first, next), 2 * step + half,
                                        k.div(lane, 4), row);
      append(factor, k.load(element, place));
    }
  return factor;
}

Value MatrixUnit::pack(Value low, Value high) {
  Value pair = k.pair(low, high);
  if (element.isF32())
    return pair;
  Value narrow =
      arith::TruncFOp::create(k.b, k.loc, VectorType::get(2, element), pair);
  return LLVM::BitcastOp::create(k.b, k.loc, k.b.getI32Type(), narrow);
}

void MatrixUnit::storePair(Value low, Value high, Value pointer) {
  k.store(pack(low, high), pointer, element.isF32() ? 8 : 4);
}

Factor MatrixUnit::toLeft(ArrayRef<Value> values, bool exact) {
  Factor factor;
  if (element.isF32()) {
    for (int64_t index : {0, 2, 1, 3})
      append(factor, values[index]);
    return factor;
  }
  SmallVector<Value> rest(values);
  auto addPart = [&](SmallVectorImpl<Value> &registers) {
    for (int64_t pair = 0; pair < 4; ++pair) {
      Value word = pack(rest[2 * pair], rest[2 * pair + 1]);
      registers.push_back(toRegister(word));
      Value part = LLVM::BitcastOp::create(k.b, k.loc,
                                           VectorType::get(2, element), word);
      for (int64_t half : {0, 1}) {
        Value &value = rest[2 * pair + half];
        value = k.subF(value, k.toF32(k.element(part, half)));
      }
    }
  };
  addPart(factor.high);
  int64_t more = !exact ? 0 : element.isF16() ? 1 : 2;
  for (int64_t part = 0; part < more; ++part)
    addPart(factor.low);
  return factor;
}

void MatrixUnit::multiplyAdd(ArrayRef<Value> left, ArrayRef<Value> right,
                             MutableArrayRef<Value> sums) {
  Type real = k.b.getF32Type();
  auto type = LLVM::LLVMStructType::getLiteral(k.b.getContext(),
                                               {real, real, real, real});
  NVVM::MMATypes ptxType = element.isF32()   ? NVVM::MMATypes::tf32
                           : element.isF16() ? NVVM::MMATypes::f16
                                             : NVVM::MMATypes::bf16;
  Value result =
      NVVM::MmaOp::create(k.b, k.loc, type, left, right, ValueRange(sums),
                          {16, 8, depth()}, std::nullopt, std::nullopt,
                          std::array<NVVM::MMATypes, 2>{ptxType, ptxType},
                          std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                                         NVVM::MMALayout::col});
  for (auto [index, sum] : llvm::enumerate(sums))
    sum = LLVM::ExtractValueOp::create(k.b, k.loc, result, index);
}

void MatrixUnit::multiplyAdd(const Factor &left, const Factor &right,
                             int64_t half, MutableArrayRef<Value> sums) {
  ArrayRef<Value> high = ArrayRef(right.high).slice(2 * half, 2);
  for (size_t first = 0; first < left.low.size(); first += 4)
    multiplyAdd(ArrayRef(left.low).slice(first, 4), high, sums);
  if (!right.low.empty())
    multiplyAdd(left.high, ArrayRef(right.low).slice(2 * half, 2), sums);
  multiplyAdd(left.high, high, sums);
}
