//===- SharedReduction.cpp - Loops whose iterations threads share -===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedReduction.h"

#include "attn/Target/NVPTX/Launch.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::attn;

/// Of an integer in shared memory.
static constexpr int64_t slotBytes = 8;

/// The op that adds to what the loop carries in `argument`, the last of several
/// equal ones; null where it is carried in another way.
static Operation *getCombiner(scf::ForOp loop, BlockArgument argument) {
  Value value = argument;
  Operation *combiner = nullptr;
  while (value.hasOneUse()) {
    OpOperand &use = *value.getUses().begin();
    Operation *user = use.getOwner();
    if (user == loop.getBody()->getTerminator())
      return use.getOperandNumber() + 1 == argument.getArgNumber() ? combiner
                                                                   : nullptr;
    if (user->getBlock() != loop.getBody() || user->getNumResults() != 1 ||
        !isa<IntegerType>(user->getResult(0).getType()) ||
        !arith::getNeutralElement(user) ||
        (combiner && combiner->getName() != user->getName()))
      return nullptr;
    combiner = user;
    value = user->getResult(0);
  }
  return nullptr;
}

bool SharedReduction::matches(scf::ForOp loop) {
  return loop.getNumResults() &&
         llvm::all_of(loop.getRegionIterArgs(), [&](BlockArgument argument) {
           return getCombiner(loop, argument) != nullptr;
         });
}

int64_t SharedReduction::getSharedBytes(int64_t threads) const {
  return threads > warpSize ? threads / warpSize * slotBytes : 0;
}

/// Combines two integers as the loop does.
static Value combine(KernelBuilder &k, Operation *combiner, Value lhs,
                     Value rhs) {
  return k.b
      .create(k.loc, combiner->getName().getIdentifier(), {lhs, rhs},
              combiner->getResultTypes())
      ->getResult(0);
}

/// What a thread's own iterations add to nothing.
SmallVector<Value> SharedReduction::emitOwn(
    KernelBuilder &k, IRMapping &mapping, Value thread, int64_t threads,
    function_ref<void(KernelBuilder &, Operation &)> emitOp) {
  auto multiply = [&](Value lhs, Value rhs) -> Value {
    return arith::MulIOp::create(k.b, k.loc, lhs, rhs);
  };
  Value step = mapping.lookupOrDefault(loop.getStep());
  Value lower = arith::AddIOp::create(
      k.b, k.loc, mapping.lookupOrDefault(loop.getLowerBound()),
      multiply(k.toIndex(thread), step));
  SmallVector<Value> neutral;
  for (BlockArgument argument : loop.getRegionIterArgs())
    neutral.push_back(arith::ConstantOp::create(
        k.b, k.loc, *arith::getNeutralElement(getCombiner(loop, argument))));
  auto own = scf::ForOp::create(
      k.b, k.loc, lower, mapping.lookupOrDefault(loop.getUpperBound()),
      multiply(step, k.toIndex(k.integer(threads))), neutral,
      [&](OpBuilder &inner, Location loc, Value index, ValueRange carried) {
        KernelBuilder body{inner, loc};
        mapping.map(loop.getInductionVar(), index);
        mapping.map(loop.getRegionIterArgs(), carried);
        for (Operation &op : loop.getBody()->without_terminator())
          emitOp(body, op);
        scf::YieldOp::create(
            inner, loc,
            llvm::map_to_vector(loop.getYieldedValues(), [&](Value value) {
              return mapping.lookupOrDefault(value);
            }));
      });
  return own.getResults();
}

/// Of the warps of a block, by way of shared memory.
Value SharedReduction::combineWarps(KernelBuilder &k, Value value,
                                    Operation *combiner, Value thread,
                                    int64_t threads) {
  Value memory =
      LLVM::AddressOfOp::create(k.b, k.loc, k.shared(), sharedMemoryName);
  auto slot = [&](Value warp) { return k.gep(memory, k.b.getI64Type(), warp); };
  Value isFirst = k.less(k.rem(thread, warpSize), k.integer(1));
  k.when(isFirst,
         [&] { k.store(value, slot(k.div(thread, warpSize)), slotBytes); });
  k.syncBlock();
  for (int64_t warp = 0; warp < threads / warpSize; ++warp) {
    Value other = k.load(value.getType(), slot(k.integer(warp)), slotBytes);
    value = warp ? combine(k, combiner, value, other) : other;
  }
  // The slots are free again.
  k.syncBlock();
  return value;
}

void SharedReduction::emit(
    KernelBuilder &k, IRMapping &mapping, Value thread, int64_t threads,
    function_ref<void(KernelBuilder &, Operation &)> emitOp) {
  SmallVector<Value> own = emitOwn(k, mapping, thread, threads, emitOp);
  for (auto [value, argument, init, result] :
       llvm::zip_equal(own, loop.getRegionIterArgs(), loop.getInitArgs(),
                       loop.getResults())) {
    Operation *combiner = getCombiner(loop, argument);
    Value all = k.reduceLanes(value, warpSize - 1, [&](Value lhs, Value rhs) {
      return combine(k, combiner, lhs, rhs);
    });
    if (threads > warpSize)
      all = combineWarps(k, all, combiner, thread, threads);
    mapping.map(result,
                combine(k, combiner, mapping.lookupOrDefault(init), all));
  }
}
