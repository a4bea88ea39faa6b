//===- ControlOps.cpp - Calls, loops, branches, loads, constants --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

static llvm::Error runConstant(Interpreter &state, arith::ConstantOp op) {
  Attribute value = op.getValue();
  if (auto number = dyn_cast<FloatAttr>(value)) {
    state.set(op, Scalar::ofReal(number.getValue().convertToDouble()));
    return llvm::Error::success();
  }
  if (auto number = dyn_cast<IntegerAttr>(value)) {
    state.set(op, Scalar::ofInteger(wrapToType(
                      op.getType(), number.getValue().getSExtValue())));
    return llvm::Error::success();
  }
  auto elements = dyn_cast<DenseElementsAttr>(value);
  if (!elements)
    return opError(op, "holds a value that is not in the module");
  Type elementType = elements.getElementType();
  llvm::Expected<ReferenceResult> result =
      makeTensor(op, elementType, elements.getType().getShape());
  if (!result)
    return result.takeError();
  int64_t index = 0;
  if (isa<FloatType>(elementType))
    for (const APFloat &number : elements.getValues<APFloat>())
      result->value.floats[index++] = number.convertToDouble();
  else
    for (const APInt &number : elements.getValues<APInt>())
      result->value.integers[index++] =
          wrapToType(elementType, number.getSExtValue());
  return state.setTensor(op, std::move(*result));
}

//===----------------------------------------------------------------------===//
// Calls and conditions
//===----------------------------------------------------------------------===//

static SmallVector<RuntimeValue> valuesOf(Interpreter &state,
                                          ValueRange operands) {
  SmallVector<RuntimeValue> values;
  for (Value operand : operands)
    values.push_back(state.get(operand));
  return values;
}

static llvm::Error runCall(Interpreter &state, func::CallOp op) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      op, op.getCalleeAttr());
  if (!callee)
    return opError(op, "calls @" + op.getCallee() + ", which is no function");
  llvm::Expected<SmallVector<RuntimeValue>> results =
      state.call(callee, valuesOf(state, op.getOperands()));
  if (!results)
    return results.takeError();
  for (auto [result, value] : llvm::zip_equal(op.getResults(), *results))
    state.set(result, value);
  return llvm::Error::success();
}

static llvm::Error runRequire(Interpreter &state, attn::RequireOp op) {
  if (state.integer(op.getCondition()))
    return llvm::Error::success();
  std::string message = op.getMessage().str();
  for (auto [index, value] : llvm::enumerate(op.getValues())) {
    std::string hole = llvm::formatv("{{{0}}", index);
    for (size_t at; (at = message.find(hole)) != std::string::npos;)
      message.replace(at, hole.size(), std::to_string(state.integer(value)));
  }
  return opError(op, message);
}

static llvm::Error runLoad(Interpreter &state, attn::LoadOp op) {
  Scalar guard = Scalar::ofInteger(1);
  if (op.getGuard())
    guard = state.scalar(op.getGuard());
  Scalar element;
  if (guard.integer || !guard.isExact()) {
    SmallVector<Scalar, 4> indices;
    for (Value index : op.getIndices())
      indices.push_back(state.scalar(index));
    element = loadElement(*state.tensor(op.getSource()),
                          ArrayRef<Scalar>(indices));
  }
  if (!guard.isExact())
    element.bound = std::numeric_limits<double>::infinity();
  state.set(op.getResult(), element);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Structured control flow
//===----------------------------------------------------------------------===//

/// Refuses to branch on what a rounding error decides.
static llvm::Error checkSure(Operation *op, const Scalar &value) {
  if (value.isExact())
    return llvm::Error::success();
  return opError(op, "depends on a comparison of floats that is within its "
                     "rounding error");
}

static llvm::Error runIf(Interpreter &state, scf::IfOp op) {
  const Scalar &condition = state.scalar(op.getCondition());
  if (llvm::Error error = checkSure(op, condition))
    return error;
  Region &taken = condition.integer ? op.getThenRegion() : op.getElseRegion();
  if (taken.empty())
    return llvm::Error::success();
  llvm::Expected<SmallVector<RuntimeValue>> results =
      state.runBlock(taken.front(), {});
  if (!results)
    return results.takeError();
  for (auto [result, value] : llvm::zip_equal(op.getResults(), *results))
    state.set(result, value);
  return llvm::Error::success();
}

static llvm::Error runFor(Interpreter &state, scf::ForOp op) {
  for (Value bound : {op.getLowerBound(), op.getUpperBound(), op.getStep()})
    if (llvm::Error error = checkSure(op, state.scalar(bound)))
      return error;
  int64_t upper = state.integer(op.getUpperBound());
  int64_t step = state.integer(op.getStep());
  if (step <= 0)
    return opError(op, llvm::formatv("has step {0}; it must be greater than 0",
                                     step));
  SmallVector<RuntimeValue> carried = valuesOf(state, op.getInitArgs());
  for (int64_t index = state.integer(op.getLowerBound()); index < upper;) {
    SmallVector<RuntimeValue> arguments{Scalar::ofInteger(index)};
    arguments.append(carried.begin(), carried.end());
    llvm::Expected<SmallVector<RuntimeValue>> next =
        state.runBlock(*op.getBody(), arguments);
    if (!next)
      return next.takeError();
    carried = std::move(*next);
    if (llvm::AddOverflow(index, step, index))
      break;
  }
  for (auto [result, value] : llvm::zip_equal(op.getResults(), carried))
    state.set(result, value);
  return llvm::Error::success();
}

void reference::addControlHandlers(HandlerTable &table) {
  table.add<arith::ConstantOp, runConstant>();
  table.add<func::CallOp, runCall>();
  table.add<attn::RequireOp, runRequire>();
  table.add<attn::LoadOp, runLoad>();
  table.add<scf::IfOp, runIf>();
  table.add<scf::ForOp, runFor>();
}
