//===- KernelBuilder.h - The instructions of a kernel -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_INSTRUCTIONS_KERNELBUILDER_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_INSTRUCTIONS_KERNELBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::attn {

/// Threads of a warp, and rows of its share of a tile of queries.
inline constexpr int64_t warpSize = 32;
inline constexpr int64_t warpRows = 16;

/// Builds what kernels are made of: 32-bit integers for coordinates, f32, and
/// the instructions of NVIDIA GPUs.
struct KernelBuilder {
  OpBuilder &b;
  Location loc;

  Value integer(int64_t value) {
    return arith::ConstantIntOp::create(b, loc, value, 32);
  }
  Value boolean(bool value) {
    return arith::ConstantIntOp::create(b, loc, value, 1);
  }
  Value real(double value) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  }
  Value add(Value lhs, Value rhs) {
    return b.createOrFold<arith::AddIOp>(loc, lhs, rhs);
  }
  Value add(Value lhs, int64_t rhs) { return add(lhs, integer(rhs)); }
  Value sub(Value lhs, Value rhs) {
    return b.createOrFold<arith::SubIOp>(loc, lhs, rhs);
  }
  Value mul(Value lhs, Value rhs) {
    return b.createOrFold<arith::MulIOp>(loc, lhs, rhs);
  }
  Value mul(Value lhs, int64_t rhs) { return mul(lhs, integer(rhs)); }
  /// Of integers that are not negative.
  Value div(Value lhs, Value rhs) {
    return b.createOrFold<arith::DivUIOp>(loc, lhs, rhs);
  }
  Value div(Value lhs, int64_t rhs) { return div(lhs, integer(rhs)); }
  Value rem(Value lhs, Value rhs) {
    return b.createOrFold<arith::RemUIOp>(loc, lhs, rhs);
  }
  Value rem(Value lhs, int64_t rhs) { return rem(lhs, integer(rhs)); }
  Value min(Value lhs, Value rhs) {
    return b.createOrFold<arith::MinSIOp>(loc, lhs, rhs);
  }
  Value bitAnd(Value lhs, int64_t rhs) {
    return b.createOrFold<arith::AndIOp>(loc, lhs, integer(rhs));
  }
  Value bitXor(Value lhs, Value rhs) {
    return b.createOrFold<arith::XOrIOp>(loc, lhs, rhs);
  }
  Value less(Value lhs, Value rhs) {
    return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, lhs,
                                         rhs);
  }
  Value unequal(Value lhs, Value rhs) {
    return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::ne, lhs,
                                         rhs);
  }
  Value both(Value lhs, Value rhs) {
    return b.createOrFold<arith::AndIOp>(loc, lhs, rhs);
  }
  Value either(Value lhs, Value rhs) {
    return b.createOrFold<arith::OrIOp>(loc, lhs, rhs);
  }
  Value negate(Value value) {
    return b.createOrFold<arith::XOrIOp>(loc, value, boolean(true));
  }
  Value select(Value condition, Value lhs, Value rhs) {
    return b.createOrFold<arith::SelectOp>(loc, condition, lhs, rhs);
  }
  Value toIndex(Value value) {
    return b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(), value);
  }
  Value toI32(Value value);
  Value toI64(Value value) {
    if (value.getType().isInteger(64))
      return value;
    return b.createOrFold<arith::ExtSIOp>(loc, b.getI64Type(), value);
  }

  Value toF32(Value value) {
    if (value.getType().isF32())
      return value;
    return arith::ExtFOp::create(b, loc, b.getF32Type(), value);
  }
  /// An f32, rounded to `type`.
  Value fromF32(Value value, Type type) {
    if (type.isF32())
      return value;
    return arith::TruncFOp::create(b, loc, type, value);
  }
  Value addF(Value lhs, Value rhs) {
    return arith::AddFOp::create(b, loc, lhs, rhs);
  }
  Value subF(Value lhs, Value rhs) {
    return arith::SubFOp::create(b, loc, lhs, rhs);
  }
  Value mulF(Value lhs, Value rhs) {
    return arith::MulFOp::create(b, loc, lhs, rhs);
  }
  /// The larger; of one that is NaN, the other.
  Value maxF(Value lhs, Value rhs) {
    return arith::MaxNumFOp::create(b, loc, lhs, rhs);
  }
  Value equalF(Value lhs, Value rhs) {
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, lhs, rhs);
  }
  /// lhs * rhs + addend, rounded once.
  Value fma(Value lhs, Value rhs, Value addend);
  /// 2^x and log2(x), each off by 2 ulp, subnormals as 0.
  Value exp2(Value x);
  Value log2(Value x);
  /// A call of the LLVM intrinsic `name`.
  Value intrinsic(StringRef name, Type result, ValueRange arguments);

  /// The same i32 or i64, but what is computed from it is computed there, not
  /// once before a loop, through which it would take registers.
  Value pin(Value value);

  /// The value, of at most 32 bits or an i64, of the lane whose number differs
  /// by the bits of `mask`.
  Value shuffleXor(Value value, int64_t mask);
  /// Combines a value over the lanes that differ in the bits of `mask`.
  Value reduceLanes(Value value, int64_t mask,
                    function_ref<Value(Value, Value)> combine);
  /// Whether `condition` holds in any lane of the warp.
  Value anyLane(Value condition);
  void syncWarp();
  void syncBlock();

  Type device() { return LLVM::LLVMPointerType::get(b.getContext(), 1); }
  Type shared() { return LLVM::LLVMPointerType::get(b.getContext(), 3); }
  /// Two values of one type as a vector.
  Value pair(Value low, Value high);
  Value element(Value vector, int64_t index) {
    return LLVM::ExtractElementOp::create(b, loc, vector, integer(index));
  }
  Value gep(Value pointer, Type element, Value index);
  Value load(Type type, Value pointer, int64_t alignment = 0);
  void store(Value value, Value pointer, int64_t alignment = 0);

  /// The number of the thread in the whole launch of blocks of `threads`, i64.
  Value emitGlobalThread(int64_t threads);

  /// Runs `body` where `condition` holds.
  void when(Value condition, function_ref<void()> body);
  /// Values of `then` where `condition` holds, of `otherwise` elsewhere.
  SmallVector<Value> choose(Value condition,
                            function_ref<SmallVector<Value>()> then,
                            function_ref<SmallVector<Value>()> otherwise);
  /// A loop over i32 from `lower` to `upper` that carries `state`.
  SmallVector<Value>
  forLoop(Value lower, Value upper, Value step, ValueRange state,
          function_ref<SmallVector<Value>(Value, ValueRange)> body);
  /// Runs `body` for numbers from 0 to `rows` * `perRow`, which `threads`
  /// threads share, each taking its own number (i32) and every `threads`th from
  /// there.
  void shareAll(int64_t rows, int64_t perRow, Value thread, int64_t threads,
                function_ref<void(Value)> body);
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_INSTRUCTIONS_KERNELBUILDER_H
