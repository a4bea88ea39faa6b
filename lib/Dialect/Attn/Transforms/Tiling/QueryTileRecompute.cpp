//===- QueryTileRecompute.cpp - Tiles that take a second run ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QueryTile.h"

#include "attn/Dialect/Attn/Analysis/ScoreRange.h"
#include "attn/Dialect/Attn/IR/AttnRecompute.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// Whether `test` holds for any element of a vector.
static Value holdsAny(OpBuilder &builder, Location loc, Value vector,
                      function_ref<Value(OpBuilder &, Location, Value)> test) {
  Value no = arith::ConstantIntOp::create(builder, loc, 0, 1);
  Value empty = tensor::EmptyOp::create(builder, loc, ArrayRef<int64_t>{},
                                        builder.getI1Type());
  Value any = linalg::FillOp::create(builder, loc, no, empty).getResult(0);
  AffineMap map = builder.getMultiDimIdentityMap(1);
  auto reduction = linalg::GenericOp::create(
      builder, loc, any.getType(), vector, any,
      ArrayRef<AffineMap>{map, map.dropResult(0)},
      utils::IteratorType::reduction,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value some =
            arith::OrIOp::create(b, loc, args[1], test(b, loc, args[0]));
        linalg::YieldOp::create(b, loc, some);
      });
  return tensor::ExtractOp::create(builder, loc, reduction.getResult(0),
                                   ValueRange());
}

/// Whether a sum of weights lies so far below 1 that products with them, which
/// vanish or lose bits below 2^-126, matter. A sum of 0 is that of an empty
/// row.
Value QueryTile::haveSmallSums(Value sums) {
  constexpr double smallest = 0x1p-20;
  return holdsAny(
      builder, loc, sums, [&](OpBuilder &b, Location loc, Value sum) -> Value {
        Value below = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ULT,
                                            sum, constant(b, smallest));
        Value some = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE,
                                           sum, constant(b, 0.0));
        return arith::AndIOp::create(b, loc, below, some);
      });
}

/// Whether 0 times any element is NaN, as it is of one that is not finite. Of
/// several rows it is their sum that counts, whose overflow passes for one.
Value QueryTile::holdsNonFinite(Value output) {
  auto widen = [&](OpBuilder &b, Location loc, Value value) {
    return convertScalarToDtype(b, loc, value, accumulator,
                                /*isUnsignedCast=*/false);
  };
  auto type = cast<ShapedType>(output.getType());
  if (int64_t last = type.getRank() - 1) {
    OpFoldResult size = tensor::getMixedSize(builder, loc, output, last);
    Value sums = zeros({size}, accumulator);
    AffineMap map = builder.getMultiDimIdentityMap(last + 1);
    SmallVector<utils::IteratorType> iterators(last,
                                               utils::IteratorType::reduction);
    iterators.push_back(utils::IteratorType::parallel);
    output = linalg::GenericOp::create(
                 builder, loc, sums.getType(), output, sums,
                 ArrayRef<AffineMap>{map, map.getMinorSubMap(1)}, iterators,
                 [&](OpBuilder &b, Location loc, ValueRange args) {
                   Value sum = arith::AddFOp::create(b, loc, args[1],
                                                     widen(b, loc, args[0]));
                   linalg::YieldOp::create(b, loc, sum);
                 })
                 .getResult(0);
  }
  return holdsAny(builder, loc, output,
                  [&](OpBuilder &b, Location loc, Value value) -> Value {
                    Value zero = arith::MulFOp::create(
                        b, loc, widen(b, loc, value), constant(b, 0.0));
                    return arith::CmpFOp::create(
                        b, loc, arith::CmpFPredicate::UNO, zero, zero);
                  });
}

/// What tells whether a value that is not finite met a weight of 0 in any row.
/// Without a mask all rows meet all values, and none stays finite then.
Value QueryTile::takeTelling(Value output, ArrayRef<unsigned> dims) {
  if (!op.getMask().empty() || op.getNormalizer() == Normalizer::Sum ||
      fixedMaximum)
    return output;
  OpFoldResult one = builder.getIndexAttr(1);
  SmallVector<OpFoldResult> offsets(dims.size(), builder.getIndexAttr(0)),
      strides(dims.size(), one), sizes(dims.size(), one);
  unsigned position = llvm::find(dims, AttendOp::E) - dims.begin();
  sizes[position] = tensor::getMixedSize(builder, loc, output, position);
  auto row = tensor::ExtractSliceOp::inferCanonicalRankReducedResultType(
      1, cast<RankedTensorType>(output.getType()), sizes);
  return tensor::ExtractSliceOp::create(builder, loc, row, output, offsets,
                                        sizes, strides);
}

/// What becomes of the score of a pair, in `region` of an attn.recompute.
void QueryTile::fillPairs(Region &region) {
  Type index = builder.getIndexType();
  OpBuilder::InsertionGuard restore(builder);
  Block *block =
      builder.createBlock(&region, {}, {index, index, index, accumulator},
                          SmallVector<Location>(4, loc));
  Value query = arith::AddIOp::create(
      builder, loc, op.getOffsets()[AttendOp::I], block->getArgument(0));
  Value own = arith::AddIOp::create(builder, loc, head, block->getArgument(1));
  Value key = globalKey(builder, block->getArgument(2));
  SmallVector<Value> pair{batch, own, query, key};
  llvm::append_range(pair, op.getCaptures());
  auto score = [&](OpBuilder &b) -> Value {
    Value score = block->getArgument(3);
    if (op.getScore().empty())
      return score;
    SmallVector<Value> arguments{score};
    llvm::append_range(arguments, pair);
    return inlinePairRegion(b, op.getScore().front(), arguments,
                            /*guard=*/{});
  };
  Value result;
  if (op.getMask().empty()) {
    result = score(builder);
  } else {
    // The score of a pair that is left out makes no loads.
    Value keep = inlinePairRegion(builder, op.getMask().front(), pair,
                                  /*guard=*/{});
    bool softmax = op.getNormalizer() == Normalizer::Softmax;
    result =
        scf::IfOp::create(
            builder, loc, keep,
            [&](OpBuilder &b, Location loc) {
              scf::YieldOp::create(b, loc, score(b));
            },
            [&](OpBuilder &b, Location loc) {
              Value none = constant(
                  b, softmax ? -std::numeric_limits<double>::infinity() : 0.0);
              scf::YieldOp::create(b, loc, none);
            })
            .getResult(0);
  }
  YieldOp::create(builder, loc, result);
}

/// A vector in a type that the runtime takes beside that of the accumulator.
Value QueryTile::asOperand(Value vector) {
  Type element = getElementTypeOrSelf(vector.getType());
  if (element == accumulator ||
      element == getElementTypeOrSelf(query.getType()))
    return vector;
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, vector), accumulator);
  int64_t rank = cast<RankedTensorType>(vector.getType()).getRank();
  AffineMap map = builder.getMultiDimIdentityMap(rank);
  return linalg::GenericOp::create(
             builder, loc, empty.getType(), vector, empty,
             ArrayRef<AffineMap>{map, map},
             SmallVector<utils::IteratorType>(rank,
                                              utils::IteratorType::parallel),
             [&](OpBuilder &b, Location loc, ValueRange args) {
               Value converted = convertScalarToDtype(
                   b, loc, args[0], accumulator, /*isUnsignedCast=*/false);
               linalg::YieldOp::create(b, loc, converted);
             })
      .getResult(0);
}

Value QueryTile::recomputeUnlessFinite(IndexRange range, Value output,
                                       ArrayRef<unsigned> outputDims,
                                       State &state) {
  using Op = RecomputeOp;
  auto toMap = [&](ArrayRef<unsigned> dims) {
    auto targets = llvm::map_to_vector(dims, [](unsigned dim) -> unsigned {
      switch (dim) {
      case AttendOp::I:
        return Op::I;
      case AttendOp::G:
        return Op::G;
      case AttendOp::J:
        return Op::J;
      default:
        return dim == AttendOp::D ? Op::D : Op::E;
      }
    });
    return AffineMap::getMultiDimMapWithTargets(Op::NumDims, targets,
                                                op.getContext());
  };
  auto keyMapOf = [&](AffineMap map, unsigned rowDim, unsigned columnDim) {
    bool rowFirst = positionOf(map, TileJ) == 0;
    return toMap(rowFirst ? Dims{rowDim, columnDim} : Dims{columnDim, rowDim});
  };
  Value weight = op.getFeatureWeight(), sink;
  if (weight)
    weight = asOperand(weight);
  if (op.getSink())
    sink = asOperand(sliceSink());
  Value when = holdsNonFinite(takeTelling(output, outputDims));
  if (fixedMaximum)
    when = arith::OrIOp::create(builder, loc, when, haveSmallSums(state[2]));
  // What is read of the state after the output.
  bool hasState = op.getLse() || op.getWeights() || op.getTopKeys();
  SmallVector<Type> types{output.getType()};
  if (hasState)
    types.append({state[1].getType(), state[2].getType()});
  auto again = Op::create(
      builder, loc, types, op.getCompatibility(), op.getNormalizer(), query,
      key, value, weight, sink, range.lower, range.upper, when, output,
      hasState ? state[1] : Value(), hasState ? state[2] : Value(),
      builder.getAffineMapArrayAttr(
          {toMap(queryDims), keyMapOf(keyMap, AttendOp::J, AttendOp::D),
           keyMapOf(valueMap, AttendOp::J, AttendOp::E), toMap(outputDims)}),
      APFloat(scale()), binary);
  fillPairs(again.getPairs());
  if (hasState) {
    state[1] = again.getResult(1);
    state[2] = again.getResult(2);
  }
  return again.getResult(0);
}
