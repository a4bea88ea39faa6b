//===- Interpreter.h - Runs operations on reference values ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_INTERPRETER_H
#define ATTN_LIB_REFERENCE_INTERPRETER_H

#include "Values.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::attn::reference {

/// Runs the blocks of one function or region; calls run in an interpreter of
/// their own.
class Interpreter {
public:
  explicit Interpreter(Arithmetic arithmetic = Arithmetic::Wide,
                       unsigned callDepth = 0)
      : arithmetic(arithmetic), callDepth(callDepth) {}

  /// Runs a block on `arguments` and gives the operands of its terminator.
  llvm::Expected<SmallVector<RuntimeValue>>
  runBlock(Block &block, ArrayRef<RuntimeValue> arguments);

  /// Runs a block whose arguments have been set.
  llvm::Error runBody(Block &block);

  /// Runs a function; refuses recursion that goes too deep.
  llvm::Expected<SmallVector<RuntimeValue>>
  call(func::FuncOp function, ArrayRef<RuntimeValue> arguments);

  void set(Value value, RuntimeValue result) {
    environment[value] = std::move(result);
  }
  const RuntimeValue &get(Value value) const {
    return environment.find(value)->second;
  }
  const Scalar &scalar(Value value) const {
    return std::get<Scalar>(get(value));
  }
  int64_t integer(Value value) const { return scalar(value).integer; }
  const TensorRef &tensor(Value value) const {
    return std::get<TensorRef>(get(value));
  }
  /// The mask, or null.
  MaskRef mask(Value value) const {
    return value ? std::get<MaskRef>(get(value)) : nullptr;
  }

  /// Where the loops of the linalg op that is running are.
  ArrayRef<int64_t> getLoopPosition() const { return loopPosition; }
  void setLoopPosition(ArrayRef<int64_t> position) {
    loopPosition.assign(position.begin(), position.end());
  }

  /// Sets a tensor result; refuses sizes that contradict its type.
  llvm::Error setTensor(Value result, ReferenceResult value);
  llvm::Error setTensor(Value result, TensorRef value);

private:
  llvm::Error runOp(Operation *op);
  llvm::Error runElementwise(Operation *op);

  DenseMap<Value, RuntimeValue> environment;
  SmallVector<int64_t> loopPosition;
  Arithmetic arithmetic;
  unsigned callDepth;
};

/// How one kind of op runs.
using Handler = llvm::Error (*)(Interpreter &, Operation *);

/// From kind of op to its handler.
class HandlerTable {
public:
  /// Registers `handler` for one op class.
  template <typename OpTy, llvm::Error (*handler)(Interpreter &, OpTy)>
  void add() {
    handlers[TypeID::get<OpTy>()] = [](Interpreter &state, Operation *op) {
      return handler(state, cast<OpTy>(op));
    };
  }
  Handler lookup(Operation *op) const {
    return handlers.lookup(op->getName().getTypeID());
  }

private:
  DenseMap<TypeID, Handler> handlers;
};

void addAssumeHandlers(HandlerTable &table);
void addControlHandlers(HandlerTable &table);
void addTensorHandlers(HandlerTable &table);
void addMaskHandlers(HandlerTable &table);
void addMaskCombinationHandlers(HandlerTable &table);
void addScoreHandlers(HandlerTable &table);
void addAttentionHandlers(HandlerTable &table);
void addMultiHeadHandlers(HandlerTable &table);
void addMergeHandlers(HandlerTable &table);
void addPositionHandlers(HandlerTable &table);
void addAttendHandlers(HandlerTable &table);
void addTileHandlers(HandlerTable &table);
void addRecomputeHandlers(HandlerTable &table);

/// Refuses a tensor of integers that falls along its last dimension.
llvm::Error checkAscends(Operation *op, const Tensor &tensor);

/// Runs any linalg op on tensors through its region; nullopt where `op` is
/// none.
std::optional<llvm::Error> runLinalgOp(Interpreter &state, Operation *op);

/// A tensor of zeros; refuses negative sizes and sizes beyond all memory.
llvm::Expected<ReferenceResult> makeTensor(Operation *op, Type elementType,
                                           ArrayRef<int64_t> shape);

/// Refuses `shape` unless it fits the static sizes of `type`.
llvm::Error checkShape(Operation *op, const llvm::Twine &name, Type type,
                       ArrayRef<int64_t> shape);

/// `2x3` for messages.
std::string shapeText(ArrayRef<int64_t> shape);

} // namespace mlir::attn::reference

#endif // ATTN_LIB_REFERENCE_INTERPRETER_H
