//===- AttnGraphOps.cpp - Graph ops: verifiers, assembly --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/AttentionShape.h"
#include "attn/Dialect/Attn/IR/Attn.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<ShapedType>(value.getType()).getShape();
}

//===----------------------------------------------------------------------===//
// Multi-head
//===----------------------------------------------------------------------===//

namespace {
/// A projection (out, in) with its bias (out).
struct Projection {
  StringRef name;
  Value weight, bias;
  int64_t out() const { return shapeOf(weight)[0]; }
  int64_t in() const { return shapeOf(weight)[1]; }
};
} // namespace

static LogicalResult verifyProjection(MultiHeadOp op, Projection projection,
                                      StringRef input, int64_t in) {
  std::string weight = ("w_" + projection.name).str();
  std::string bias = ("b_" + projection.name).str();
  if (failed(verifyElementType(op, weight, projection.weight, op.getQuery())) ||
      failed(verifyElementType(op, bias, projection.bias, op.getQuery())))
    return failure();
  if (shapeOf(projection.weight).size() != 2)
    return op.emitOpError()
           << weight << " has rank " << shapeOf(projection.weight).size()
           << "; it must be (out, in)";
  if (!mayBeEqual(projection.in(), in))
    return op.emitOpError()
           << weight << " takes " << projection.in() << " features, " << input
           << " has " << in << "; they must be equal";
  if (!projection.bias)
    return success();
  if (shapeOf(projection.bias).size() != 1)
    return op.emitOpError()
           << bias << " has rank " << shapeOf(projection.bias).size()
           << "; it must be a vector (out)";
  if (!mayBeEqual(shapeOf(projection.bias)[0], projection.out()))
    return op.emitOpError()
           << bias << " has " << shapeOf(projection.bias)[0] << " features, "
           << weight << " gives " << projection.out() << "; they must be equal";
  return success();
}

/// Verifies that the output of a projection splits into `heads`, and returns
/// the head size.
static FailureOr<int64_t> splitHeads(MultiHeadOp op, Projection projection,
                                     int64_t heads) {
  int64_t size = projection.out();
  if (ShapedType::isDynamic(size))
    return size;
  if (size % heads != 0)
    return op.emitOpError() << "w_" << projection.name << " gives " << size
                            << " features; it takes a multiple of " << heads
                            << ", the number of its heads";
  return size / heads;
}

/// Verifies a weight that packs the projections of query, key and value, and
/// returns the size of a head.
static FailureOr<int64_t> verifyPacked(MultiHeadOp op, int64_t heads) {
  Projection packed{"packed", op.getWPacked(), op.getBPacked()};
  for (auto [name, input] :
       {std::pair<StringRef, Value>{"query", op.getQuery()},
        std::pair<StringRef, Value>{"key", op.getKey()},
        std::pair<StringRef, Value>{"value", op.getValue()}})
    if (failed(verifyProjection(op, packed, name, shapeOf(input)[2])))
      return failure();
  return splitHeads(op, packed, heads);
}

/// Verifies the projections of query, key and value, and returns the size of a
/// head of values.
static FailureOr<int64_t> verifyInputs(MultiHeadOp op, int64_t heads,
                                       int64_t kvHeads) {
  Projection q{"q", op.getWQ(), op.getBQ()}, k{"k", op.getWK(), op.getBK()},
      v{"v", op.getWV(), op.getBV()};
  bool isPacked = static_cast<bool>(op.getWPacked());
  for (const Projection &projection : {q, k, v}) {
    if (isPacked == static_cast<bool>(projection.weight))
      return op.emitOpError("takes w_q, w_k and w_v, or w_packed; w_")
             << projection.name
             << (isPacked ? " is given with" : " is missing without")
             << " w_packed";
    if (isPacked && projection.bias)
      return op.emitOpError("b_")
             << projection.name << " is given with w_packed;"
             << " b_packed holds all biases";
  }
  if (isPacked)
    return verifyPacked(op, heads + 2 * kvHeads);
  if (op.getBPacked())
    return op.emitOpError("b_packed is given without w_packed");
  if (failed(verifyProjection(op, q, "query", shapeOf(op.getQuery())[2])) ||
      failed(verifyProjection(op, k, "key", shapeOf(op.getKey())[2])) ||
      failed(verifyProjection(op, v, "value", shapeOf(op.getValue())[2])))
    return failure();
  FailureOr<int64_t> queryHead = splitHeads(op, q, heads);
  if (failed(queryHead))
    return failure();
  FailureOr<int64_t> keyHead = splitHeads(op, k, kvHeads);
  if (failed(keyHead))
    return failure();
  if (!mayBeEqual(*queryHead, *keyHead))
    return op.emitOpError()
           << "w_q gives heads of size " << *queryHead << ", w_k of size "
           << *keyHead << "; they must be equal";
  return splitHeads(op, v, kvHeads);
}

static LogicalResult verifyProjections(MultiHeadOp op, int64_t heads,
                                       int64_t kvHeads) {
  FailureOr<int64_t> valueHead = verifyInputs(op, heads, kvHeads);
  Projection o{"o", op.getWO(), op.getBO()};
  if (failed(valueHead) ||
      failed(verifyProjection(op, o, "the merge of all heads",
                              multiplySizes(*valueHead, heads))))
    return failure();
  int64_t features = shapeOf(op.getOutput())[2];
  if (mayBeEqual(o.out(), features))
    return success();
  return op.emitOpError() << "w_o gives " << o.out() << " features, output has "
                          << features << "; they must be equal";
}

/// Verifies what is (batch, length, features).
static LogicalResult verifySequences(MultiHeadOp op) {
  for (auto [name, operand] :
       {std::pair<StringRef, Value>{"query", op.getQuery()},
        std::pair<StringRef, Value>{"key", op.getKey()},
        std::pair<StringRef, Value>{"value", op.getValue()},
        std::pair<StringRef, Value>{"output", op.getOutput()}}) {
    if (shapeOf(operand).size() != 3)
      return op.emitOpError() << name << " has rank " << shapeOf(operand).size()
                              << "; it must be (batch, length, features)";
    if (failed(verifyElementType(op, name, operand, op.getQuery())))
      return failure();
  }
  auto same = [&](StringRef what, int64_t dim, StringRef left, Value lhs,
                  StringRef right, Value rhs) -> LogicalResult {
    int64_t leftSize = shapeOf(lhs)[dim], rightSize = shapeOf(rhs)[dim];
    if (mayBeEqual(leftSize, rightSize))
      return success();
    return op.emitOpError()
           << left << " has " << what << " " << leftSize << ", " << right
           << " has " << rightSize << "; they must be equal";
  };
  Value query = op.getQuery(), key = op.getKey(), value = op.getValue(),
        output = op.getOutput();
  if (failed(same("batch size", 0, "query", query, "key", key)) ||
      failed(same("batch size", 0, "query", query, "value", value)) ||
      failed(same("batch size", 0, "key", key, "value", value)) ||
      failed(same("batch size", 0, "query", query, "output", output)) ||
      failed(same("length", 1, "key", key, "value", value)) ||
      failed(same("length", 1, "query", query, "output", output)))
    return failure();
  return success();
}

static LogicalResult verifyWeightsResult(MultiHeadOp op,
                                         const PairSizes &sizes) {
  if (!op.getWeights())
    return success();
  if (failed(verifyElementType(op, "weights", op.getWeights(), op.getQuery())))
    return failure();
  ArrayRef<int64_t> shape = shapeOf(op.getWeights());
  int64_t expected[] = {sizes.b, sizes.h, sizes.m, sizes.n};
  if (shape.size() == 4 && llvm::all_of_zip(shape, expected, mayBeEqual))
    return success();
  return op.emitOpError() << "weights are " << op.getWeights().getType()
                          << "; they must be (batch, " << sizes.h
                          << " heads, query length, key length)";
}

LogicalResult MultiHeadOp::verify() {
  int64_t heads = getNumHeads();
  int64_t kvHeads = getNumKvHeads().value_or(heads);
  if (heads % kvHeads != 0)
    return emitOpError("has ") << heads << " heads; they must be a multiple of "
                               << kvHeads << " key/value heads";
  if (failed(verifySequences(*this)) ||
      failed(verifyProjections(*this, heads, kvHeads)) ||
      failed(verifyScale(*this, getScale())))
    return failure();
  ArrayRef<int64_t> query = shapeOf(getQuery());
  PairSizes sizes{query[0], heads, query[1], shapeOf(getKey())[1],
                  getAccumulatorType(getElementTypeOrSelf(getQuery()))};
  if (failed(verifyWeightsResult(*this, sizes)))
    return failure();
  return verifyMaskAndScores(*this, getMask(), getScore(), sizes,
                             /*hasHeads=*/true);
}

//===----------------------------------------------------------------------===//
// Masked softmax, sinusoid, rotary
//===----------------------------------------------------------------------===//

LogicalResult MaskedSoftmaxOp::verify() {
  ArrayRef<int64_t> shape = shapeOf(getScores());
  int64_t rank = shape.size();
  if (rank < 2)
    return emitOpError("scores have rank ")
           << rank << "; they take at least (M, N)";
  if (getScores().getType() != getResult().getType())
    return emitOpError("result is ")
           << getResult().getType() << "; it must be that of scores, "
           << getScores().getType();
  PairSizes sizes{1, rank < 4 ? 1 : shape[rank - 3], shape[rank - 2],
                  shape[rank - 1],
                  getAccumulatorType(getElementTypeOrSelf(getScores()))};
  for (int64_t size : shape.drop_back(rank < 4 ? 2 : 3))
    sizes.b = multiplySizes(sizes.b, size);
  return verifyMaskAndScores(*this, getMask(), /*scores=*/{}, sizes,
                             /*hasHeads=*/rank > 3);
}

static LogicalResult verifyBase(Operation *op, const APFloat &base) {
  if (base.convertToDouble() > 0 && base.isFinite())
    return success();
  return op->emitOpError("base ")
         << base.convertToDouble() << " is not finite and greater than 0";
}

LogicalResult SinusoidOp::verify() {
  ArrayRef<int64_t> shape = shapeOf(getResult());
  if (shape.size() != 2)
    return emitOpError("result has rank ")
           << shape.size() << "; it must be (length, dim)";
  if (ShapedType::isDynamic(shape[1]))
    return emitOpError("result ")
           << getResult().getType() << " has a dynamic dim; it must be static";
  if (ShapedType::isDynamic(shape[0]) != bool(getLength()))
    return emitOpError("takes 'length' exactly where the first dimension of ")
           << "its result is dynamic; it is " << getResult().getType();
  APInt length;
  if (getLength() && matchPattern(getLength(), m_ConstantInt(&length)) &&
      length.isNegative())
    return emitOpError("length ")
           << length.getSExtValue() << " is not at least 0";
  return verifyBase(*this, getBase());
}

LogicalResult RotaryOp::verify() {
  ArrayRef<int64_t> shape = shapeOf(getInput());
  if (shape.size() < 2)
    return emitOpError("input has rank ")
           << shape.size() << "; it takes at least (position, D)";
  if (getInput().getType() != getResult().getType())
    return emitOpError("result is ")
           << getResult().getType() << "; it must be that of input, "
           << getInput().getType();
  if (!ShapedType::isDynamic(shape.back()) && shape.back() % 2 != 0)
    return emitOpError("head size ") << shape.back() << " is not even";
  if (getPositions()) {
    ArrayRef<int64_t> positions = shapeOf(getPositions());
    int64_t rows = shape[shape.size() - 2];
    if (!mayBeEqual(positions.back(), rows))
      return emitOpError("has ") << positions.back() << " positions for "
                                 << rows << " rows; they must be equal";
    if (positions.size() == 2 && shape.size() < 3)
      return emitOpError("has positions per batch, but input ")
             << getInput().getType() << " has no batch dimension";
    if (positions.size() == 2 && !mayBeEqual(positions[0], shape[0]))
      return emitOpError("has positions of ")
             << positions[0] << " batches, input has " << shape[0]
             << "; they must be equal";
  }
  if (getFrequencies() && !ShapedType::isDynamic(shape.back()) &&
      !mayBeEqual(shapeOf(getFrequencies())[0], shape.back() / 2))
    return emitOpError("has ")
           << shapeOf(getFrequencies())[0] << " frequencies for "
           << shape.back() / 2 << " pairs; they must be equal";
  if (!getMagnitude().isFinite())
    return emitOpError("magnitude ")
           << getMagnitude().convertToDouble() << " is not finite";
  return verifyBase(*this, getBase());
}

//===----------------------------------------------------------------------===//
// Merge
//===----------------------------------------------------------------------===//

LogicalResult MergeOp::verify() {
  if (getNumOperands() == 0 || getNumOperands() % 2 != 0)
    return emitOpError("has ")
           << getNumOperands()
           << " operands; it takes at least one output, and an lse for each";
  for (Value output : getOutputs())
    if (output.getType() != getOutput().getType())
      return emitOpError("merges outputs of type ")
             << output.getType() << " into " << getOutput().getType()
             << "; all must have one type";
  for (Value lse : getLses())
    if (lse.getType() != getLse().getType())
      return emitOpError("merges lses of type ")
             << lse.getType() << " into " << getLse().getType()
             << "; all must have one type";
  auto output = cast<ShapedType>(getOutput().getType());
  auto lse = cast<ShapedType>(getLse().getType());
  if (output.getRank() < 2)
    return emitOpError("merges outputs of rank ")
           << output.getRank() << "; they take at least (M, Dv)";
  Type accumulator = getAccumulatorType(output.getElementType());
  if (lse.getElementType() != accumulator)
    return emitOpError("lse has element type ")
           << lse.getElementType() << "; it must be the accumulator type "
           << accumulator;
  if (lse.getShape() != output.getShape().drop_back())
    return emitOpError("lse is ") << lse << "; it must have the shape of "
                                  << output << " without the last dimension";
  return success();
}

ParseResult MergeOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand> outputs, lses;
  Type outputType, lseType;
  if (parser.parseOperandList(outputs) || parser.parseKeyword("lse") ||
      parser.parseOperandList(lses, OpAsmParser::Delimiter::Paren) ||
      parser.parseOptionalAttrDict(result.attributes) || parser.parseColon() ||
      parser.parseType(outputType) || parser.parseComma() ||
      parser.parseType(lseType))
    return failure();
  if (outputs.size() != lses.size())
    return parser.emitError(parser.getNameLoc())
           << outputs.size() << " outputs need as many lses, not "
           << lses.size();
  result.addTypes({outputType, lseType});
  return failure(parser.resolveOperands(outputs, outputType, result.operands) ||
                 parser.resolveOperands(lses, lseType, result.operands));
}

void MergeOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getOutputs() << " lse(" << getLses() << ')';
  printer.printOptionalAttrDict((*this)->getAttrs());
  printer << " : " << getOutput().getType() << ", " << getLse().getType();
}
