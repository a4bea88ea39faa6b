//===- FixQueries.cpp - Attend ops of so many queries -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Transforms/TilePlan.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// `operand` with a static size for queries.
static Value castTo(OpBuilder &builder, Value operand, AffineMap map,
                    int64_t count) {
  auto type = cast<RankedTensorType>(operand.getType());
  SmallVector<int64_t> shape(type.getShape());
  AffineExpr query = builder.getAffineDimExpr(AttendOp::I);
  shape[*map.getResultPosition(query)] = count;
  return tensor::CastOp::create(
      builder, operand.getLoc(),
      RankedTensorType::get(shape, type.getElementType()), operand);
}

SmallVector<Value> attn::fixQueries(OpBuilder &builder, AttendOp op,
                                    int64_t count) {
  OpBuilder::InsertionGuard restore(builder);
  builder.setInsertionPoint(op);
  op.getQueryMutable().assign(
      castTo(builder, op.getQuery(), op.getQueryMap(), count));
  for (auto [index, init] : llvm::enumerate(op.getDpsInitsMutable()))
    init.set(castTo(builder, init.get(), op.getMap(3 + index), count));
  builder.setInsertionPointAfter(op);
  SmallVector<Value> results;
  for (auto [result, init] :
       llvm::zip_equal(op->getResults(), op.getDpsInits())) {
    Type before = result.getType();
    result.setType(init.getType());
    auto back = tensor::CastOp::create(builder, op.getLoc(), before, result);
    result.replaceAllUsesExcept(back, back);
    results.push_back(back);
  }
  return results;
}
