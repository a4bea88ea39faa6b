//===- AttentionShape.cpp - Layouts and sizes of attention operands -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attn;

static FailureOr<std::string> defaultLayout(int64_t rank, std::string &error) {
  if (rank < 2) {
    error = llvm::formatv("rank {0} is below 2, (length, head size)", rank);
    return failure();
  }
  static constexpr StringLiteral byRank[] = {"md", "bmd", "bhmd"};
  if (rank <= 4)
    return byRank[rank - 2].str();
  std::string layout;
  for (int64_t extra = 0; extra < rank - 4; ++extra)
    layout.push_back('A' + extra);
  return layout + "bhmd";
}

FailureOr<AttentionLayout> AttentionLayout::get(std::optional<StringRef> given,
                                                int64_t rank,
                                                std::string &error) {
  std::string text;
  if (given) {
    text = given->str();
  } else {
    FailureOr<std::string> standard = defaultLayout(rank, error);
    if (failed(standard))
      return failure();
    text = *standard;
  }
  if (static_cast<int64_t>(text.size()) != rank) {
    error = llvm::formatv("layout '{0}' names {1} dimensions, the tensor has {2}",
                          text, text.size(), rank);
    return failure();
  }
  AttentionLayout layout;
  layout.rank = rank;
  std::optional<int64_t> length, feature;
  for (auto [dim, letter] : llvm::enumerate(text)) {
    if (text.find(letter) != dim) {
      error = llvm::formatv("layout '{0}' names '{1}' twice", text, letter);
      return failure();
    }
    if (letter == 'm')
      length = dim;
    else if (letter == 'd')
      feature = dim;
    else if (letter == 'h')
      layout.head = dim;
    else
      layout.batch.push_back(dim);
  }
  if (!length || !feature) {
    error = llvm::formatv("layout '{0}' lacks '{1}'", text, length ? 'd' : 'm');
    return failure();
  }
  layout.length = *length;
  layout.feature = *feature;
  return layout;
}

AttentionLayout AttentionLayout::get(AttentionOpInterface op) {
  std::string error;
  int64_t rank = cast<ShapedType>(op.getQuery().getType()).getRank();
  return *get(op.getLayout(), rank, error);
}

Type attn::getAccumulatorType(Type elementType) {
  if (elementType.isF64())
    return elementType;
  return Float32Type::get(elementType.getContext());
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

namespace {
/// One dimension of one operand or result, for messages.
struct NamedDim {
  StringRef name;
  Value value;
  int64_t dim;

  int64_t size() const {
    return cast<ShapedType>(value.getType()).getDimSize(dim);
  }
};

class AttentionVerifier {
public:
  AttentionVerifier(AttentionOpInterface op, AttentionLayout layout)
      : op(op), layout(layout) {}

  LogicalResult run(bool featureSizesAgree);

private:
  LogicalResult verifyTypes();
  LogicalResult verifyHeads();
  LogicalResult verifyResults();
  LogicalResult verifyResult(StringRef name, Value result,
                             ArrayRef<NamedDim> expected);
  LogicalResult same(StringRef what, NamedDim lhs, NamedDim rhs);

  NamedDim query(int64_t dim) { return {"query", op.getQuery(), dim}; }
  NamedDim key(int64_t dim) { return {"key", op.getKey(), dim}; }
  NamedDim value(int64_t dim) { return {"value", op.getValue(), dim}; }

  AttentionOpInterface op;
  AttentionLayout layout;
};
} // namespace

LogicalResult AttentionVerifier::same(StringRef what, NamedDim lhs,
                                      NamedDim rhs) {
  int64_t left = lhs.size(), right = rhs.size();
  if (ShapedType::isDynamic(left) || ShapedType::isDynamic(right) ||
      left == right)
    return success();
  return op->emitOpError() << lhs.name << " has " << what << " " << left << ", "
                           << rhs.name << " has " << right
                           << "; they must be equal";
}

LogicalResult AttentionVerifier::verifyTypes() {
  auto queryType = cast<ShapedType>(op.getQuery().getType());
  for (NamedDim operand : {key(0), value(0)}) {
    auto type = cast<ShapedType>(operand.value.getType());
    if (type.getElementType() != queryType.getElementType())
      return op->emitOpError() << operand.name << " has element type "
                               << type.getElementType() << ", query has "
                               << queryType.getElementType()
                               << "; they must be equal";
    if (type.getRank() != queryType.getRank())
      return op->emitOpError()
             << operand.name << " has rank " << type.getRank()
             << ", query has rank " << queryType.getRank()
             << "; they must be equal";
  }
  return success();
}

LogicalResult AttentionVerifier::verifyHeads() {
  if (!layout.head)
    return success();
  if (failed(same("heads", key(*layout.head), value(*layout.head))))
    return failure();
  int64_t heads = query(*layout.head).size();
  int64_t keyHeads = key(*layout.head).size();
  if (ShapedType::isDynamic(heads) || ShapedType::isDynamic(keyHeads))
    return success();
  if (keyHeads == 0 ? heads != 0 : heads % keyHeads != 0)
    return op->emitOpError() << "query has " << heads << " heads, key has "
                             << keyHeads
                             << "; query heads must be a multiple of key heads";
  return success();
}

LogicalResult AttentionVerifier::verifyResult(StringRef name, Value result,
                                              ArrayRef<NamedDim> expected) {
  auto type = cast<ShapedType>(result.getType());
  if (type.getRank() != static_cast<int64_t>(expected.size()))
    return op->emitOpError() << name << " has rank " << type.getRank()
                             << "; it must have rank " << expected.size();
  for (auto [dim, source] : llvm::enumerate(expected))
    if (failed(same(llvm::formatv("size of dimension {0}", dim).str(),
                    {name, result, static_cast<int64_t>(dim)}, source)))
      return failure();
  return success();
}

LogicalResult AttentionVerifier::verifyResults() {
  SmallVector<NamedDim> output, lse, weights;
  for (int64_t dim = 0; dim < layout.rank; ++dim)
    output.push_back(dim == layout.feature ? value(dim) : query(dim));
  for (int64_t dim : layout.batch)
    lse.push_back(query(dim));
  if (layout.head)
    lse.push_back(query(*layout.head));
  lse.push_back(query(layout.length));
  weights = lse;
  weights.push_back(key(layout.length));

  Type element = cast<ShapedType>(op.getQuery().getType()).getElementType();
  if (getElementTypeOrSelf(op.getOutput()) != element)
    return op->emitOpError() << "output has element type "
                             << getElementTypeOrSelf(op.getOutput())
                             << "; it must be that of query, " << element;
  if (failed(verifyResult("output", op.getOutput(), output)))
    return failure();
  if (Value result = op.getLse()) {
    Type accumulator = getAccumulatorType(element);
    if (getElementTypeOrSelf(result) != accumulator)
      return op->emitOpError()
             << "lse has element type " << getElementTypeOrSelf(result)
             << "; it must be the accumulator type " << accumulator;
    if (failed(verifyResult("lse", result, lse)))
      return failure();
  }
  if (Value result = op.getWeights())
    return verifyResult("weights", result, weights);
  return success();
}

LogicalResult AttentionVerifier::run(bool featureSizesAgree) {
  if (failed(verifyTypes()))
    return failure();
  for (int64_t dim : layout.batch)
    if (failed(same("batch size", query(dim), key(dim))) ||
        failed(same("batch size", query(dim), value(dim))))
      return failure();
  if (failed(verifyHeads()) ||
      failed(same("length", key(layout.length), value(layout.length))))
    return failure();
  if (featureSizesAgree &&
      failed(same("head size", query(layout.feature), key(layout.feature))))
    return failure();
  return verifyResults();
}

LogicalResult attn::verifyAttention(AttentionOpInterface op,
                                    bool featureSizesAgree) {
  std::string error;
  int64_t rank = cast<ShapedType>(op.getQuery().getType()).getRank();
  FailureOr<AttentionLayout> layout =
      AttentionLayout::get(op.getLayout(), rank, error);
  if (failed(layout))
    return op->emitOpError() << error;
  return AttentionVerifier(op, *layout).run(featureSizesAgree);
}
