//===- EmptyFeatures.cpp - Attention on features of size 0 -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmptyFeatures.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

static bool isEmptyAlong(Value tensor, int64_t dim) {
  return cast<ShapedType>(tensor.getType()).getDimSize(dim) == 0;
}

/// Zeros of the shape of `tensor`, but 1 along `dim`.
static Value padWithZeros(OpBuilder &builder, Location loc, Value tensor,
                          int64_t dim) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, tensor);
  sizes[dim] = builder.getIndexAttr(1);
  Type element = getElementTypeOrSelf(tensor);
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, element);
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(element));
  return linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
}

void attn::padValueFeatures(OpBuilder &builder, AttentionOpInterface op) {
  int64_t feature = AttentionLayout::get(op).feature;
  Value value = op.getValue(), output = op.getOutput();
  if (!isEmptyAlong(value, feature))
    return;
  Location loc = op.getLoc();
  // The query, key and value are the first operands of every attention op.
  op->setOperand(2, padWithZeros(builder, loc, value, feature));
  auto emptyType = cast<RankedTensorType>(output.getType());
  SmallVector<int64_t> shape(emptyType.getShape());
  shape[feature] = 1;
  output.setType(RankedTensorType::get(shape, emptyType.getElementType()));
  OpBuilder::InsertionGuard restore(builder);
  builder.setInsertionPointAfter(op);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, output);
  sizes[feature] = builder.getIndexAttr(0);
  Value empty =
      tensor::EmptyOp::create(builder, loc, sizes, emptyType.getElementType());
  if (empty.getType() != emptyType)
    empty = tensor::CastOp::create(builder, loc, emptyType, empty);
  SmallPtrSet<Operation *, 4> sizeOps;
  for (Operation *user : output.getUsers())
    if (isa<tensor::DimOp>(user) && user->getBlock() == op->getBlock())
      sizeOps.insert(user);
  output.replaceAllUsesExcept(empty, sizeOps);
}

void attn::padScoredFeatures(OpBuilder &builder, AttentionOpInterface op,
                             Scoring &scoring) {
  Location loc = op.getLoc();
  int64_t feature = AttentionLayout::get(op).feature;
  if (!isEmptyAlong(scoring.query, feature) &&
      !isEmptyAlong(scoring.key, feature))
    return;
  scoring.query = padWithZeros(builder, loc, scoring.query, feature);
  scoring.key = padWithZeros(builder, loc, scoring.key, feature);
  if (scoring.featureWeight)
    scoring.featureWeight =
        padWithZeros(builder, loc, scoring.featureWeight, 0);
}
