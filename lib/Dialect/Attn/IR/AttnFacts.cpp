//===- AttnFacts.cpp - What is known of captured values -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/AttnFacts.h"

#include "attn/Dialect/Attn/IR/AttributeNames.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace mlir::attn;

LogicalResult AssumeOp::verify() {
  auto shaped = dyn_cast<ShapedType>(getType());
  if (!getAscending() && !getAtLeast() && !getAtMost())
    return emitOpError("states nothing; it takes 'ascending', 'at_least' and "
                       "'at_most'");
  if (getAscending() && (!shaped || shaped.getRank() == 0))
    return emitOpError("states of ")
           << getType() << " that it ascends; a tensor of rank 1 or more can";
  if (getAtLeast() && getAtMost() && *getAtLeast() > *getAtMost())
    return emitOpError("states at_least = ")
           << *getAtLeast() << " and at_most = " << *getAtMost()
           << "; no integer lies between";
  Type element = getElementTypeOrSelf(getType());
  unsigned bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  for (std::optional<int64_t> bound : {getAtLeast(), getAtMost()})
    if (bound && !llvm::isIntN(bits, *bound))
      return emitOpError("states the bound ")
             << *bound << ", which is no value of " << element;
  return success();
}

LogicalResult AssumeOp::reifyResultShapes(OpBuilder &builder,
                                          ReifiedRankedShapedTypeDims &shapes) {
  if (!isa<RankedTensorType>(getType()))
    return failure();
  shapes.push_back(tensor::getMixedSizes(builder, getLoc(), getValue()));
  return success();
}

void attn::eraseAssumptions(Operation *root) {
  root->walk([](AssumeOp op) {
    op.replaceAllUsesWith(op.getValue());
    op.erase();
  });
}

std::string attn::getSourceName(Value value, const Twine &otherwise) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto named = dyn_cast<NameLoc>(op->getLoc()))
      return named.getName().str();
    if (op->getNumOperands() != 1)
      break;
    value = op->getOperand(0);
  }
  auto argument = dyn_cast<BlockArgument>(value);
  auto function =
      argument
          ? dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp())
          : FunctionOpInterface();
  auto name = function ? function.getArgAttrOfType<StringAttr>(
                             argument.getArgNumber(), abi::name)
                       : StringAttr();
  return name ? name.str() : otherwise.str();
}

#define GET_OP_CLASSES
#include "attn/Dialect/Attn/IR/AttnFactOps.cpp.inc"
