//===- ScalarInterpreter.cpp - Runs scalar IR with machine semantics ----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarInterpreter.h"

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::test;

namespace {
enum class Opcode : uint8_t {
  Constant,
  Add,
  Sub,
  Mul,
  FloorDiv,
  CeilDiv,
  Div,
  DivU,
  Rem,
  RemU,
  CeilDivU,
  FloorMod,
  And,
  Or,
  Xor,
  Shl,
  ShrS,
  ShrU,
  Max,
  Min,
  MaxU,
  MinU,
  Abs,
  Compare,
  Select,
  Extend,
  ZeroExtend,
  For,
  If,
  Empty,
  Extract,
  Insert,
  Dim,
  Load
};

unsigned widthOf(Type type) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    type = shaped.getElementType();
  return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
}

/// The value of a machine register of `width` bits.
int64_t wrap(int64_t value, unsigned width) {
  if (width == 1)
    return value & 1;
  return width == 64 ? value : llvm::SignExtend64(uint64_t(value), width);
}

uint64_t asUnsigned(int64_t value, unsigned width) {
  return width == 64 ? uint64_t(value)
                     : uint64_t(value) & ((uint64_t(1) << width) - 1);
}
} // namespace

struct ScalarInterpreter::Instruction {
  Opcode code;
  Operation *op;
  unsigned width = 64, operandWidth = 64;
  int64_t number = 0;
  SmallVector<unsigned, 4> operands, results;
  std::unique_ptr<ScalarInterpreter::Code> body, otherwise;
  unsigned guard = ~0u;
};

struct ScalarInterpreter::Code {
  std::vector<unsigned> arguments, results;
  std::vector<Instruction> instructions;
};

ScalarInterpreter::ScalarInterpreter(Block &block) : code(compile(block)) {}
ScalarInterpreter::~ScalarInterpreter() = default;

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

unsigned ScalarInterpreter::slotOf(Value value) {
  return slots.try_emplace(value, slots.size()).first->second;
}

std::unique_ptr<ScalarInterpreter::Code>
ScalarInterpreter::compile(Block &block) {
  auto result = std::make_unique<Code>();
  for (Value argument : block.getArguments())
    result->arguments.push_back(slotOf(argument));
  for (Operation &op : block.without_terminator())
    result->instructions.push_back(compileOp(op));
  for (Value value : block.getTerminator()->getOperands())
    result->results.push_back(slotOf(value));
  return result;
}

static Opcode codeOf(Operation &op) {
  return TypeSwitch<Operation *, Opcode>(&op)
      .Case<arith::ConstantOp>([](auto) { return Opcode::Constant; })
      .Case<arith::AddIOp>([](auto) { return Opcode::Add; })
      .Case<arith::SubIOp>([](auto) { return Opcode::Sub; })
      .Case<arith::MulIOp>([](auto) { return Opcode::Mul; })
      .Case<arith::FloorDivSIOp>([](auto) { return Opcode::FloorDiv; })
      .Case<arith::CeilDivSIOp>([](auto) { return Opcode::CeilDiv; })
      .Case<arith::CeilDivUIOp>([](auto) { return Opcode::CeilDivU; })
      .Case<arith::DivSIOp>([](auto) { return Opcode::Div; })
      .Case<arith::DivUIOp>([](auto) { return Opcode::DivU; })
      .Case<arith::RemSIOp>([](auto) { return Opcode::Rem; })
      .Case<arith::RemUIOp>([](auto) { return Opcode::RemU; })
      .Case<FloorModOp>([](auto) { return Opcode::FloorMod; })
      .Case<arith::AndIOp>([](auto) { return Opcode::And; })
      .Case<arith::OrIOp>([](auto) { return Opcode::Or; })
      .Case<arith::XOrIOp>([](auto) { return Opcode::Xor; })
      .Case<arith::ShLIOp>([](auto) { return Opcode::Shl; })
      .Case<arith::ShRSIOp>([](auto) { return Opcode::ShrS; })
      .Case<arith::ShRUIOp>([](auto) { return Opcode::ShrU; })
      .Case<arith::MaxSIOp>([](auto) { return Opcode::Max; })
      .Case<arith::MinSIOp>([](auto) { return Opcode::Min; })
      .Case<arith::MaxUIOp>([](auto) { return Opcode::MaxU; })
      .Case<arith::MinUIOp>([](auto) { return Opcode::MinU; })
      .Case<math::AbsIOp>([](auto) { return Opcode::Abs; })
      .Case<arith::CmpIOp>([](auto) { return Opcode::Compare; })
      .Case<arith::SelectOp>([](auto) { return Opcode::Select; })
      .Case<arith::ExtUIOp, arith::IndexCastUIOp>(
          [](auto) { return Opcode::ZeroExtend; })
      .Case<arith::ExtSIOp, arith::TruncIOp, arith::IndexCastOp>(
          [](auto) { return Opcode::Extend; })
      .Case<scf::ForOp>([](auto) { return Opcode::For; })
      .Case<scf::IfOp>([](auto) { return Opcode::If; })
      .Case<tensor::EmptyOp>([](auto) { return Opcode::Empty; })
      .Case<tensor::ExtractOp>([](auto) { return Opcode::Extract; })
      .Case<tensor::InsertOp>([](auto) { return Opcode::Insert; })
      .Case<tensor::DimOp>([](auto) { return Opcode::Dim; })
      .Case<LoadOp>([](auto) { return Opcode::Load; })
      .Default([](Operation *op) -> Opcode {
        llvm::report_fatal_error(llvm::Twine("the scalar interpreter lacks ") +
                                 op->getName().getStringRef());
      });
}

ScalarInterpreter::Instruction ScalarInterpreter::compileOp(Operation &op) {
  Instruction result{codeOf(op), &op};
  for (Value operand : op.getOperands())
    result.operands.push_back(slotOf(operand));
  for (Value value : op.getResults())
    result.results.push_back(slotOf(value));
  if (op.getNumResults() == 1)
    result.width = op.getResult(0).getType().isIntOrIndex()
                       ? widthOf(op.getResult(0).getType())
                       : 64;
  if (op.getNumOperands() > 0 && op.getOperand(0).getType().isIntOrIndex())
    result.operandWidth = widthOf(op.getOperand(0).getType());
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    APInt value = cast<IntegerAttr>(constant.getValue()).getValue();
    result.number =
        result.width == 1 ? value.getZExtValue() : value.getSExtValue();
  }
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    result.number = static_cast<int64_t>(compare.getPredicate());
  if (auto loop = dyn_cast<scf::ForOp>(op))
    result.body = compile(*loop.getBody());
  if (auto choice = dyn_cast<scf::IfOp>(op)) {
    result.body = compile(*choice.thenBlock());
    result.otherwise = compile(*choice.elseBlock());
  }
  if (auto load = dyn_cast<LoadOp>(op); load && load.getGuard()) {
    result.guard = slotOf(load.getGuard());
    result.operands.pop_back();
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

std::vector<Datum> ScalarInterpreter::run(const std::vector<Datum> &arguments) {
  Frame frame(slots.size());
  for (auto [slot, argument] : llvm::zip_equal(code->arguments, arguments))
    frame[slot] = argument;
  execute(*code, frame);
  std::vector<Datum> results;
  for (unsigned slot : code->results)
    results.push_back(frame[slot]);
  return results;
}

void ScalarInterpreter::fail(const Instruction &instruction, const char *why) {
  if (trap.empty())
    trap = (instruction.op->getName().getStringRef() + ": " + why).str();
}

void ScalarInterpreter::execute(const Code &code, Frame &frame) {
  for (const Instruction &instruction : code.instructions) {
    const auto &in = instruction.operands;
    auto integer = [&](unsigned index) { return frame[in[index]].integer; };
    switch (instruction.code) {
    case Opcode::Constant:
      frame[instruction.results[0]].integer = instruction.number;
      break;
    case Opcode::For:
      executeFor(instruction, frame);
      break;
    case Opcode::If: {
      const Code &taken =
          integer(0) ? *instruction.body : *instruction.otherwise;
      execute(taken, frame);
      for (auto [slot, value] :
           llvm::zip_equal(instruction.results, taken.results))
        frame[slot] = frame[value];
      break;
    }
    case Opcode::Empty:
    case Opcode::Extract:
    case Opcode::Insert:
    case Opcode::Dim:
      executeTensor(instruction, frame);
      break;
    case Opcode::Load:
      executeLoad(instruction, frame);
      break;
    case Opcode::Select:
      frame[instruction.results[0]] = frame[in[integer(0) ? 1 : 2]];
      break;
    default: {
      int64_t value =
          compute(instruction, integer(0), in.size() > 1 ? integer(1) : 0);
      frame[instruction.results[0]].integer = wrap(value, instruction.width);
    }
    }
  }
}

void ScalarInterpreter::executeFor(const Instruction &instruction,
                                   Frame &frame) {
  const auto &in = instruction.operands;
  const Code &body = *instruction.body;
  std::vector<Datum> carried;
  for (unsigned slot : llvm::drop_begin(in, 3))
    carried.push_back(frame[slot]);
  int64_t upper = frame[in[1]].integer, step = frame[in[2]].integer;
  for (int64_t at = frame[in[0]].integer; at < upper; at += step) {
    frame[body.arguments[0]].integer = at;
    for (auto [slot, value] :
         llvm::zip_equal(llvm::drop_begin(body.arguments), carried))
      frame[slot] = value;
    execute(body, frame);
    for (auto [value, slot] : llvm::zip_equal(carried, body.results))
      value = frame[slot];
  }
  for (auto [slot, value] : llvm::zip_equal(instruction.results, carried))
    frame[slot] = value;
}

/// The position of an element, or -1 outside of the tensor.
static int64_t linearize(const Tensor &tensor, ArrayRef<int64_t> indices) {
  int64_t position = 0;
  for (auto [index, size] : llvm::zip_equal(indices, tensor.shape)) {
    if (index < 0 || index >= size)
      return -1;
    position = position * size + index;
  }
  return position;
}

void ScalarInterpreter::executeTensor(const Instruction &instruction,
                                      Frame &frame) {
  const auto &in = instruction.operands;
  Datum &result = frame[instruction.results[0]];
  if (instruction.code == Opcode::Empty) {
    auto type = cast<RankedTensorType>(instruction.op->getResult(0).getType());
    result.tensor = std::make_shared<Tensor>();
    const unsigned *dynamic = in.begin();
    for (int64_t size : type.getShape())
      result.tensor->shape.push_back(
          ShapedType::isDynamic(size) ? frame[*dynamic++].integer : size);
    int64_t count = 1;
    for (int64_t size : result.tensor->shape)
      count *= size;
    result.tensor->data.assign(count, -77);
    return;
  }
  bool isInsert = instruction.code == Opcode::Insert;
  std::shared_ptr<Tensor> tensor = frame[in[isInsert ? 1 : 0]].tensor;
  if (instruction.code == Opcode::Dim) {
    result.integer = tensor->shape[frame[in[1]].integer];
    return;
  }
  SmallVector<int64_t, 4> indices;
  for (unsigned slot : llvm::drop_begin(in, isInsert ? 2 : 1))
    indices.push_back(frame[slot].integer);
  int64_t position = linearize(*tensor, indices);
  if (position < 0)
    return fail(instruction, "outside of the tensor");
  if (!isInsert) {
    result.integer = tensor->data[position];
    return;
  }
  tensor->data[position] = frame[in[0]].integer;
  result.tensor = tensor;
}

void ScalarInterpreter::executeLoad(const Instruction &instruction,
                                    Frame &frame) {
  const auto &in = instruction.operands;
  const Tensor &tensor = *frame[in[0]].tensor;
  SmallVector<int64_t, 4> indices;
  for (unsigned slot : llvm::drop_begin(in))
    indices.push_back(frame[slot].integer);
  int64_t position = linearize(tensor, indices);
  bool guarded = instruction.guard != ~0u && !frame[instruction.guard].integer;
  frame[instruction.results[0]].integer =
      guarded || position < 0 ? 0 : tensor.data[position];
}

static bool compareIntegers(arith::CmpIPredicate predicate, int64_t lhs,
                            int64_t rhs, unsigned width) {
  return arith::applyCmpPredicate(predicate,
                                  APInt(width, asUnsigned(lhs, width)),
                                  APInt(width, asUnsigned(rhs, width)));
}

int64_t ScalarInterpreter::compute(const Instruction &instruction, int64_t lhs,
                                   int64_t rhs) {
  unsigned width = instruction.operandWidth;
  uint64_t left = asUnsigned(lhs, width), right = asUnsigned(rhs, width);
  switch (instruction.code) {
  case Opcode::FloorDiv:
  case Opcode::CeilDiv:
  case Opcode::CeilDivU:
  case Opcode::Div:
  case Opcode::DivU:
  case Opcode::Rem:
  case Opcode::RemU:
  case Opcode::FloorMod:
    if (rhs == 0 || (rhs == -1 && lhs == std::numeric_limits<int64_t>::min())) {
      fail(instruction, "division by zero, or of the least integer by -1");
      return 0;
    }
    break;
  default:
    break;
  }
  switch (instruction.code) {
  case Opcode::Add:
    return int64_t(uint64_t(lhs) + uint64_t(rhs));
  case Opcode::Sub:
    return int64_t(uint64_t(lhs) - uint64_t(rhs));
  case Opcode::Mul:
    return int64_t(uint64_t(lhs) * uint64_t(rhs));
  case Opcode::FloorDiv:
    return lhs / rhs - ((lhs % rhs != 0) && ((lhs < 0) != (rhs < 0)));
  case Opcode::CeilDiv:
    return lhs / rhs + ((lhs % rhs != 0) && ((lhs < 0) == (rhs < 0)));
  case Opcode::CeilDivU:
    return left / right + (left % right != 0);
  case Opcode::Div:
    return lhs / rhs;
  case Opcode::DivU:
    return left / right;
  case Opcode::Rem:
    return lhs % rhs;
  case Opcode::RemU:
    return left % right;
  case Opcode::FloorMod: {
    int64_t rest = lhs % rhs;
    return rest != 0 && (rest < 0) != (rhs < 0) ? rest + rhs : rest;
  }
  case Opcode::And:
    return lhs & rhs;
  case Opcode::Or:
    return lhs | rhs;
  case Opcode::Xor:
    return lhs ^ rhs;
  case Opcode::Shl:
    return right >= width ? 0 : int64_t(uint64_t(lhs) << right);
  case Opcode::ShrS:
    return right >= width ? 0 : lhs >> right;
  case Opcode::ShrU:
    return right >= width ? 0 : int64_t(left >> right);
  case Opcode::Max:
    return std::max(lhs, rhs);
  case Opcode::Min:
    return std::min(lhs, rhs);
  case Opcode::MaxU:
    return left > right ? lhs : rhs;
  case Opcode::MinU:
    return left < right ? lhs : rhs;
  case Opcode::Abs:
    return lhs < 0 ? int64_t(0 - uint64_t(lhs)) : lhs;
  case Opcode::Compare:
    return compareIntegers(
        static_cast<arith::CmpIPredicate>(instruction.number), lhs, rhs, width);
  case Opcode::Extend:
    return width == 1 ? -lhs : lhs;
  case Opcode::ZeroExtend:
    return int64_t(left);
  default:
    llvm_unreachable("handled before");
  }
}
