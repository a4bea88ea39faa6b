//===- RegionUtils.cpp - Building and checking regions over pairs -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::attn;

LogicalResult attn::verifyPairRegion(Operation *op, Region &region,
                                     Type scoreType, Type resultType,
                                     TypeRange captureTypes) {
  SmallVector<Type> expected;
  if (scoreType)
    expected.push_back(scoreType);
  expected.append(4, IndexType::get(op->getContext()));
  llvm::append_range(expected, captureTypes);
  Block &body = region.front();
  if (body.getNumArguments() != expected.size())
    return op->emitOpError("region has ")
           << body.getNumArguments() << " arguments; it takes "
           << (scoreType ? "the score, " : "") << "b, h, i, j and "
           << captureTypes.size() << " captures";
  for (auto [index, type] : llvm::enumerate(expected))
    if (body.getArgument(index).getType() != type)
      return op->emitOpError("region argument ")
             << index << " is " << body.getArgument(index).getType()
             << "; it must be " << type;
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield || yield.getNumOperands() != 1 ||
      yield.getOperand(0).getType() != resultType)
    return op->emitOpError("region must yield one ") << resultType;
  return success();
}

Value attn::inlinePairRegion(OpBuilder &builder, Block &body,
                             ValueRange arguments, Value guard) {
  IRMapping mapping;
  mapping.map(body.getArguments(), arguments);
  for (Operation &op : body.without_terminator()) {
    Operation *clone = builder.clone(op, mapping);
    if (!guard)
      continue;
    clone->walk([&](LoadOp load) {
      OpBuilder::InsertionGuard restore(builder);
      builder.setInsertionPoint(load);
      load.getGuardMutable().assign(
          conjunction(builder, load.getLoc(), guard, load.getGuard()));
    });
  }
  return mapping.lookup(body.getTerminator()->getOperand(0));
}

Value attn::emitBroadcastLoad(OpBuilder &builder, Location loc, Value tensor,
                              const PairIndices &indices, Value guard) {
  auto type = cast<ShapedType>(tensor.getType());
  Value all[] = {indices.b, indices.h, indices.i, indices.j};
  SmallVector<Value> position;
  for (int64_t dim = 0, rank = type.getRank(); dim < rank; ++dim)
    position.push_back(type.getDimSize(dim) == 1
                           ? arith::ConstantIndexOp::create(builder, loc, 0)
                                 .getResult()
                           : all[4 - rank + dim]);
  return LoadOp::create(builder, loc, tensor, position, guard);
}

Value attn::conjunction(OpBuilder &builder, Location loc, Value lhs,
                        Value rhs) {
  if (!lhs)
    return rhs;
  if (!rhs)
    return lhs;
  return arith::AndIOp::create(builder, loc, lhs, rhs);
}

Value attn::negation(OpBuilder &builder, Location loc, Value value) {
  Value yes = arith::ConstantIntOp::create(builder, loc, 1, 1);
  return arith::XOrIOp::create(builder, loc, value, yes);
}

Value attn::emitDim(OpBuilder &builder, Location loc, Value shaped,
                    int64_t dim) {
  auto type = cast<ShapedType>(shaped.getType());
  if (!type.isDynamicDim(dim))
    return arith::ConstantIndexOp::create(builder, loc, type.getDimSize(dim));
  if (isa<MemRefType>(type))
    return memref::DimOp::create(builder, loc, shaped, dim);
  return tensor::DimOp::create(builder, loc, shaped, dim);
}
