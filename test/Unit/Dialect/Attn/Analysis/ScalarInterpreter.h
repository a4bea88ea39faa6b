//===- ScalarInterpreter.h - Runs scalar IR with machine semantics ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_DIALECT_ATTN_ANALYSIS_SCALARINTERPRETER_H
#define ATTN_TEST_UNIT_DIALECT_ATTN_ANALYSIS_SCALARINTERPRETER_H

#include "mlir/IR/Block.h"
#include "llvm/ADT/DenseMap.h"
#include <memory>

namespace mlir::attn::test {

/// A dense tensor of integers.
struct Tensor {
  std::vector<int64_t> shape;
  std::vector<int64_t> data;
};

/// An integer (signed, but 0 or 1 for i1), or a tensor.
struct Datum {
  int64_t integer = 0;
  std::shared_ptr<Tensor> tensor;
};

/// Runs a block of arith, scf.for, tensor element and attn ops on integers.
/// Tensors are updated in place: each value of one must be used once it is
/// replaced. A trap of the machine (division by zero, an element outside of a
/// tensor) is recorded.
class ScalarInterpreter {
public:
  explicit ScalarInterpreter(Block &block);
  ~ScalarInterpreter();

  /// What the terminator of the block gives for `arguments`.
  std::vector<Datum> run(const std::vector<Datum> &arguments);

  /// The first trap, empty where there was none.
  const std::string &getTrap() const { return trap; }

private:
  struct Instruction;
  struct Code;
  using Frame = std::vector<Datum>;

  unsigned slotOf(Value value);
  std::unique_ptr<Code> compile(Block &block);
  Instruction compileOp(Operation &op);
  void execute(const Code &code, Frame &frame);
  void executeFor(const Instruction &instruction, Frame &frame);
  void executeTensor(const Instruction &instruction, Frame &frame);
  void executeLoad(const Instruction &instruction, Frame &frame);
  int64_t compute(const Instruction &instruction, int64_t lhs, int64_t rhs);
  void fail(const Instruction &instruction, const char *why);

  llvm::DenseMap<Value, unsigned> slots;
  std::unique_ptr<Code> code;
  std::string trap;
};

} // namespace mlir::attn::test

#endif // ATTN_TEST_UNIT_DIALECT_ATTN_ANALYSIS_SCALARINTERPRETER_H
