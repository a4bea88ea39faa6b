//===- AttendArguments.cpp - What a kernel takes from its host -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttendArguments.h"

#include "../Instructions/SharedTile.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Binding
//===----------------------------------------------------------------------===//

void AttendArguments::forEach(function_ref<void(Value &)> visit) {
  auto visitKnown = [&](Value &value) {
    if (value)
      visit(value);
  };
  for (AttendOperand *operand :
       {&query, &key, &value, &output, &lse, &weights, &sink, &featureWeight}) {
    visitKnown(operand->pointer);
    for (Value &stride : operand->strides)
      visitKnown(stride);
    visitKnown(operand->map);
  }
  llvm::for_each(sizes, visitKnown);
  for (SmallVector<DeviceValue> *list : {&captures, &tables})
    for (DeviceValue &value : *list) {
      visitKnown(value.number);
      visitKnown(value.tensor.pointer);
      llvm::for_each(value.tensor.sizes, visitKnown);
      llvm::for_each(value.tensor.strides, visitKnown);
    }
  visitKnown(splits);
  visitKnown(partials);
}

static bool isConstant(Value value) {
  return matchPattern(value, m_Constant());
}

SmallVector<Value> AttendArguments::getLaunchOperands() {
  SetVector<Value> operands;
  forEach([&](Value &value) {
    if (!isConstant(value))
      operands.insert(value);
  });
  return operands.takeVector();
}

void AttendArguments::bind(OpBuilder &builder, ValueRange parameters) {
  IRMapping mapping;
  mapping.map(getLaunchOperands(), parameters);
  forEach([&](Value &value) {
    if (!mapping.contains(value))
      builder.clone(*value.getDefiningOp(), mapping);
    value = mapping.lookup(value);
  });
}

Value AttendOperand::move(KernelBuilder &k, Type element, Value from,
                          ArrayRef<std::pair<unsigned, Value>> indices) const {
  Value offset;
  for (auto [dim, index] : indices) {
    if (!strides[dim])
      continue;
    Value term = k.mul(k.toI64(index), strides[dim]);
    offset = offset ? k.add(offset, term) : term;
  }
  return offset ? k.gep(from, element, offset) : from;
}

//===----------------------------------------------------------------------===//
// Host code
//===----------------------------------------------------------------------===//

namespace {
/// Emits host code for the arguments of one op.
class Describer {
public:
  Describer(OpBuilder &builder, AttendOp op)
      : b(op.getLoc(), builder), op(op) {}
  FailureOr<AttendArguments> describe();

private:
  LogicalResult describeOperand(Value tensor, StringRef name, unsigned map,
                                AttendOperand &into);
  LogicalResult describeSink();
  LogicalResult describeFeatureWeight();
  LogicalResult describeCapture(Value capture);
  FailureOr<DeviceTensor> describeTensor(Value tensor, StringRef name);
  void requireRows(StringRef name, const AttendOperand &operand, Value tensor);
  void requireSizes();
  Value toI64(Value index) {
    return b.createOrFold<arith::IndexCastOp>(b.getI64Type(), index);
  }
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value fits(arith::CmpIPredicate predicate, Value lhs, int64_t rhs) {
    return b.createOrFold<arith::CmpIOp>(predicate, lhs, index(rhs));
  }
  void require(Value condition, const Twine &message, ValueRange values) {
    RequireOp::create(b, condition, message.str(), values);
  }

  ImplicitLocOpBuilder b;
  AttendOp op;
  AttendArguments arguments;
};
} // namespace

FailureOr<DeviceTensor> Describer::describeTensor(Value tensor,
                                                  StringRef name) {
  Value memory = getMemory(tensor);
  if (!memory)
    return op.emitOpError("computes its ")
           << name << " by '" << tensor.getDefiningOp()->getName()
           << "'; on a GPU it must be an argument of the function or a reshape "
              "of one: compute it before the call";
  return describeMemory(b, op.getLoc(), memory);
}

LogicalResult Describer::describeOperand(Value tensor, StringRef name,
                                         unsigned map, AttendOperand &into) {
  FailureOr<DeviceTensor> described = describeTensor(tensor, name);
  if (failed(described))
    return failure();
  into.pointer = described->pointer;
  for (auto [position, result] : llvm::enumerate(op.getMap(map).getResults())) {
    unsigned dim = cast<AffineDimExpr>(result).getPosition();
    into.strides[dim] = described->strides[position];
    if (dim < AttendOp::D)
      arguments.sizes[dim] = described->sizes[position];
  }
  return success();
}

LogicalResult Describer::describeCapture(Value capture) {
  arguments.captures.push_back({capture.getType(), {}, {}});
  if (!isa<TensorType, MemRefType>(capture.getType())) {
    arguments.captures.back().number = capture;
    return success();
  }
  FailureOr<DeviceTensor> described = describeTensor(capture, "capture");
  if (failed(described))
    return failure();
  arguments.captures.back().tensor = *described;
  return success();
}

/// Rows start at multiples of what is copied at once: 16 bytes, or fewer where
/// rows are no multiple of that.
void Describer::requireRows(StringRef name, const AttendOperand &operand,
                            Value tensor) {
  auto type = cast<ShapedType>(tensor.getType());
  int64_t elementBytes = type.getElementTypeBitWidth() / 8;
  int64_t piece = SharedLayout::getPiece(type.getShape().back(), elementBytes);
  if (piece == elementBytes || isScratch(getMemory(tensor)))
    return;
  Value address = b.createOrFold<arith::IndexCastOp>(
      b.getIndexType(),
      operand.pointer.getDefiningOp<LLVM::IntToPtrOp>().getArg());
  Value rest = b.createOrFold<arith::RemUIOp>(address, index(piece));
  require(fits(arith::CmpIPredicate::eq, rest, 0),
          name + " starts {0} bytes after a multiple of " + Twine(piece) +
              "; on a GPU it must start at one",
          rest);
  int64_t perPiece = piece / elementBytes;
  for (unsigned dim = 0; dim < AttendOp::D; ++dim) {
    Value stride = operand.strides[dim];
    if (!stride)
      continue;
    stride = b.createOrFold<arith::IndexCastOp>(b.getIndexType(), stride);
    Value rest = b.createOrFold<arith::RemUIOp>(stride, index(perPiece));
    require(fits(arith::CmpIPredicate::eq, rest, 0),
            name +
                " has a stride of {0} elements; on a GPU it must be a "
                "multiple of " +
                Twine(perPiece),
            stride);
  }
}

/// Kernels count queries, keys and blocks in 32 bits.
void Describer::requireSizes() {
  static constexpr int64_t limit = (int64_t(1) << 31) - 1024;
  Value rows = index(1);
  for (unsigned dim = 0; dim < AttendOp::D; ++dim) {
    Value size = b.createOrFold<arith::IndexCastOp>(b.getIndexType(),
                                                    arguments.sizes[dim]);
    require(fits(arith::CmpIPredicate::sle, size, limit),
            "attention has a size of {0}; on a GPU it can be " + Twine(limit) +
                " at most",
            size);
    if (dim != AttendOp::J)
      rows = b.createOrFold<arith::MulIOp>(rows, size);
  }
  require(fits(arith::CmpIPredicate::sle, rows, limit),
          "attention has {0} queries over all heads; on a GPU it can have " +
              Twine(limit) + " at most",
          rows);
}

LogicalResult Describer::describeSink() {
  FailureOr<DeviceTensor> sink = describeTensor(op.getSink(), "sink");
  if (failed(sink))
    return failure();
  arguments.sink.pointer = sink->pointer;
  arguments.sink.strides[AttendOp::Hkv] = sink->strides[0];
  arguments.sink.strides[AttendOp::G] = sink->strides[1];
  return success();
}

LogicalResult Describer::describeFeatureWeight() {
  FailureOr<DeviceTensor> weight =
      describeTensor(op.getFeatureWeight(), "feature weight");
  if (failed(weight))
    return failure();
  arguments.featureWeight.pointer = weight->pointer;
  arguments.featureWeight.strides[AttendOp::D] = weight->strides[0];
  return success();
}

FailureOr<AttendArguments> Describer::describe() {
  arguments.sizes.assign(AttendOp::D, toI64(index(1)));
  if (failed(describeOperand(op.getQuery(), "query", 0, arguments.query)) ||
      failed(describeOperand(op.getKey(), "key", 1, arguments.key)) ||
      failed(describeOperand(op.getValue(), "value", 2, arguments.value)) ||
      failed(
          describeOperand(op.getOutputInit(), "output", 3, arguments.output)))
    return failure();
  if (op.getLseInit() &&
      failed(describeOperand(op.getLseInit(), "LSE", 4, arguments.lse)))
    return failure();
  unsigned weightsMap = op.getLseInit() ? 5 : 4;
  if (op.getWeightsInit() &&
      failed(describeOperand(op.getWeightsInit(), "weights", weightsMap,
                             arguments.weights)))
    return failure();
  if (op.getSink() && failed(describeSink()))
    return failure();
  if (op.getFeatureWeight() && failed(describeFeatureWeight()))
    return failure();
  for (Value capture : op.getCaptures())
    if (failed(describeCapture(capture)))
      return failure();
  requireRows("query", arguments.query, op.getQuery());
  requireRows("key", arguments.key, op.getKey());
  requireRows("value", arguments.value, op.getValue());
  requireRows("output", arguments.output, op.getOutputInit());
  requireSizes();
  return arguments;
}

FailureOr<AttendArguments> attn::describeArguments(OpBuilder &builder,
                                                   AttendOp op) {
  return Describer(builder, op).describe();
}
