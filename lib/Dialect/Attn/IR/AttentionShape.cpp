//===- AttentionShape.cpp - Layouts and sizes of attention operands -----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "attn/Dialect/Attn/IR/AttributeNames.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attn;

static FailureOr<std::string> defaultLayout(int64_t rank, std::string &error) {
  if (rank < 2) {
    error = llvm::formatv("query has rank {0}; it takes at least 2, (length, "
                          "head size)",
                          rank);
    return failure();
  }
  static constexpr StringLiteral byRank[] = {"md", "bmd", "bhmd"};
  if (rank <= 4)
    return byRank[rank - 2].str();
  // More batch dimensions than the alphabet has capitals.
  if (rank > 26 + 4) {
    error = llvm::formatv("query has rank {0}; without a layout it takes at "
                          "most 30",
                          rank);
    return failure();
  }
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
    error =
        llvm::formatv("layout '{0}' names {1} dimensions, the tensor has {2}",
                      text, text.size(), rank);
    return failure();
  }
  AttentionLayout layout;
  layout.rank = rank;
  std::optional<int64_t> length, feature;
  for (auto [dim, letter] : llvm::enumerate(text)) {
    if (!llvm::isAlpha(letter)) {
      error = llvm::formatv("layout '{0}' holds '{1}'; it takes letters, one "
                            "per dimension, such as bhmd",
                            text, letter);
      return failure();
    }
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
    error = llvm::formatv("layout '{0}' lacks '{1}'; it takes m (queries or "
                          "keys) and d (head size)",
                          text, length ? 'd' : 'm');
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

ResultDims ResultDims::get(AttentionOpInterface op,
                           const AttentionLayout &layout) {
  ResultDims dims;
  for (int64_t dim = 0; dim < layout.rank; ++dim)
    dims.output.push_back(
        {dim == layout.feature ? op.getValue() : op.getQuery(), dim});
  for (int64_t dim : layout.batch)
    dims.lse.push_back({op.getQuery(), dim});
  if (layout.head)
    dims.lse.push_back({op.getQuery(), *layout.head});
  dims.received = dims.lse;
  dims.received.push_back({op.getKey(), layout.length});
  dims.lse.push_back({op.getQuery(), layout.length});
  dims.weights = dims.lse;
  dims.weights.push_back({op.getKey(), layout.length});
  return dims;
}

PairSizes attn::getPairSizes(AttentionOpInterface op,
                             const AttentionLayout &layout) {
  auto query = cast<ShapedType>(op.getQuery().getType());
  auto key = cast<ShapedType>(op.getKey().getType());
  int64_t batch = 1;
  for (int64_t dim : layout.batch)
    batch = multiplySizes(batch, query.getDimSize(dim));
  return {batch, layout.head ? query.getDimSize(*layout.head) : 1,
          query.getDimSize(layout.length), key.getDimSize(layout.length),
          getAccumulatorType(query.getElementType())};
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

namespace {
/// One dimension of one operand or result, for messages.
struct NamedDim : DimSource {
  NamedDim(StringRef name, Value value, int64_t dim)
      : DimSource{value, dim}, name(name) {}

  StringRef name;
};

class AttentionVerifier {
public:
  AttentionVerifier(AttentionOpInterface op, AttentionLayout layout)
      : op(op), layout(layout) {}

  LogicalResult run(bool featureSizesAgree);

private:
  LogicalResult verifyTypes();
  LogicalResult verifyHeads();
  LogicalResult verifyGroup(int64_t heads, int64_t keyHeads);
  LogicalResult verifyResults();
  LogicalResult verifyResult(StringRef name, Value result,
                             ArrayRef<DimSource> expected);
  LogicalResult verifyRowSums(StringRef name, Value result,
                              ArrayRef<DimSource> expected);
  LogicalResult verifyWeightType(StringRef name, Value result);
  LogicalResult verifyTop(const ResultDims &dims);
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
  if (mayBeEqual(lhs.size(), rhs.size()))
    return success();
  return op->emitOpError() << lhs.name << " has " << what << " " << lhs.size()
                           << ", " << rhs.name << " has " << rhs.size()
                           << "; they must be equal";
}

LogicalResult attn::verifyScale(Operation *op,
                                const std::optional<APFloat> &scale) {
  if (!scale)
    return success();
  auto type = cast<FloatType>(
      getAccumulatorType(getElementTypeOrSelf(op->getOperand(0))));
  APFloat rounded = *scale;
  bool losesInfo;
  rounded.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
  if (rounded.isFinite())
    return success();
  return op->emitOpError("scale ")
         << scale->convertToDouble() << " is not finite in " << Type(type);
}

LogicalResult attn::verifyElementType(Operation *op, StringRef name,
                                      Value operand, Value query) {
  if (!operand || getElementTypeOrSelf(operand) == getElementTypeOrSelf(query))
    return success();
  return op->emitOpError() << name << " has element type "
                           << getElementTypeOrSelf(operand) << ", query has "
                           << getElementTypeOrSelf(query)
                           << "; they must be equal";
}

LogicalResult AttentionVerifier::verifyTypes() {
  auto queryType = cast<ShapedType>(op.getQuery().getType());
  for (NamedDim operand : {key(0), value(0)}) {
    auto type = cast<ShapedType>(operand.value.getType());
    if (failed(
            verifyElementType(op, operand.name, operand.value, op.getQuery())))
      return failure();
    if (type.getRank() != queryType.getRank())
      return op->emitOpError() << operand.name << " has rank " << type.getRank()
                               << ", query has rank " << queryType.getRank()
                               << "; they must be equal";
  }
  return success();
}

LogicalResult AttentionVerifier::verifyHeads() {
  if (!layout.head)
    return verifyGroup(1, 1);
  if (failed(same("heads", key(*layout.head), value(*layout.head))))
    return failure();
  int64_t heads = query(*layout.head).size();
  int64_t keyHeads = key(*layout.head).size();
  if (ShapedType::isDynamic(heads) || ShapedType::isDynamic(keyHeads))
    return verifyGroup(heads, keyHeads);
  if (keyHeads == 0 ? heads != 0 : heads % keyHeads != 0)
    return op->emitOpError()
           << "query has " << heads << " heads, key has " << keyHeads
           << "; query heads must be a multiple of key heads";
  return verifyGroup(heads, keyHeads);
}

/// What `attn.group` states against so many heads, either of which may be
/// dynamic.
LogicalResult AttentionVerifier::verifyGroup(int64_t heads, int64_t keyHeads) {
  auto stated = op->getAttrOfType<IntegerAttr>(groupSizeAttr);
  if (!stated || ShapedType::isDynamic(heads))
    return success();
  int64_t group = stated.getInt();
  if (heads % group == 0 && mayBeEqual(heads / group, keyHeads))
    return success();
  InFlightDiagnostic error = op->emitOpError()
                             << "query has " << heads << " heads, key has ";
  if (ShapedType::isDynamic(keyHeads))
    error << "any number";
  else
    error << keyHeads;
  return error << "; " << groupSizeAttr << " states " << group
               << " times as many";
}

LogicalResult AttentionVerifier::verifyResult(StringRef name, Value result,
                                              ArrayRef<DimSource> expected) {
  auto type = cast<ShapedType>(result.getType());
  if (type.getRank() != static_cast<int64_t>(expected.size()))
    return op->emitOpError() << name << " has rank " << type.getRank()
                             << "; it must have rank " << expected.size();
  for (auto [dim, source] : llvm::enumerate(expected))
    if (!mayBeEqual(type.getDimSize(dim), source.size()))
      return op->emitOpError()
             << name << " has size " << type.getDimSize(dim) << " in dimension "
             << dim << "; it must be " << source.size();
  return success();
}

/// A result in the accumulator type, or none.
LogicalResult AttentionVerifier::verifyRowSums(StringRef name, Value result,
                                               ArrayRef<DimSource> expected) {
  if (!result)
    return success();
  Type accumulator = getAccumulatorType(getElementTypeOrSelf(op.getQuery()));
  if (getElementTypeOrSelf(result) != accumulator)
    return op->emitOpError()
           << name << " has element type " << getElementTypeOrSelf(result)
           << "; it must be the accumulator type " << accumulator;
  return verifyResult(name, result, expected);
}

LogicalResult AttentionVerifier::verifyWeightType(StringRef name,
                                                  Value result) {
  Type element = getElementTypeOrSelf(op.getQuery());
  Type accumulator = getAccumulatorType(element);
  Type type = getElementTypeOrSelf(result);
  if (type == element || type == accumulator)
    return success();
  return op->emitOpError() << name << " have element type " << type
                           << "; it must be that of query, " << element
                           << ", or the accumulator type " << accumulator;
}

LogicalResult AttentionVerifier::verifyTop(const ResultDims &dims) {
  if (failed(verifyWeightType("top weights", op.getTopWeights())))
    return failure();
  auto weights = cast<ShapedType>(op.getTopWeights().getType());
  auto keys = cast<ShapedType>(op.getTopKeys().getType());
  int64_t count = weights.getRank() ? weights.getShape().back() : 0;
  if (count < 1 || count > AttendOp::maxTopCount)
    return op->emitOpError("top weights are ")
           << weights << "; their last size must be static, 1 to "
           << AttendOp::maxTopCount;
  if (keys.getRank() != weights.getRank() || keys.getShape().back() != count)
    return op->emitOpError("top keys are ")
           << keys << ", top weights " << weights
           << "; their shapes must be equal";
  auto rows = [&](ShapedType type) {
    return op.getTopWeights().getType() == type ? "top weights" : "top keys";
  };
  for (ShapedType type : {weights, keys}) {
    ArrayRef<int64_t> shape = type.getShape().drop_back();
    if (shape.size() != dims.lse.size())
      return op->emitOpError() << rows(type) << " have rank " << type.getRank()
                               << "; it must be " << dims.lse.size() + 1;
    for (auto [dim, source] : llvm::enumerate(dims.lse))
      if (!mayBeEqual(shape[dim], source.size()))
        return op->emitOpError()
               << rows(type) << " have size " << shape[dim] << " in dimension "
               << dim << "; it must be " << source.size();
  }
  return success();
}

LogicalResult AttentionVerifier::verifyResults() {
  ResultDims dims = ResultDims::get(op, layout);
  if (failed(verifyElementType(op, "output", op.getOutput(), op.getQuery())) ||
      failed(verifyResult("output", op.getOutput(), dims.output)))
    return failure();
  if (failed(verifyRowSums("lse", op.getLse(), dims.lse)) ||
      failed(verifyRowSums("entropy", op.getEntropy(), dims.lse)) ||
      failed(verifyRowSums("received", op.getReceived(), dims.received)))
    return failure();
  if (Value weights = op.getWeights())
    if (failed(verifyWeightType("weights", weights)) ||
        failed(verifyResult("weights", weights, dims.weights)))
      return failure();
  return op.getTopWeights() ? verifyTop(dims) : success();
}

LogicalResult AttentionVerifier::run(bool featureSizesAgree) {
  if (failed(verifyTypes()))
    return failure();
  for (int64_t dim : layout.batch)
    if (failed(same("batch size", query(dim), key(dim))) ||
        failed(same("batch size", query(dim), value(dim))) ||
        failed(same("batch size", key(dim), value(dim))))
      return failure();
  if (failed(verifyHeads()) ||
      failed(same("length", key(layout.length), value(layout.length))))
    return failure();
  if (featureSizesAgree &&
      failed(same("head size", query(layout.feature), key(layout.feature))))
    return failure();
  if (failed(verifyResults()))
    return failure();
  return verifyMaskAndScores(op, op.getMask(), op.getScoreModifiers(),
                             getPairSizes(op, layout), layout.head.has_value());
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
