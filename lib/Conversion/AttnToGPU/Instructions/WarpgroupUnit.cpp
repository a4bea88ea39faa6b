//===- WarpgroupUnit.cpp - Instructions of warpgroups -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WarpgroupUnit.h"

using namespace mlir;
using namespace mlir::attn;

/// Inline assembly that keeps its place, with `results` of f32.
SmallVector<Value> WarpgroupUnit::assembly(StringRef text,
                                           StringRef constraints,
                                           ArrayRef<Value> operands,
                                           int64_t results) {
  MLIRContext *context = k.b.getContext();
  SmallVector<Type> types(results, k.b.getF32Type());
  SmallVector<Type, 1> result;
  if (results)
    result.push_back(LLVM::LLVMStructType::getLiteral(context, types));
  auto op = LLVM::InlineAsmOp::create(
      k.b, k.loc, result, operands, text, constraints,
      /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(context, LLVM::AsmDialect::AD_ATT),
      ArrayAttr());
  SmallVector<Value> values;
  for (int64_t index = 0; index < results; ++index)
    values.push_back(
        LLVM::ExtractValueOp::create(k.b, k.loc, op.getResult(0), index));
  return values;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// The half of a descriptor that says where a tile starts, and how many bytes
/// after a panel the next one does.
Value WarpgroupUnit::place(const SharedTile &tile, int64_t columnDistance) {
  Value start = k.gep(tile.memory, k.b.getI8Type(), tile.base);
  Value address = LLVM::PtrToIntOp::create(k.b, k.loc, k.b.getI32Type(), start);
  return k.either(k.div(k.bitAnd(address, 0x3ffff), 16),
                  k.integer(columnDistance >> 4 << 16));
}

/// The other half is always the same: eight rows of 128 bytes follow each
/// other, swizzled as SharedLayout has it.
Value WarpgroupUnit::descriptor(Value place) {
  constexpr int64_t swizzle128 = int64_t(1) << 62;
  constexpr int64_t rowDistance = 8 * 128;
  Type i64 = k.b.getI64Type();
  Value half = arith::ConstantIntOp::create(
      k.b, k.loc, swizzle128 | rowDistance >> 4 << 32, 64);
  return k.either(arith::ExtUIOp::create(k.b, k.loc, i64, place), half);
}

/// One wgmma; `left` is a descriptor or four registers, no `sums` start with 0.
SmallVector<Value> WarpgroupUnit::product(ArrayRef<Value> left, Value right,
                                          int64_t columns, ArrayRef<Value> sums,
                                          bool rowsAreDepth) {
  int64_t count = columns / 2, next = count;
  bool inRegisters = left.size() > 1;
  std::string text, constraints;
  llvm::raw_string_ostream stream(text), kinds(constraints);
  StringRef type = element.isF16() ? "f16" : "bf16";
  stream << "wgmma.mma_async.sync.aligned.m64n" << columns << "k16.f32." << type
         << '.' << type << " {";
  auto list = [&](int64_t from, int64_t size) {
    llvm::interleaveComma(llvm::seq<int64_t>(from, from + size), stream,
                          [&](int64_t number) { stream << '$' << number; });
  };
  list(0, count);
  stream << "}, " << (inRegisters ? "{" : "");
  list(next, left.size());
  next += left.size();
  stream << (inRegisters ? "}" : "") << ", $" << next << ", "
         << (sums.empty() ? 0 : 1) << ", 1, 1" << (inRegisters ? "" : ", 0")
         << ", " << (rowsAreDepth ? 1 : 0) << ';';
  for (int64_t index = 0; index < count; ++index)
    kinds << "=f,";
  for (size_t index = 0; index < left.size(); ++index)
    kinds << (inRegisters ? "r," : "l,");
  kinds << 'l';
  for (size_t index = 0; index < sums.size(); ++index)
    kinds << ',' << index;
  SmallVector<Value> operands(left);
  operands.push_back(right);
  llvm::append_range(operands, sums);
  return assembly(text, constraints, operands, count);
}

SmallVector<Value> WarpgroupUnit::multiply(const SharedTile &left, Value row,
                                           const SharedTile &right) {
  constexpr int64_t columnsPerPanel = 64, bytesPerStep = 2 * depth;
  Value base = k.add(left.base, k.mul(row, 128));
  // Else all descriptors of queries would be kept in registers.
  Value leftStart = k.pin(place({left.layout, left.memory, base}, 16));
  Value rightStart = place(right, 16);
  auto advance = [&](Value start, const SharedLayout &layout, int64_t column) {
    int64_t bytes = column / columnsPerPanel * layout.rows * 128 +
                    column % columnsPerPanel / depth * bytesPerStep;
    return descriptor(k.add(start, bytes >> 4));
  };
  SmallVector<Value> sums;
  for (int64_t column = 0; column < left.layout.columns; column += depth)
    sums = product(advance(leftStart, left.layout, column),
                   advance(rightStart, right.layout, column), right.layout.rows,
                   sums, /*rowsAreDepth=*/false);
  return sums;
}

void WarpgroupUnit::multiplyAdd(ArrayRef<Value> left, const SharedTile &right,
                                SmallVectorImpl<Value> &sums) {
  Value start = place(right, right.layout.rows * 128);
  for (int64_t row = 0; row < right.layout.rows; row += depth) {
    SmallVector<Value> registers;
    for (Value pair : left.slice(row / depth * 4, 4))
      registers.push_back(
          pair.getType().isInteger(32)
              ? pair
              : LLVM::BitcastOp::create(k.b, k.loc, k.b.getI32Type(), pair));
    SmallVector<Value> results =
        product(registers, descriptor(k.add(start, row * 128 >> 4)),
                right.layout.columns, sums, /*rowsAreDepth=*/true);
    sums.assign(results.begin(), results.end());
  }
}

void WarpgroupUnit::fence() { NVVM::WgmmaFenceAlignedOp::create(k.b, k.loc); }

void WarpgroupUnit::commit() {
  NVVM::WgmmaGroupSyncAlignedOp::create(k.b, k.loc);
}

void WarpgroupUnit::await(int64_t pending, SmallVectorImpl<Value> &values) {
  std::string constraints;
  llvm::raw_string_ostream kinds(constraints);
  for (size_t index = 0; index < values.size(); ++index)
    kinds << (index ? ",=f" : "=f");
  for (size_t index = 0; index < values.size(); ++index)
    kinds << ',' << index;
  SmallVector<Value> same =
      assembly("wgmma.wait_group.sync.aligned " + std::to_string(pending) + ";",
               constraints, ArrayRef<Value>(values), values.size());
  values.assign(same.begin(), same.end());
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

void WarpgroupUnit::initBarrier(Value address, int64_t count) {
  NVVM::MBarrierInitOp::create(k.b, k.loc, address, k.integer(count), Value());
}

void WarpgroupUnit::arrive(Value address) {
  k.intrinsic("llvm.nvvm.mbarrier.arrive.shared", k.b.getI64Type(), address);
}

void WarpgroupUnit::arriveExpecting(Value address, Value bytes) {
  k.intrinsic("llvm.nvvm.mbarrier.arrive.expect.tx.scope.cta.space.cta",
              k.b.getI64Type(), {address, bytes});
}

void WarpgroupUnit::fenceBarriers() {
  NVVM::FenceMbarrierInitOp::create(k.b, k.loc);
}

void WarpgroupUnit::waitForPhase(Value address, Value parity) {
  // Up to 10 ms, the hint, a waiting warp leaves the scheduler to others.
  assembly("{\n"
           ".reg .pred done;\n"
           "again:\n"
           "mbarrier.try_wait.parity.shared::cta.b64 done, [$0], $1, "
           "10000000;\n"
           "@!done bra again;\n"
           "}",
           "l,r,~{memory}", {address, parity}, 0);
}

void WarpgroupUnit::fenceShared() {
  assembly("fence.proxy.async.shared::cta;", "~{memory}", {}, 0);
}

void WarpgroupUnit::syncThreads(Value id, int64_t threads) {
  callBarrier("llvm.nvvm.barrier.cta.sync.aligned.count", id, threads);
}

void WarpgroupUnit::arriveThreads(Value id, int64_t threads) {
  callBarrier("llvm.nvvm.barrier.cta.arrive.aligned.count", id, threads);
}

void WarpgroupUnit::callBarrier(StringRef name, Value id, int64_t threads) {
  LLVM::CallIntrinsicOp::create(k.b, k.loc, k.b.getStringAttr(name),
                                ValueRange{id, k.integer(threads)});
}

void WarpgroupUnit::setRegisters(int64_t count, bool more) {
  NVVM::SetMaxRegisterOp::create(k.b, k.loc, count,
                                 more ? NVVM::SetMaxRegisterAction::increase
                                      : NVVM::SetMaxRegisterAction::decrease);
}
