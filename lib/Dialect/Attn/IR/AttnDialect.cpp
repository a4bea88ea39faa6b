//===- AttnDialect.cpp - The attn dialect -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/AttnFacts.h"
#include "attn/Dialect/Attn/IR/AttnParallel.h"
#include "attn/Dialect/Attn/IR/AttnRecompute.h"

#include "mlir/IR/DialectImplementation.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

#include "attn/Dialect/Attn/IR/AttnDialect.cpp.inc"
#include "attn/Dialect/Attn/IR/AttnEnums.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "attn/Dialect/Attn/IR/AttnTypes.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "attn/Dialect/Attn/IR/AttnAttrs.cpp.inc"

#include "attn/Dialect/Attn/IR/AttnInterfaces.cpp.inc"

namespace {
/// Masks may be built by private functions; inlining makes them visible.
struct AttnInlinerInterface : public DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;

  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
  bool isLegalToInline(Region *, Region *, bool, IRMapping &) const final {
    return true;
  }
};
} // namespace

void AttnDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "attn/Dialect/Attn/IR/AttnOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "attn/Dialect/Attn/IR/AttnFactOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "attn/Dialect/Attn/IR/AttnParallelOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "attn/Dialect/Attn/IR/AttnRecomputeOps.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "attn/Dialect/Attn/IR/AttnTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "attn/Dialect/Attn/IR/AttnAttrs.cpp.inc"
      >();
  addInterfaces<AttnInlinerInterface>();
}

Operation *AttnDialect::materializeConstant(OpBuilder &builder, Attribute value,
                                            Type type, Location loc) {
  if (isa<MaskType>(type))
    return MaskConstantOp::create(builder, loc, type, cast<BoolAttr>(value));
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

//===----------------------------------------------------------------------===//
// Custom assembly of op definitions
//===----------------------------------------------------------------------===//

/// Parses `name = 4096` or `name(%value)`, or nothing.
static ParseResult
parseSide(OpAsmParser &parser, StringRef name, IntegerAttr &constant,
          std::optional<OpAsmParser::UnresolvedOperand> &value) {
  if (failed(parser.parseOptionalKeyword(name)))
    return success();
  if (succeeded(parser.parseOptionalEqual()))
    return parser.parseAttribute(constant, parser.getBuilder().getI64Type());
  value.emplace();
  return failure(parser.parseLParen() || parser.parseOperand(*value) ||
                 parser.parseRParen());
}

static void printSide(OpAsmPrinter &printer, StringRef name,
                      IntegerAttr constant, Value value) {
  if (constant)
    printer << name << " = " << constant.getInt();
  if (value)
    printer << name << '(' << value << ')';
}

static ParseResult
parseWindowSides(OpAsmParser &parser, IntegerAttr &past,
                 std::optional<OpAsmParser::UnresolvedOperand> &dynamicPast,
                 IntegerAttr &future,
                 std::optional<OpAsmParser::UnresolvedOperand> &dynamicFuture) {
  return failure(parseSide(parser, "past", past, dynamicPast) ||
                 parseSide(parser, "future", future, dynamicFuture));
}

static void printWindowSides(OpAsmPrinter &printer, MaskWindowOp,
                             IntegerAttr past, Value dynamicPast,
                             IntegerAttr future, Value dynamicFuture) {
  printSide(printer, "past", past, dynamicPast);
  if ((past || dynamicPast) && (future || dynamicFuture))
    printer << ' ';
  printSide(printer, "future", future, dynamicFuture);
}

/// Weights of multi_head: w_q, w_k, w_v, w_o, or a packed one and w_o.
static ParseResult
parseHeadWeights(OpAsmParser &parser,
                 std::optional<OpAsmParser::UnresolvedOperand> &query,
                 std::optional<OpAsmParser::UnresolvedOperand> &key,
                 std::optional<OpAsmParser::UnresolvedOperand> &value,
                 std::optional<OpAsmParser::UnresolvedOperand> &packed,
                 OpAsmParser::UnresolvedOperand &output, Type &queryType,
                 Type &keyType, Type &valueType, Type &packedType,
                 Type &outputType) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<OpAsmParser::UnresolvedOperand> weights;
  SmallVector<Type> types;
  if (parser.parseOperandList(weights) || parser.parseColonTypeList(types))
    return failure();
  if (weights.size() != 2 && weights.size() != 4)
    return parser.emitError(loc)
           << weights.size()
           << " weights; four are accepted, of query, key, value and output, or "
              "two, the first three packed and that of the output";
  if (types.size() != weights.size())
    return parser.emitError(loc) << weights.size() << " weights have "
                                 << types.size() << " types";
  output = weights.back();
  outputType = types.back();
  if (weights.size() == 2) {
    packed = weights[0];
    packedType = types[0];
    return success();
  }
  query = weights[0];
  key = weights[1];
  value = weights[2];
  queryType = types[0];
  keyType = types[1];
  valueType = types[2];
  return success();
}

static void printHeadWeights(OpAsmPrinter &printer, MultiHeadOp, Value query,
                             Value key, Value value, Value packed, Value output,
                             Type, Type, Type, Type, Type) {
  SmallVector<Value> weights;
  for (Value weight : {query, key, value, packed, output})
    if (weight)
      weights.push_back(weight);
  printer << weights << " : " << ValueRange(weights).getTypes();
}

#define GET_OP_CLASSES
#include "attn/Dialect/Attn/IR/AttnOps.cpp.inc"

#define GET_OP_CLASSES
#include "attn/Dialect/Attn/IR/AttnParallelOps.cpp.inc"

#define GET_OP_CLASSES
#include "attn/Dialect/Attn/IR/AttnRecomputeOps.cpp.inc"
