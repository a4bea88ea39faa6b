//===- RowWitness.cpp - Proof that a mask keeps a key in each row ---------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Analysis/RowWitness.h"
#include "Disjunction.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace mlir::attn;

/// Whether the mask holds for every i and input once j is what `makeKey` gives.
static bool holdsAt(Region &mask, int64_t queries, int64_t keys,
                    ArrayRef<CaptureFacts> facts,
                    function_ref<Value(OpBuilder &, Block &)> makeKey) {
  MLIRContext *context = mask.getContext();
  OpBuilder builder(context);
  // Equal reads are to be one value: a copy, in an op of its own.
  SmallVector<Type> types(mask.getArgumentTypes());
  OwningOpRef<func::FuncOp> copy = func::FuncOp::create(
      mask.getLoc(), "mask", builder.getFunctionType(types, {}));
  IRMapping mapping;
  mask.cloneInto(&copy->getBody(), mapping);
  Block &body = copy->getBody().front();
  builder.setInsertionPointToStart(&body);
  body.getArgument(3).replaceAllUsesWith(makeKey(builder, body));
  IRRewriter rewriter(context);
  DominanceInfo dominance(*copy);
  eliminateCommonSubExpressions(rewriter, dominance, *copy);
  MaskModel model(copy->getBody(), queries, keys, facts);
  return Expansion(model).get(model.getRoot(), /*negated=*/true).isFalse();
}

RowWitness attn::findRowWitness(Region &mask, int64_t queries, int64_t keys,
                                ArrayRef<CaptureFacts> facts) {
  if (holdsAt(mask, queries, keys, facts,
              [](OpBuilder &builder, Block &body) -> Value {
                return arith::ConstantIndexOp::create(
                    builder, body.getParentOp()->getLoc(), 0);
              }))
    return RowWitness::FirstKey;
  if (holdsAt(mask, queries, keys, facts,
              [](OpBuilder &, Block &body) -> Value {
                return body.getArgument(2);
              }))
    return RowWitness::OwnKey;
  return RowWitness::None;
}
