//===- ExpandGraphOpsRotary.cpp - Rotary position embedding -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandGraphOps.h"
#include "SineCosine.h"
#include "SizeChecks.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// One rotary op; its input is seen as (..., position, pair) twice, first and
/// second features.
class RotaryExpander {
public:
  RotaryExpander(OpBuilder &builder, RotaryOp op)
      : op(op), linalg(builder, op.getLoc()),
        inputType(cast<RankedTensorType>(op.getInput().getType())),
        rank(inputType.getRank()),
        accumulator(getAccumulatorType(inputType.getElementType())),
        sizes(linalg.sizesOf(op.getInput())), pairs(halve(sizes.back())) {}

  Value emit();

private:
  OpFoldResult halve(OpFoldResult size);
  void checkSizes();
  SmallVector<Value> emitTables();
  Value emitPosition(OpBuilder &b, Location loc);
  SmallVector<ReassociationIndices> splitGroups();
  Value splitPairs(Value tensor);
  Value slice(Value split, int64_t which);
  Value insert(Value rotated, Value split, int64_t which);

  /// The dimension of size 2 once the features are split.
  int64_t partDim() { return op.getInterleaved() ? rank : rank - 1; }
  void sliceAt(int64_t which, SmallVector<OpFoldResult> &offsets,
               SmallVector<OpFoldResult> &extents,
               SmallVector<OpFoldResult> &strides);
  RankedTensorType typeOf(ArrayRef<OpFoldResult> sizes);

  RotaryOp op;
  LinalgBuilder linalg;
  RankedTensorType inputType;
  int64_t rank;
  Type accumulator;
  SmallVector<OpFoldResult> sizes;
  OpFoldResult pairs;
};
} // namespace

OpFoldResult RotaryExpander::halve(OpFoldResult size) {
  if (std::optional<int64_t> known = getConstantIntValue(size))
    return linalg.b.getIndexAttr(*known / 2);
  Value two = arith::ConstantIndexOp::create(linalg.b, linalg.loc, 2);
  return arith::DivSIOp::create(linalg.b, linalg.loc, cast<Value>(size), two)
      .getResult();
}

RankedTensorType RotaryExpander::typeOf(ArrayRef<OpFoldResult> extents) {
  SmallVector<int64_t> shape =
      llvm::map_to_vector(extents, [](OpFoldResult size) {
        return getConstantIntValue(size).value_or(ShapedType::kDynamic);
      });
  return inputType.clone(shape);
}

void RotaryExpander::checkSizes() {
  SizeChecks checks(linalg.b, op);
  checks.multiple("features", checks.of("input", op.getInput(), rank - 1), 2,
                  "features come in pairs");
  if (Value frequencies = op.getFrequencies())
    checks.same("pairs", checks.of("frequencies", frequencies, 0),
                {"input", pairs});
  Value positions = op.getPositions();
  if (!positions)
    return;
  int64_t positionRank = cast<ShapedType>(positions.getType()).getRank();
  checks.same("length", checks.of("positions", positions, positionRank - 1),
              checks.of("input", op.getInput(), rank - 2));
  if (positionRank == 2)
    checks.same("batch size", checks.of("positions", positions, 0),
                checks.of("input", op.getInput(), 0));
}

/// The position of a row of the tables, in f64.
Value RotaryExpander::emitPosition(OpBuilder &b, Location loc) {
  Value row = linalg::IndexOp::create(b, loc, 0);
  Value positions = op.getPositions();
  if (!positions)
    return emitIndexToFloat(b, loc, row, b.getF64Type());
  SmallVector<Value> indices{row};
  if (cast<ShapedType>(positions.getType()).getRank() == 2)
    indices.push_back(linalg::IndexOp::create(b, loc, 1));
  Value position = tensor::ExtractOp::create(b, loc, positions, indices);
  if (position.getType().isIndex())
    return emitIndexToFloat(b, loc, position, b.getF64Type());
  return arith::SIToFPOp::create(b, loc, b.getF64Type(), position);
}

/// Cosines and sines of the angles of (batch, position, pair), without batch
/// where all batches have the same positions. Angles are f64: exact enough for
/// any length.
SmallVector<Value> RotaryExpander::emitTables() {
  Value frequencies =
      op.getFrequencies()
          ? linalg.convert(op.getFrequencies(), linalg.b.getF64Type())
          : emitFrequencies(linalg, pairs, sizes.back(),
                            op.getBase().convertToDouble());
  double magnitude = op.getMagnitude().convertToDouble();
  SmallVector<OpFoldResult> extents{sizes[rank - 2]};
  if (Value positions = op.getPositions())
    extents = linalg.sizesOf(positions);
  extents.push_back(pairs);
  SmallVector<Value> inits{linalg.empty(extents, accumulator),
                           linalg.empty(extents, accumulator)};
  unsigned pairDim = extents.size() - 1;
  return linalg.parallel(
      frequencies, inits, LinalgBuilder::Dims{pairDim},
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value angle =
            arith::MulFOp::create(b, loc, emitPosition(b, loc), args[0]);
        auto [sine, cosine] = emitSineCosine(b, loc, angle, accumulator);
        if (magnitude == 1.0)
          return {cosine, sine};
        Value factor = arith::ConstantOp::create(
            b, loc, b.getFloatAttr(accumulator, magnitude));
        return {arith::MulFOp::create(b, loc, cosine, factor),
                arith::MulFOp::create(b, loc, sine, factor)};
      });
}

//===----------------------------------------------------------------------===//
// Pairs of features
//===----------------------------------------------------------------------===//

/// The last two dimensions are one.
SmallVector<ReassociationIndices> RotaryExpander::splitGroups() {
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim < rank - 1; ++dim)
    groups.push_back({dim});
  groups.push_back({rank - 1, rank});
  return groups;
}

/// (..., position, D) as (..., position, 2, D/2), interleaved (..., D/2, 2).
Value RotaryExpander::splitPairs(Value tensor) {
  SmallVector<OpFoldResult> split(ArrayRef(sizes).drop_back());
  split.push_back(pairs);
  split.insert(split.begin() + partDim(), linalg.b.getIndexAttr(2));
  return tensor::ExpandShapeOp::create(linalg.b, linalg.loc, typeOf(split),
                                       tensor, splitGroups(), split);
}

void RotaryExpander::sliceAt(int64_t which, SmallVector<OpFoldResult> &offsets,
                             SmallVector<OpFoldResult> &extents,
                             SmallVector<OpFoldResult> &strides) {
  offsets.assign(rank + 1, linalg.b.getIndexAttr(0));
  offsets[partDim()] = linalg.b.getIndexAttr(which);
  strides.assign(rank + 1, linalg.b.getIndexAttr(1));
  extents.assign(sizes.begin(), sizes.end() - 1);
  extents.push_back(pairs);
  extents.insert(extents.begin() + partDim(), linalg.b.getIndexAttr(1));
}

/// The first or second features of all pairs.
Value RotaryExpander::slice(Value split, int64_t which) {
  SmallVector<OpFoldResult> offsets, extents, strides;
  sliceAt(which, offsets, extents, strides);
  SmallVector<OpFoldResult> reduced = extents;
  reduced.erase(reduced.begin() + partDim());
  return tensor::ExtractSliceOp::create(linalg.b, linalg.loc, typeOf(reduced),
                                        split, offsets, extents, strides);
}

Value RotaryExpander::insert(Value rotated, Value split, int64_t which) {
  SmallVector<OpFoldResult> offsets, extents, strides;
  sliceAt(which, offsets, extents, strides);
  return tensor::InsertSliceOp::create(linalg.b, linalg.loc, rotated, split,
                                       offsets, extents, strides);
}

Value RotaryExpander::emit() {
  checkSizes();
  SmallVector<Value> tables = emitTables();
  LinalgBuilder::Dims all = LinalgBuilder::identity(rank);
  LinalgBuilder::Dims tableDims{all[rank - 2], all[rank - 1]};
  if (cast<ShapedType>(tables[0].getType()).getRank() == 3)
    tableDims.insert(tableDims.begin(), 0);
  Value input = splitPairs(op.getInput());
  Value output = splitPairs(linalg.empty(sizes, inputType.getElementType()));
  SmallVector<Value> rotated = linalg.parallel(
      {slice(input, 0), slice(input, 1), tables[0], tables[1]},
      {slice(output, 0), slice(output, 1)}, {all, all, tableDims, tableDims},
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value x = linalg.convertScalar(b, args[0], accumulator);
        Value y = linalg.convertScalar(b, args[1], accumulator);
        auto times = [&](Value value, Value factor) -> Value {
          return arith::MulFOp::create(b, loc, value, factor);
        };
        Value first = arith::SubFOp::create(b, loc, times(x, args[2]),
                                            times(y, args[3]));
        Value second = arith::AddFOp::create(b, loc, times(x, args[3]),
                                             times(y, args[2]));
        Type element = inputType.getElementType();
        return {linalg.convertScalar(b, first, element),
                linalg.convertScalar(b, second, element)};
      });
  output = insert(rotated[0], output, 0);
  output = insert(rotated[1], output, 1);
  return tensor::CollapseShapeOp::create(linalg.b, linalg.loc, output,
                                         splitGroups());
}

FailureOr<SmallVector<Value>> attn::expand(OpBuilder &builder, RotaryOp op) {
  remark::missed(op.getLoc(), remark::RemarkOpts::name("rotary-apart")
                                  .category("attn-expand-graph-ops"))
      << "rotated once, before attention: in its tiles keys would be rotated "
         "again for each tile of queries, to save a write and a read of each "
         "element";
  return SmallVector<Value>{RotaryExpander(builder, op).emit()};
}
