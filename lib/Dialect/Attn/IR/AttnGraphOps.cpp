//===- AttnGraphOps.cpp - Verifiers and canonicalisation of graph ops -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::attn;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<ShapedType>(value.getType()).getShape();
}

/// Whether two sizes may be equal at run time.
static bool compatible(int64_t lhs, int64_t rhs) {
  return ShapedType::isDynamic(lhs) || ShapedType::isDynamic(rhs) || lhs == rhs;
}

//===----------------------------------------------------------------------===//
// Scaled dot product, dot product
//===----------------------------------------------------------------------===//

/// A sink has one logit per query head.
static LogicalResult verifySink(AttentionOpInterface op, Value sink) {
  if (!sink)
    return success();
  AttentionLayout layout = AttentionLayout::get(op);
  int64_t heads = layout.head ? shapeOf(op.getQuery())[*layout.head] : 1;
  if (!compatible(shapeOf(sink)[0], heads))
    return op->emitOpError() << "sink has " << shapeOf(sink)[0]
                             << " logits; it takes one per query head, "
                             << heads;
  return success();
}

LogicalResult ScaledDotProductOp::verify() {
  if (failed(verifyAttention(*this, /*featureSizesAgree=*/true)))
    return failure();
  return verifySink(*this, getSink());
}

LogicalResult DotProductOp::verify() {
  if (failed(verifyAttention(*this, /*featureSizesAgree=*/true)))
    return failure();
  return verifySink(*this, getSink());
}

LogicalResult DotProductOp::canonicalize(DotProductOp op,
                                         PatternRewriter &rewriter) {
  rewriter.replaceOpWithNewOp<ScaledDotProductOp>(
      op, op->getResultTypes(), op.getQuery(), op.getKey(), op.getValue(),
      op.getMask(), op.getScore(), op.getSink(), rewriter.getF64FloatAttr(1.0),
      op.getLayoutAttr());
  return success();
}

//===----------------------------------------------------------------------===//
// Additive
//===----------------------------------------------------------------------===//

/// The size of the space that `projection` maps the last dimension of `input`
/// to; without a projection, that dimension itself.
static FailureOr<int64_t> projectedSize(AdditiveOp op, StringRef name,
                                        int64_t inputSize, Value projection) {
  if (!projection)
    return inputSize;
  if (shapeOf(projection).size() != 2)
    return op.emitOpError() << name << "_projection has rank "
                            << shapeOf(projection).size()
                            << "; it must be (out, in)";
  if (!compatible(shapeOf(projection)[1], inputSize))
    return op.emitOpError() << name << "_projection takes "
                            << shapeOf(projection)[1] << " features, " << name
                            << " has " << inputSize;
  return shapeOf(projection)[0];
}

LogicalResult AdditiveOp::verify() {
  if (failed(verifyAttention(*this, /*featureSizesAgree=*/false)))
    return failure();
  AttentionLayout layout = AttentionLayout::get(*this);
  if (shapeOf(getWeight()).size() != 1)
    return emitOpError("weight has rank ")
           << shapeOf(getWeight()).size() << "; it must be a vector (D)";
  FailureOr<int64_t> query =
      projectedSize(*this, "query", shapeOf(getQuery())[layout.feature],
                    getQueryProjection());
  FailureOr<int64_t> key = projectedSize(
      *this, "key", shapeOf(getKey())[layout.feature], getKeyProjection());
  if (failed(query) || failed(key))
    return failure();
  for (auto [name, size] : {std::pair<StringRef, int64_t>{"query", *query},
                            std::pair<StringRef, int64_t>{"key", *key}})
    if (!compatible(size, shapeOf(getWeight())[0]))
      return emitOpError() << name << " has " << size
                           << " projected features, weight has "
                           << shapeOf(getWeight())[0]
                           << "; they must be equal";
  return success();
}

//===----------------------------------------------------------------------===//
// Kernel regression
//===----------------------------------------------------------------------===//

LogicalResult KernelRegressionOp::verify() {
  if (failed(verifyAttention(*this, /*featureSizesAgree=*/true)))
    return failure();
  if (!getScore().empty() && getKernel() != RegressionKernel::Gaussian)
    return emitOpError("score modifiers apply to the log weights of the "
                       "gaussian kernel; the ")
           << stringifyRegressionKernel(getKernel()) << " kernel has none";
  if (getBandwidth())
    if (auto type = dyn_cast<ShapedType>(getBandwidth().getType())) {
      AttentionLayout layout = AttentionLayout::get(*this);
      int64_t heads = layout.head ? shapeOf(getQuery())[*layout.head] : 1;
      if (!compatible(type.getDimSize(0), heads))
        return emitOpError("bandwidth has ")
               << type.getDimSize(0) << " entries; it takes one per head, "
               << heads;
    }
  return success();
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
                                      int64_t in, int64_t out) {
  if (shapeOf(projection.weight).size() != 2)
    return op.emitOpError() << "w_" << projection.name << " has rank "
                            << shapeOf(projection.weight).size()
                            << "; it must be (out, in)";
  if (!compatible(projection.in(), in))
    return op.emitOpError() << "w_" << projection.name << " takes "
                            << projection.in() << " features, its input has "
                            << in;
  if (!compatible(projection.out(), out))
    return op.emitOpError() << "w_" << projection.name << " gives "
                            << projection.out() << " features; it must give "
                            << out;
  if (projection.bias && (shapeOf(projection.bias).size() != 1 ||
                          !compatible(shapeOf(projection.bias)[0],
                                      projection.out())))
    return op.emitOpError() << "b_" << projection.name << " must be a vector of "
                            << projection.out() << " features";
  return success();
}

static LogicalResult verifySplit(MultiHeadOp op, StringRef name, int64_t size,
                                 int64_t heads) {
  if (ShapedType::isDynamic(size) || size % heads == 0)
    return success();
  return op.emitOpError() << "w_" << name << " gives " << size
                          << " features, which do not split into " << heads
                          << " heads";
}

LogicalResult MultiHeadOp::verify() {
  int64_t heads = getNumHeads();
  int64_t kvHeads = getNumKvHeads().value_or(heads);
  if (heads % kvHeads != 0)
    return emitOpError("has ") << heads << " heads; they must be a multiple of "
                               << kvHeads << " key/value heads";
  for (auto [name, operand] :
       {std::pair<StringRef, Value>{"query", getQuery()},
        std::pair<StringRef, Value>{"key", getKey()},
        std::pair<StringRef, Value>{"value", getValue()},
        std::pair<StringRef, Value>{"output", getOutput()}})
    if (shapeOf(operand).size() != 3)
      return emitOpError() << name << " has rank " << shapeOf(operand).size()
                           << "; it must be (batch, length, features)";
  int64_t any = ShapedType::kDynamic;
  int64_t queryOut = shapeOf(getWQ())[0], keyOut = any;
  if (!ShapedType::isDynamic(queryOut))
    keyOut = queryOut / heads * kvHeads;
  if (failed(verifyProjection(*this, {"q", getWQ(), getBQ()},
                              shapeOf(getQuery())[2], any)) ||
      failed(verifySplit(*this, "q", queryOut, heads)) ||
      failed(verifyProjection(*this, {"k", getWK(), getBK()},
                              shapeOf(getKey())[2], keyOut)) ||
      failed(verifyProjection(*this, {"v", getWV(), getBV()},
                              shapeOf(getValue())[2], any)) ||
      failed(verifySplit(*this, "v", shapeOf(getWV())[0], kvHeads)))
    return failure();
  int64_t merged = shapeOf(getWV())[0];
  if (!ShapedType::isDynamic(merged))
    merged = merged / kvHeads * heads;
  if (failed(verifyProjection(*this, {"o", getWO(), getBO()}, merged,
                              shapeOf(getOutput())[2])))
    return failure();
  auto sameSize = [&](StringRef what, StringRef left, int64_t lhs,
                      StringRef right, int64_t rhs) -> LogicalResult {
    if (compatible(lhs, rhs))
      return success();
    return emitOpError() << left << " has " << what << " " << lhs << ", "
                         << right << " has " << rhs
                         << "; they must be equal";
  };
  ArrayRef<int64_t> q = shapeOf(getQuery()), k = shapeOf(getKey()),
                    v = shapeOf(getValue()), o = shapeOf(getOutput());
  if (failed(sameSize("batch size", "query", q[0], "key", k[0])) ||
      failed(sameSize("batch size", "key", k[0], "value", v[0])) ||
      failed(sameSize("batch size", "query", q[0], "output", o[0])) ||
      failed(sameSize("length", "key", k[1], "value", v[1])) ||
      failed(sameSize("length", "query", q[1], "output", o[1])))
    return failure();
  if (!getWeights())
    return success();
  ArrayRef<int64_t> w = shapeOf(getWeights());
  if (w.size() != 4 || !compatible(w[0], q[0]) || !compatible(w[1], heads) ||
      !compatible(w[2], q[1]) || !compatible(w[3], k[1]))
    return emitOpError("weights are ")
           << getWeights().getType() << "; they must be (batch, " << heads
           << " heads, query length, key length)";
  return success();
}

//===----------------------------------------------------------------------===//
// Masked softmax, sinusoid, rotary
//===----------------------------------------------------------------------===//

LogicalResult MaskedSoftmaxOp::verify() {
  if (shapeOf(getScores()).size() < 2)
    return emitOpError("scores have rank ")
           << shapeOf(getScores()).size() << "; they take at least (M, N)";
  if (getScores().getType() != getResult().getType())
    return emitOpError("result is ") << getResult().getType()
                                     << "; it must be that of scores, "
                                     << getScores().getType();
  return success();
}

LogicalResult SinusoidOp::verify() {
  ArrayRef<int64_t> shape = shapeOf(getResult());
  if (shape.size() != 2)
    return emitOpError("result has rank ")
           << shape.size() << "; it must be (length, dim)";
  if (ShapedType::isDynamic(shape[1]))
    return emitOpError("dim must be static");
  if (ShapedType::isDynamic(shape[0]) != bool(getLength()))
    return emitOpError("takes 'length' exactly where the result's first "
                       "dimension is dynamic");
  if (!(getBase().convertToDouble() > 0))
    return emitOpError("base ") << getBase().convertToDouble()
                                << " is not greater than 0";
  return success();
}

LogicalResult RotaryOp::verify() {
  ArrayRef<int64_t> shape = shapeOf(getInput());
  if (shape.size() < 2)
    return emitOpError("input has rank ")
           << shape.size() << "; it takes at least (position, D)";
  if (getInput().getType() != getResult().getType())
    return emitOpError("result is ") << getResult().getType()
                                     << "; it must be that of input, "
                                     << getInput().getType();
  if (!ShapedType::isDynamic(shape.back()) && shape.back() % 2 != 0)
    return emitOpError("head size ") << shape.back() << " is not even";
  if (getPositions()) {
    ArrayRef<int64_t> positions = shapeOf(getPositions());
    if (!compatible(positions.back(), shape[shape.size() - 2]))
      return emitOpError("has ") << positions.back() << " positions for "
                                 << shape[shape.size() - 2] << " rows";
    if (positions.size() == 2 &&
        (shape.size() < 3 || !compatible(positions[0], shape[0])))
      return emitOpError("positions are per batch, but their first size is not "
                         "the batch size of input");
  }
  if (!(getBase().convertToDouble() > 0))
    return emitOpError("base ") << getBase().convertToDouble()
                                << " is not greater than 0";
  return success();
}

//===----------------------------------------------------------------------===//
// Merge
//===----------------------------------------------------------------------===//

LogicalResult MergeOp::verify() {
  if (getOutputs().empty())
    return emitOpError("takes at least one output and its lse");
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
    return parser.emitError(parser.getCurrentLocation())
           << outputs.size() << " outputs need as many lses, not "
           << lses.size();
  result.addTypes({outputType, lseType});
  return failure(
      parser.resolveOperands(outputs, outputType, result.operands) ||
      parser.resolveOperands(lses, lseType, result.operands));
}

void MergeOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getOutputs() << " lse(" << getLses() << ')';
  printer.printOptionalAttrDict((*this)->getAttrs());
  printer << " : " << getOutput().getType() << ", " << getLse().getType();
}
