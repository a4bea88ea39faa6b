//===- PairRegionTest.cpp - Cloning and inlining regions over pairs -----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// A predicate that reads a tensor and divides by what it read, and a function
/// to emit it into.
class PairRegion : public testing::Test {
protected:
  PairRegion() {
    context.loadDialect<AttnDialect, arith::ArithDialect, func::FuncDialect>();
    module = parseSourceString<ModuleOp>(R"(
      func.func @f(%t: tensor<?xindex>, %guard: i1, %i: index, %j: index) {
        %m = attn.mask.predicate(%t : tensor<?xindex>) {
        ^bb0(%b: index, %h: index, %x: index, %y: index, %s: tensor<?xindex>):
          %two = arith.constant 2 : index
          %half = arith.divsi %y, %two : index
          %divisor = attn.load %s[%x] : tensor<?xindex>
          %rest = arith.remsi %half, %divisor : index
          %zero = arith.constant 0 : index
          %keep = arith.cmpi eq, %rest, %zero : index
          attn.yield %keep : i1
        }
        return
      })",
                                         &context);
    module->walk([&](func::FuncOp found) { function = found; });
    module->walk([&](MaskPredicateOp found) { predicate = found; });
    builder.setInsertionPoint(function.getBody().front().getTerminator());
    Block &entry = function.getBody().front();
    tensor = entry.getArgument(0);
    guard = entry.getArgument(1);
    i = entry.getArgument(2);
    j = entry.getArgument(3);
  }

  template <typename OpTy>
  OpTy find() {
    OpTy result;
    for (OpTy op : function.getBody().front().getOps<OpTy>())
      result = op;
    return result;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  OpBuilder builder{&context};
  func::FuncOp function;
  MaskPredicateOp predicate;
  Value tensor, guard, i, j;
};

TEST_F(PairRegion, CloneGuardsLoads) {
  Value result = clonePairRegion(builder, *predicate.getBody(),
                                 {i, i, i, j, tensor}, guard);
  EXPECT_TRUE(result.getType().isInteger(1));
  EXPECT_EQ(find<LoadOp>().getGuard(), guard);
  EXPECT_EQ(find<arith::RemSIOp>().getRhs(), find<LoadOp>().getResult());
  EXPECT_TRUE(succeeded(verify(*module)));
}

TEST_F(PairRegion, CloneWithoutGuardLeavesLoads) {
  clonePairRegion(builder, *predicate.getBody(), {i, i, i, j, tensor}, {});
  EXPECT_FALSE(find<LoadOp>().getGuard());
}

TEST_F(PairRegion, InlineNeverDividesByZero) {
  inlinePairRegion(builder, *predicate.getBody(), {i, i, i, j, tensor}, guard);
  EXPECT_EQ(find<LoadOp>().getGuard(), guard);
  auto divisor = find<arith::RemSIOp>().getRhs().getDefiningOp<arith::SelectOp>();
  ASSERT_TRUE(divisor);
  EXPECT_EQ(divisor.getFalseValue(), find<LoadOp>().getResult());
  // A constant that is not 0 stays.
  EXPECT_TRUE(
      find<arith::DivSIOp>().getRhs().getDefiningOp<arith::ConstantOp>());
  EXPECT_TRUE(succeeded(verify(*module)));
}
} // namespace
