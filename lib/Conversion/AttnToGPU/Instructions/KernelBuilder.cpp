//===- KernelBuilder.cpp - The instructions of a kernel -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <numeric>

using namespace mlir;
using namespace mlir::attn;

static constexpr int64_t allLanes = 0xffffffff;

Value KernelBuilder::toI32(Value value) {
  if (value.getType().isInteger(32))
    return value;
  if (value.getType().isIndex())
    return b.createOrFold<arith::IndexCastOp>(loc, b.getI32Type(), value);
  return b.createOrFold<arith::TruncIOp>(loc, b.getI32Type(), value);
}

Value KernelBuilder::fma(Value lhs, Value rhs, Value addend) {
  return math::FmaOp::create(b, loc, lhs, rhs, addend);
}

Value KernelBuilder::intrinsic(StringRef name, Type result,
                               ValueRange arguments) {
  return LLVM::CallIntrinsicOp::create(b, loc, result, b.getStringAttr(name),
                                       arguments)
      .getResult(0);
}

Value KernelBuilder::exp2(Value x) {
  return intrinsic("llvm.nvvm.ex2.approx.ftz", b.getF32Type(), x);
}

Value KernelBuilder::log2(Value x) {
  return intrinsic("llvm.nvvm.lg2.approx.ftz.f", b.getF32Type(), x);
}

Value KernelBuilder::pin(Value value) {
  if (getConstantIntValue(value))
    return value;
  StringRef constraints = value.getType().isInteger(64) ? "=l,0" : "=r,0";
  auto dialect =
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT);
  return LLVM::InlineAsmOp::create(b, loc, value.getType(), value,
                                   /*asm_string=*/"", constraints,
                                   /*has_side_effects=*/true,
                                   /*is_align_stack=*/false,
                                   LLVM::TailCallKind::None, dialect,
                                   ArrayAttr())
      .getResult(0);
}

Value KernelBuilder::shuffleXor(Value value, int64_t mask) {
  Type type = value.getType(), word = b.getI32Type();
  if (type.isInteger() && type.getIntOrFloatBitWidth() < 32) {
    Value wide = arith::ExtUIOp::create(b, loc, word, value);
    return arith::TruncIOp::create(b, loc, type, shuffleXor(wide, mask));
  }
  if (type.isInteger(64)) {
    Value half = arith::ConstantIntOp::create(b, loc, type, 32);
    Value high = arith::ShRUIOp::create(b, loc, value, half);
    auto shuffled = [&](Value part) -> Value {
      part = arith::TruncIOp::create(b, loc, word, part);
      return arith::ExtUIOp::create(b, loc, type, shuffleXor(part, mask));
    };
    Value low = shuffled(value);
    high = arith::ShLIOp::create(b, loc, shuffled(high), half);
    return arith::OrIOp::create(b, loc, low, high);
  }
  return NVVM::ShflOp::create(b, loc, value.getType(), integer(allLanes), value,
                              integer(mask), integer(warpSize - 1),
                              NVVM::ShflKind::bfly, UnitAttr());
}

Value KernelBuilder::reduceLanes(Value value, int64_t mask,
                                 function_ref<Value(Value, Value)> combine) {
  for (int64_t bit = 1; bit < warpSize; bit *= 2)
    if (mask & bit)
      value = combine(value, shuffleXor(value, bit));
  return value;
}

Value KernelBuilder::anyLane(Value condition) {
  return NVVM::VoteSyncOp::create(b, loc, b.getI1Type(), integer(allLanes),
                                  condition, NVVM::VoteSyncKind::any);
}

void KernelBuilder::syncWarp() {
  NVVM::SyncWarpOp::create(b, loc, integer(allLanes));
}

void KernelBuilder::syncBlock() { NVVM::Barrier0Op::create(b, loc); }

Value KernelBuilder::pair(Value low, Value high) {
  Value result =
      LLVM::PoisonOp::create(b, loc, VectorType::get(2, low.getType()));
  for (auto [index, half] : llvm::enumerate(ValueRange{low, high}))
    result =
        LLVM::InsertElementOp::create(b, loc, result, half, integer(index));
  return result;
}

Value KernelBuilder::gep(Value pointer, Type element, Value index) {
  return LLVM::GEPOp::create(b, loc, pointer.getType(), element, pointer,
                             ArrayRef<LLVM::GEPArg>{index});
}

Value KernelBuilder::load(Type type, Value pointer, int64_t alignment) {
  return LLVM::LoadOp::create(b, loc, type, pointer, alignment);
}

void KernelBuilder::store(Value value, Value pointer, int64_t alignment) {
  LLVM::StoreOp::create(b, loc, value, pointer, alignment);
}

Value KernelBuilder::emitGlobalThread(int64_t threads) {
  Type word = b.getI32Type();
  Value block = toI64(NVVM::BlockIdXOp::create(b, loc, word));
  Value count = arith::ConstantIntOp::create(b, loc, threads, /*width=*/64);
  return add(mul(block, count), toI64(NVVM::ThreadIdXOp::create(b, loc, word)));
}

void KernelBuilder::when(Value condition, function_ref<void()> body) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard restore(b);
  b.setInsertionPoint(op.thenYield());
  body();
}

SmallVector<Value>
KernelBuilder::choose(Value condition, function_ref<SmallVector<Value>()> then,
                      function_ref<SmallVector<Value>()> otherwise) {
  auto yield = [&](function_ref<SmallVector<Value>()> values) {
    return [&, values](OpBuilder &inner, Location loc) {
      OpBuilder::InsertionGuard restore(b);
      b.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
      scf::YieldOp::create(b, loc, values());
    };
  };
  return SmallVector<Value>(
      scf::IfOp::create(b, loc, condition, yield(then), yield(otherwise))
          .getResults());
}

SmallVector<Value> KernelBuilder::forLoop(
    Value lower, Value upper, Value step, ValueRange state,
    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(
      b, loc, lower, upper, step, state,
      [&](OpBuilder &inner, Location loc, Value index, ValueRange args) {
        OpBuilder::InsertionGuard restore(b);
        b.setInsertionPoint(inner.getInsertionBlock(),
                            inner.getInsertionPoint());
        scf::YieldOp::create(b, loc, body(index, args));
      });
  return SmallVector<Value>(loop.getResults());
}

void KernelBuilder::shareAll(int64_t rows, int64_t perRow, Value thread,
                             int64_t threads, function_ref<void(Value)> body) {
  int64_t count = rows * perRow, whole = count / threads;
  auto runRounds = [&](Value first, int64_t rounds) {
    for (int64_t round = 0; round < rounds; ++round)
      body(add(first, round * threads));
  };
  // More rounds are a loop, since kernels are to stay small. It takes whole
  // rows, so that a lane beyond a row's end is so each time.
  constexpr int64_t mostRounds = 8;
  int64_t together = std::lcm(perRow, threads) / threads;
  int64_t loops = whole > mostRounds ? whole / together : 0;
  if (loops)
    forLoop(integer(0), integer(loops), integer(1), {},
            [&](Value number, ValueRange) {
              runRounds(add(thread, mul(number, together * threads)), together);
              return SmallVector<Value>();
            });
  int64_t done = loops * together;
  runRounds(add(thread, done * threads), whole - done);
  if (count % threads == 0)
    return;
  Value last = add(thread, whole * threads);
  when(less(last, integer(count)), [&] { body(last); });
}
