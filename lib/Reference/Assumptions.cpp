//===- Assumptions.cpp - Facts that are stated, looked at -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"

#include "attn/Dialect/Attn/IR/AttnFacts.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

llvm::Error reference::checkAscends(Operation *op, const Tensor &tensor) {
  int64_t length = tensor.getShape().back();
  for (int64_t at = 1; at < tensor.size(); ++at)
    if (at % length != 0 && tensor.integers[at] < tensor.integers[at - 1])
      return opError(
          op, llvm::formatv("states of a tensor that it ascends; {0} "
                            "follows {1}",
                            tensor.integers[at], tensor.integers[at - 1]));
  return llvm::Error::success();
}

static llvm::Error checkBounds(AssumeOp op, int64_t value) {
  if (value >= op.getAtLeast().value_or(value) &&
      value <= op.getAtMost().value_or(value))
    return llvm::Error::success();
  return opError(
      op, llvm::formatv("states bounds; {0} lies outside of them", value));
}

static llvm::Error runAssume(Interpreter &state, AssumeOp op) {
  state.set(op.getResult(), state.get(op.getValue()));
  if (!isa<ShapedType>(op.getType()))
    return checkBounds(op, state.integer(op.getValue()));
  const Tensor &tensor = state.tensor(op.getValue())->value;
  for (int64_t element : tensor.integers)
    if (llvm::Error error = checkBounds(op, element))
      return error;
  if (op.getAscending())
    return checkAscends(op, tensor);
  return llvm::Error::success();
}

void reference::addAssumeHandlers(HandlerTable &table) {
  table.add<AssumeOp, runAssume>();
}
