//===- Interpreter.cpp - Runs operations on reference values ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"

#include "attn/Dialect/Attn/IR/Attn.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

/// Calls nest no deeper: a recursive function would not end.
static constexpr unsigned maximalCallDepth = 64;
/// Elements of a tensor: 2 GiB of fp64.
static constexpr int64_t maximalElements = int64_t(1) << 28;

static const HandlerTable &getHandlers() {
  static const HandlerTable table = [] {
    HandlerTable all;
    addAssumeHandlers(all);
    addControlHandlers(all);
    addTensorHandlers(all);
    addMaskHandlers(all);
    addMaskCombinationHandlers(all);
    addScoreHandlers(all);
    addAttentionHandlers(all);
    addMultiHeadHandlers(all);
    addMergeHandlers(all);
    addPositionHandlers(all);
    addAttendHandlers(all);
    addTileHandlers(all);
    addRecomputeHandlers(all);
    return all;
  }();
  return table;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

std::string reference::shapeText(ArrayRef<int64_t> shape) {
  return llvm::join(
      llvm::map_range(shape, [](int64_t size) { return std::to_string(size); }),
      "x");
}

llvm::Expected<ReferenceResult> reference::makeTensor(Operation *op,
                                                      Type elementType,
                                                      ArrayRef<int64_t> shape) {
  int64_t elements = 1;
  for (int64_t size : shape) {
    if (size < 0)
      return opError(
          op, llvm::formatv("makes a tensor of negative size {0}", size));
    if (llvm::MulOverflow(elements, size, elements) ||
        elements > maximalElements)
      return opError(op, llvm::formatv("makes a tensor of sizes {0}; the "
                                       "reference takes at most {1} elements",
                                       shapeText(shape), maximalElements));
  }
  return ReferenceResult{Tensor(elementType, shape), {}};
}

llvm::Error reference::checkShape(Operation *op, const llvm::Twine &name,
                                  Type type, ArrayRef<int64_t> shape) {
  auto shaped = cast<RankedTensorType>(type);
  bool fits = shaped.getRank() == static_cast<int64_t>(shape.size());
  for (int64_t dim = 0; fits && dim < shaped.getRank(); ++dim)
    fits = shaped.isDynamicDim(dim) || shaped.getDimSize(dim) == shape[dim];
  if (fits)
    return llvm::Error::success();
  return opError(op, llvm::formatv("{0} has sizes {1}, its type is {2}",
                                   name.str(), shapeText(shape), type));
}

llvm::Error Interpreter::setTensor(Value result, TensorRef value) {
  Operation *op = result.getDefiningOp();
  unsigned index = cast<OpResult>(result).getResultNumber();
  if (llvm::Error error = checkShape(op, "result " + llvm::Twine(index),
                                     result.getType(), value->value.getShape()))
    return error;
  set(result, std::move(value));
  return llvm::Error::success();
}

llvm::Error Interpreter::setTensor(Value result, ReferenceResult value) {
  return setTensor(result,
                   std::make_shared<const ReferenceResult>(std::move(value)));
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// Applies a scalar op to tensors; operands that are scalars go to all
/// elements.
llvm::Error Interpreter::runElementwise(Operation *op) {
  SmallVector<const RuntimeValue *> operands;
  std::optional<SmallVector<int64_t>> shape;
  for (Value operand : op->getOperands()) {
    operands.push_back(&get(operand));
    if (!isa<RankedTensorType>(operand.getType()))
      continue;
    ArrayRef<int64_t> sizes = tensor(operand)->value.getShape();
    if (shape && ArrayRef<int64_t>(*shape) != sizes)
      return opError(op, llvm::formatv("takes tensors of sizes {0} and {1}; "
                                       "they must be equal",
                                       shapeText(*shape), shapeText(sizes)));
    shape = llvm::to_vector(sizes);
  }
  llvm::Expected<ReferenceResult> result =
      makeTensor(op, getElementTypeOrSelf(op->getResult(0).getType()), *shape);
  if (!result)
    return result.takeError();
  SmallVector<Scalar> scalars(operands.size());
  for (int64_t index = 0, count = result->value.size(); index < count;
       ++index) {
    for (auto [scalar, operand] : llvm::zip_equal(scalars, operands))
      scalar = std::holds_alternative<Scalar>(*operand)
                   ? std::get<Scalar>(*operand)
                   : elementAt(*std::get<TensorRef>(*operand), index);
    llvm::Expected<Scalar> element = evaluateScalarOp(op, scalars, arithmetic);
    if (!element)
      return element.takeError();
    setElement(*result, index, *element);
  }
  return setTensor(op->getResult(0), std::move(*result));
}

llvm::Error Interpreter::runOp(Operation *op) {
  if (isScalarOp(op)) {
    if (isa<RankedTensorType>(op->getResult(0).getType()))
      return runElementwise(op);
    if (!Tensor::isSupported(op->getResult(0).getType()))
      return opError(op,
                     llvm::formatv("cannot choose between values of type {0}",
                                   op->getResult(0).getType()));
    SmallVector<Scalar, 4> operands;
    for (Value operand : op->getOperands())
      operands.push_back(scalar(operand));
    llvm::Expected<Scalar> result = evaluateScalarOp(op, operands, arithmetic);
    if (!result)
      return result.takeError();
    set(op->getResult(0), *result);
    return llvm::Error::success();
  }
  if (Handler handler = getHandlers().lookup(op))
    return handler(*this, op);
  if (std::optional<llvm::Error> result = runLinalgOp(*this, op))
    return std::move(*result);
  return opError(op, "is not supported by the reference");
}

//===----------------------------------------------------------------------===//
// Blocks and functions
//===----------------------------------------------------------------------===//

llvm::Error Interpreter::runBody(Block &block) {
  for (Operation &op : block.without_terminator())
    if (llvm::Error error = runOp(&op))
      return error;
  return llvm::Error::success();
}

llvm::Expected<SmallVector<RuntimeValue>>
Interpreter::runBlock(Block &block, ArrayRef<RuntimeValue> arguments) {
  for (auto [argument, value] :
       llvm::zip_equal(block.getArguments(), arguments))
    set(argument, value);
  if (llvm::Error error = runBody(block))
    return std::move(error);
  Operation *terminator = block.getTerminator();
  if (terminator->getNumSuccessors() != 0)
    return opError(terminator, "is not supported by the reference");
  SmallVector<RuntimeValue> results;
  for (Value operand : terminator->getOperands())
    results.push_back(get(operand));
  return results;
}

/// Whether the interpreter has values of this type.
static bool isSupportedType(Type type) {
  if (isa<attn::MaskType, attn::ScoreModType>(type))
    return true;
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return Tensor::isSupported(tensor.getElementType());
  return Tensor::isSupported(type);
}

/// Refuses a function in which a value has a type that has no meaning here.
static llvm::Error checkTypes(func::FuncOp function) {
  Operation *offender = nullptr;
  Type type;
  auto check = [&](Operation *op, TypeRange types) {
    for (Type candidate : types)
      if (!isSupportedType(candidate)) {
        offender = op;
        type = candidate;
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  };
  function.walk([&](Operation *op) {
    if (check(op, op->getResultTypes()).wasInterrupted())
      return WalkResult::interrupt();
    for (Region &region : op->getRegions())
      for (Block &block : region)
        if (check(op, block.getArgumentTypes()).wasInterrupted())
          return WalkResult::interrupt();
    return WalkResult::advance();
  });
  if (!offender)
    return llvm::Error::success();
  return opError(offender,
                 llvm::formatv("has a value of type {0}, which the reference "
                               "does not support",
                               type));
}

llvm::Expected<SmallVector<RuntimeValue>>
Interpreter::call(func::FuncOp function, ArrayRef<RuntimeValue> arguments) {
  if (function.isExternal())
    return opError(function, "@" + function.getName() + " has no body");
  if (!llvm::hasSingleElement(function.getBody()))
    return opError(function,
                   "@" + function.getName() +
                       " has several blocks; the reference takes one");
  if (callDepth == maximalCallDepth)
    return opError(function, "@" + function.getName() + " nests " +
                                 llvm::Twine(maximalCallDepth) + " calls deep");
  if (llvm::Error error = checkTypes(function))
    return std::move(error);
  Interpreter callee(Arithmetic::Wide, callDepth + 1);
  return callee.runBlock(function.getBody().front(), arguments);
}

//===----------------------------------------------------------------------===//
// Entry
//===----------------------------------------------------------------------===//

static bool fits(Type type, const Tensor &argument) {
  if (auto tensor = dyn_cast<RankedTensorType>(type)) {
    if (tensor.getElementType() != argument.getElementType() ||
        tensor.getRank() != argument.getRank())
      return false;
    return llvm::all_of(llvm::zip_equal(tensor.getShape(), argument.getShape()),
                        [](auto sizes) {
                          auto [declared, given] = sizes;
                          return ShapedType::isDynamic(declared) ||
                                 declared == given;
                        });
  }
  return argument.getRank() == 0 && type == argument.getElementType();
}

static ReferenceResult toResult(const RuntimeValue &value, Type type) {
  if (const auto *tensor = std::get_if<TensorRef>(&value))
    return **tensor;
  ReferenceResult result{Tensor(type, {}), {}};
  setElement(result, 0, std::get<Scalar>(value));
  return result;
}

llvm::Expected<SmallVector<ReferenceResult>>
reference::evaluate(func::FuncOp function, ArrayRef<Tensor> arguments) {
  if (arguments.size() != function.getNumArguments())
    return opError(function,
                   llvm::formatv("@{0} takes {1} arguments, {2} are given",
                                 function.getName(), function.getNumArguments(),
                                 arguments.size()));
  SmallVector<RuntimeValue> values;
  for (auto [index, argument] : llvm::enumerate(arguments)) {
    Type type = function.getArgumentTypes()[index];
    if (!fits(type, argument))
      return opError(
          function,
          llvm::formatv("@{0} takes {1} as argument {2}, {3} is given",
                        function.getName(), type, index, argument.describe()));
    if (isa<RankedTensorType>(type))
      values.push_back(std::make_shared<const ReferenceResult>(
          ReferenceResult{argument, {}}));
    else
      values.push_back(elementAt(ReferenceResult{argument, {}}, 0));
  }
  for (Type type : function.getResultTypes())
    if (isa<attn::MaskType, attn::ScoreModType>(type))
      return opError(function,
                     llvm::formatv("@{0} returns {1}, a compile-time value",
                                   function.getName(), type));
  llvm::Expected<SmallVector<RuntimeValue>> results =
      Interpreter().call(function, values);
  if (!results)
    return results.takeError();
  SmallVector<ReferenceResult> tensors;
  for (auto [value, type] :
       llvm::zip_equal(*results, function.getResultTypes()))
    tensors.push_back(toResult(value, type));
  return tensors;
}
