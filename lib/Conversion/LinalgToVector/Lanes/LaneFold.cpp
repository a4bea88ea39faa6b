//===- LaneFold.cpp - Short rows combined in registers ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneFold.h"

#include "LaneReduction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::attn;

/// Whether the body gives the larger of its arguments, the second where the
/// first is NaN.
static bool isMaximum(linalg::GenericOp op) {
  Block &body = *op.getBody();
  auto choice =
      body.getTerminator()->getOperand(0).getDefiningOp<arith::SelectOp>();
  auto larger = choice ? choice.getCondition().getDefiningOp<arith::CmpFOp>()
                       : arith::CmpFOp();
  Value in = body.getArgument(0), out = body.getArgument(1);
  return larger && larger.getPredicate() == arith::CmpFPredicate::OGT &&
         larger.getLhs() == in && larger.getRhs() == out &&
         choice.getTrueValue() == in && choice.getFalseValue() == out;
}

static bool addsArguments(linalg::GenericOp op) {
  Block &body = *op.getBody();
  auto sum = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  return sum && llvm::all_of(body.getArguments(), [&](BlockArgument argument) {
           return llvm::is_contained(sum->getOperands(), argument);
         });
}

/// The shape of `memref` where its elements, of a static number, are floats
/// that follow each other.
static std::optional<ArrayRef<int64_t>> getDenseShape(Value memref) {
  auto type = dyn_cast<MemRefType>(memref.getType());
  if (!type || !type.hasStaticShape() || !type.getLayout().isIdentity() ||
      !isa<FloatType>(type.getElementType()))
    return std::nullopt;
  return type.getShape();
}

static int64_t getWidth(Value memref, const TargetSpec &target) {
  return target.lanes(
      cast<MemRefType>(memref.getType()).getElementTypeBitWidth());
}

/// Whether `op` has one loop over rows, one along them, and its operands are
/// `matrix`, of few elements, and `row`. More columns that divide no vector
/// were stored in parts, and vectors would wait for them.
static bool isRowByRow(linalg::GenericOp op, OpOperand &matrix,
                       OpOperand &row) {
  constexpr int64_t mostElements = 64, mostOddColumns = 8;
  AffineMap rowMap = op.getMatchingIndexingMap(&row);
  auto shape = getDenseShape(matrix.get());
  return op.getNumLoops() == 2 && shape && getDenseShape(row.get()) &&
         op.getMatchingIndexingMap(&matrix).isIdentity() &&
         rowMap.isProjectedPermutation() && rowMap.getNumResults() == 1 &&
         rowMap.isFunctionOfDim(1) && shape->front() > 1 &&
         (llvm::isPowerOf2_64(shape->back()) ||
          shape->back() <= mostOddColumns) &&
         shape->front() * shape->back() <= mostElements;
}

static bool hasOneOfEach(linalg::GenericOp op) {
  return op.getNumDpsInputs() == 1 && op.getNumDpsInits() == 1;
}

static Value flatten(OpBuilder &builder, Location loc, Value matrix) {
  SmallVector<ReassociationIndices> all{{0, 1}};
  return memref::CollapseShapeOp::create(builder, loc, matrix, all);
}

bool attn::isLaneFold(linalg::GenericOp op, const TargetSpec &target) {
  if (!hasOneOfEach(op) || op.getNumReductionLoops() != 1)
    return false;
  OpOperand &matrix = *op.getDpsInputOperand(0),
            &row = *op.getDpsInitOperand(0);
  if (!isRowByRow(op, matrix, row) || !(addsArguments(op) || isMaximum(op)) ||
      getElementTypeOrSelf(matrix.get()) != getElementTypeOrSelf(row.get()))
    return false;
  return cast<MemRefType>(row.get().getType()).getNumElements() <=
         getWidth(matrix.get(), target);
}

namespace {
class LaneFolder {
public:
  LaneFolder(OpBuilder &builder, linalg::GenericOp op, int64_t width)
      : builder(builder), op(op), loc(op.getLoc()), width(width) {
    ArrayRef<int64_t> shape =
        cast<MemRefType>(op.getInputs().front().getType()).getShape();
    columns = shape.back();
    elements = shape.front() * columns;
    wholeVectors.resize(llvm::divideCeil(elements, width));
  }

  void emit(Value initial);

private:
  Value combine(Value left, Value right) {
    return emitBodyOnLanes(builder, op, {left, right},
                           cast<VectorType>(left.getType()).getNumElements());
  }
  Value half(Value vector, bool upper);
  Value load(int64_t first, int64_t lanes);
  Value wholeVector(int64_t index);
  Value take(int64_t first, int64_t lanes);
  Value foldVectors(int64_t count, int64_t lanes);
  Value foldMatrix();

  OpBuilder &builder;
  linalg::GenericOp op;
  Location loc;
  int64_t width, columns, elements;
  SmallVector<Value> wholeVectors;
};
} // namespace

Value LaneFolder::half(Value vector, bool upper) {
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements() / 2;
  return vector::ExtractStridedSliceOp::create(
      builder, loc, vector, ArrayRef<int64_t>{upper ? lanes : 0},
      ArrayRef<int64_t>{lanes}, ArrayRef<int64_t>{1});
}

/// Part of the matrix, without NaN where a maximum is taken.
Value LaneFolder::load(int64_t first, int64_t lanes) {
  Value matrix = flatten(builder, loc, op.getInputs().front());
  auto element =
      cast<FloatType>(cast<MemRefType>(matrix.getType()).getElementType());
  auto type = VectorType::get(lanes, element);
  Value position = arith::ConstantIndexOp::create(builder, loc, first);
  Value vector = vector::LoadOp::create(builder, loc, type, matrix, position);
  if (!isMaximum(op))
    return vector;
  auto lowest = DenseElementsAttr::get(
      type, APFloat::getInf(element.getFloatSemantics(), /*Negative=*/true));
  return combine(vector, arith::ConstantOp::create(builder, loc, lowest));
}

/// Lanes from `index` * `width` on as they were stored: as a vector, or the
/// last ones, in parts of it. Loaded once.
Value LaneFolder::wholeVector(int64_t index) {
  Value &vector = wholeVectors[index];
  int64_t first = index * width;
  if (vector)
    return vector;
  if (first + width <= elements)
    return vector = load(first, width);
  for (int64_t at = first; at < elements;) {
    int64_t lanes = llvm::bit_floor(uint64_t(elements - at));
    Value part = load(at, lanes);
    if (!vector)
      vector = arith::ConstantOp::create(
          builder, loc,
          builder.getZeroAttr(
              VectorType::get(width, getElementTypeOrSelf(part.getType()))));
    vector = vector::InsertStridedSliceOp::create(builder, loc, part, vector,
                                                  ArrayRef<int64_t>{at - first},
                                                  ArrayRef<int64_t>{1});
    at += lanes;
  }
  return vector;
}

/// Elements from `first` on. Rows that do not divide a vector lie in two.
Value LaneFolder::take(int64_t first, int64_t lanes) {
  if (llvm::isPowerOf2_64(columns))
    return load(first, lanes);
  int64_t begin = first / width;
  auto order = llvm::to_vector(
      llvm::seq<int64_t>(first - begin * width, first - begin * width + lanes));
  return vector::ShuffleOp::create(builder, loc, wholeVector(begin),
                                   wholeVector((first + lanes - 1) / width),
                                   order);
}

/// The first `count` vectors of so many lanes in pairs; null for none.
Value LaneFolder::foldVectors(int64_t count, int64_t lanes) {
  SmallVector<Value> vectors;
  for (int64_t index = 0; index < count; ++index)
    vectors.push_back(take(index * lanes, lanes));
  while (vectors.size() > 1) {
    size_t half = llvm::divideCeil(vectors.size(), 2);
    for (size_t i = 0; i + half < vectors.size(); ++i)
      vectors[i] = combine(vectors[i], vectors[i + half]);
    vectors.truncate(half);
  }
  return vectors.empty() ? Value() : vectors.front();
}

/// As many rows as a vector has room for, a power of two, are combined with the
/// next; each half of what they become meets as many of those that are left.
Value LaneFolder::foldMatrix() {
  int64_t rows = llvm::bit_floor(uint64_t(width / columns)),
          left = elements / columns;
  Value folded = foldVectors(left / rows, rows * columns);
  left %= rows;
  for (rows /= 2; rows > 0; rows /= 2) {
    if (folded)
      folded = combine(half(folded, true), half(folded, false));
    if (left < rows)
      continue;
    Value part = take(elements - left * columns, rows * columns);
    folded = folded ? combine(part, folded) : part;
    left -= rows;
  }
  return folded;
}

void LaneFolder::emit(Value initial) {
  Value output = op.getOutputs().front();
  Value folded = foldMatrix();
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  bool isNeutral =
      initial && matchPattern(initial, addsArguments(op) ? m_AnyZeroFloat()
                                                         : m_NegInfFloat());
  if (!isNeutral) {
    Value before =
        initial ? vector::BroadcastOp::create(builder, loc, folded.getType(),
                                              initial)
                      .getResult()
                : vector::LoadOp::create(builder, loc,
                                         cast<VectorType>(folded.getType()),
                                         output, zero)
                      .getResult();
    folded = combine(folded, before);
  }
  vector::StoreOp::create(builder, loc, folded, output, zero);
}

void attn::emitLaneFold(OpBuilder &builder, linalg::GenericOp op,
                        const TargetSpec &target, Value initial) {
  LaneFolder(builder, op, getWidth(op.getOutputs().front(), target))
      .emit(initial);
}

bool attn::isLaneRepeat(linalg::GenericOp op, const TargetSpec &target) {
  if (!hasOneOfEach(op) || op.getNumReductionLoops() != 0)
    return false;
  OpOperand &row = *op.getDpsInputOperand(0),
            &matrix = *op.getDpsInitOperand(0);
  return isRowByRow(op, matrix, row) &&
         op.getBody()->getTerminator()->getOperand(0) ==
             op.getBody()->getArgument(0) &&
         cast<MemRefType>(row.get().getType()).getNumElements() <
             getWidth(matrix.get(), target);
}

void attn::emitLaneRepeat(OpBuilder &builder, linalg::GenericOp op,
                          const TargetSpec &target) {
  Location loc = op.getLoc();
  Value row = op.getInputs().front(), matrix = op.getOutputs().front();
  auto type = cast<MemRefType>(matrix.getType());
  int64_t columns = cast<MemRefType>(row.getType()).getNumElements(),
          elements = type.getNumElements();
  int64_t lanes = std::min<int64_t>(getWidth(matrix, target),
                                    llvm::bit_floor(uint64_t(elements)));
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value vector = vector::LoadOp::create(
      builder, loc, VectorType::get(columns, type.getElementType()), row, zero);
  matrix = flatten(builder, loc, matrix);
  // A part of a vector for what no whole ones are left for, then a part of
  // that.
  for (int64_t first = 0; first < elements; first += lanes) {
    while (first + lanes > elements)
      lanes /= 2;
    auto order =
        llvm::map_to_vector(llvm::seq<int64_t>(first, first + lanes),
                            [&](int64_t element) { return element % columns; });
    vector::StoreOp::create(
        builder, loc,
        vector::ShuffleOp::create(builder, loc, vector, vector, order), matrix,
        ValueRange{arith::ConstantIndexOp::create(builder, loc, first)});
  }
}
