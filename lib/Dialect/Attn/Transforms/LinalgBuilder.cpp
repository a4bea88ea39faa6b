//===- LinalgBuilder.cpp - Linalg on tensors at one place -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgBuilder.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"

using namespace mlir;
using namespace mlir::attn;

LinalgBuilder::Dims LinalgBuilder::identity(unsigned rank) {
  return llvm::to_vector(llvm::seq<unsigned>(0, rank));
}

SmallVector<Value>
LinalgBuilder::generic(ValueRange inputs, ValueRange inits, ArrayRef<Dims> dims,
                       ArrayRef<utils::IteratorType> iterators, Body body) {
  SmallVector<AffineMap> maps =
      llvm::map_to_vector(dims, [&](const Dims &targets) {
        return AffineMap::getMultiDimMapWithTargets(iterators.size(), targets,
                                                    b.getContext());
      });
  auto op = linalg::GenericOp::create(
      b, loc, TypeRange(inits), inputs, inits, maps, iterators,
      [&](OpBuilder &builder, Location bodyLoc, ValueRange args) {
        linalg::YieldOp::create(builder, bodyLoc, body(builder, bodyLoc, args));
      });
  return SmallVector<Value>(op.getResults());
}

SmallVector<Value> LinalgBuilder::parallel(ValueRange inputs, ValueRange inits,
                                           ArrayRef<Dims> inputDims,
                                           Body body) {
  unsigned rank = cast<ShapedType>(inits[0].getType()).getRank();
  SmallVector<Dims> dims(inputDims);
  dims.append(inits.size(), identity(rank));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return generic(inputs, inits, dims, iterators, body);
}

Value LinalgBuilder::constant(Type type, double value) {
  return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
}

Value LinalgBuilder::empty(ArrayRef<OpFoldResult> sizes, Type elementType) {
  return tensor::EmptyOp::create(b, loc, sizes, elementType);
}

Value LinalgBuilder::fill(double value, ArrayRef<OpFoldResult> sizes,
                          Type elementType) {
  return linalg::FillOp::create(b, loc, constant(elementType, value),
                                empty(sizes, elementType))
      .getResult(0);
}

Value LinalgBuilder::convertScalar(OpBuilder &builder, Value value, Type type) {
  return convertScalarToDtype(builder, loc, value, type,
                              /*isUnsignedCast=*/false);
}

Value LinalgBuilder::addProduct(OpBuilder &builder, ValueRange scalars) {
  Type type = scalars[2].getType();
  Value left = convertScalar(builder, scalars[0], type);
  Value right = convertScalar(builder, scalars[1], type);
  Value product = arith::MulFOp::create(builder, loc, left, right);
  return arith::AddFOp::create(builder, loc, scalars[2], product);
}

Value LinalgBuilder::convert(Value value, Type elementType) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getElementType() == elementType)
    return value;
  return parallel(
      value, empty(sizesOf(value), elementType), identity(type.getRank()),
      [&](OpBuilder &builder, Location, ValueRange args) {
        return SmallVector<Value>{convertScalar(builder, args[0], elementType)};
      })[0];
}
