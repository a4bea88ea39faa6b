//===- QueryTileTop.cpp - The largest weights of a query tile -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QueryTileResults.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

static constexpr double lowest = -std::numeric_limits<double>::infinity();

static Value greater(OpBuilder &b, Location loc, Value lhs, Value rhs) {
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, lhs, rhs);
}

static Value equal(OpBuilder &b, Location loc, Value lhs, Value rhs) {
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, lhs, rhs);
}

/// Inserts the scores of one tile of keys into the kept ones: k vectors of
/// scores in falling order, k vectors of their keys.
SmallVector<Value> QueryTile::insertScores(OpBuilder &b, Value start,
                                           ValueRange kept) {
  int64_t count = kept.size() / 2;
  Value scores = emitScores(b, start, tileCount(b, start));
  Value first = globalKey(b, start);
  SmallVector<AffineMap> maps{b.getMultiDimIdentityMap(2)};
  AffineMap perQuery =
      AffineMap::get(2, 0, {b.getAffineDimExpr(1)}, b.getContext());
  maps.append(kept.size(), perQuery);
  bool softmax = op.getNormalizer() == Normalizer::Softmax;
  auto insert = linalg::GenericOp::create(
      b, loc, TypeRange(kept), scores, kept, maps,
      SmallVector<utils::IteratorType>{utils::IteratorType::reduction,
                                       utils::IteratorType::parallel},
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value local = linalg::IndexOp::create(b, loc, 0);
        Value key = arith::IndexCastOp::create(
            b, loc, b.getI32Type(),
            arith::AddIOp::create(b, loc, first, local).getResult());
        Value score = args[0];
        if (!softmax)
          score = arith::SelectOp::create(
              b, loc, equal(b, loc, score, constant(b, 0.0)),
              constant(b, lowest), score);
        // Those that are smaller all move, so that of equal ones the first
        // stays before the others.
        SmallVector<Value> results(2 * count), larger(count);
        for (int64_t rank = 0; rank < count; ++rank) {
          larger[rank] = greater(b, loc, score, args[1 + rank]);
          for (auto [index, added] :
               {std::pair(rank, score), std::pair(count + rank, key)}) {
            Value moved = added;
            if (rank > 0)
              moved = arith::SelectOp::create(b, loc, larger[rank - 1],
                                              args[index], added);
            results[index] = arith::SelectOp::create(b, loc, larger[rank],
                                                     moved, args[1 + index]);
          }
        }
        linalg::YieldOp::create(b, loc, results);
      });
  return SmallVector<Value>(insert.getResults());
}

/// The largest scores of all keys, as `insertScores` keeps them.
SmallVector<Value> QueryTile::findTop() {
  int64_t count = op.getTopCount();
  Value noKey = arith::ConstantIntOp::create(builder, loc, -1, 32);
  SmallVector<Value> none;
  for (int64_t vector = 0; vector < 2 * count; ++vector) {
    Value start = vector < count ? constant(builder, lowest) : noKey;
    Value empty = tensor::EmptyOp::create(
        builder, loc, ArrayRef<int64_t>{plan.queries}, start.getType());
    none.push_back(
        linalg::FillOp::create(builder, loc, start, empty).getResult(0));
  }
  auto [start, end] = keyRange();
  Value step = arith::ConstantIndexOp::create(builder, loc, plan.keys);
  auto loop = scf::ForOp::create(
      builder, loc, start, end, step, none,
      [&](OpBuilder &b, Location loc, Value start, ValueRange kept) {
        scf::YieldOp::create(b, loc, insertScores(b, start, kept));
      });
  return SmallVector<Value>(loop.getResults());
}

/// Vectors as the rows of one tensor.
Value QueryTile::stackRows(ValueRange rows) {
  Type element = getElementTypeOrSelf(rows[0].getType());
  int64_t count = rows.size();
  Value stack = tensor::EmptyOp::create(
      builder, loc, ArrayRef<int64_t>{count, plan.queries}, element);
  SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1)),
      sizes{builder.getIndexAttr(1), builder.getIndexAttr(plan.queries)};
  for (auto [rank, row] : llvm::enumerate(rows)) {
    SmallVector<OpFoldResult> offsets{builder.getIndexAttr(rank),
                                      builder.getIndexAttr(0)};
    stack = tensor::InsertSliceOp::create(builder, loc, row, stack, offsets,
                                          sizes, strides);
  }
  return stack;
}

/// result[i, rank] from what `inputs` hold at [rank, i], or at [i].
Value QueryTile::emitTopResult(
    Value init, ValueRange inputs,
    function_ref<Value(OpBuilder &, ValueRange)> body) {
  Type element = getElementTypeOrSelf(init.getType());
  SmallVector<OpFoldResult> sizes{queries,
                                  builder.getIndexAttr(op.getTopCount())};
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, element);
  AffineExpr i = builder.getAffineDimExpr(0),
             rank = builder.getAffineDimExpr(1);
  SmallVector<AffineMap> maps;
  SmallVector<Value> slices;
  for (Value input : inputs) {
    bool perQuery = cast<ShapedType>(input.getType()).getRank() == 1;
    maps.push_back(AffineMap::get(2, 0,
                                  perQuery ? ArrayRef<AffineExpr>{i}
                                           : ArrayRef<AffineExpr>{rank, i},
                                  builder.getContext()));
    slices.push_back(sliceQueries(builder, loc, input, queries));
  }
  maps.push_back(builder.getMultiDimIdentityMap(2));
  Value result =
      linalg::GenericOp::create(
          builder, loc, empty.getType(), slices, empty, maps,
          SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
          [&](OpBuilder &b, Location loc, ValueRange args) {
            linalg::YieldOp::create(b, loc, body(b, args));
          })
          .getResult(0);
  return insertWhole(builder, loc, result, init);
}

/// The largest weights of each query and their keys, from a second pass over
/// the keys. Where fewer keys contribute, the weight is 0 and the key -1.
std::pair<Value, Value> QueryTile::emitTop(const State &state) {
  SmallVector<Value> kept = findTop();
  Value scores = stackRows(ArrayRef(kept).take_front(op.getTopCount()));
  Value keys = stackRows(ArrayRef(kept).drop_front(op.getTopCount()));
  Type element = getElementTypeOrSelf(op.getTopWeightsInit().getType());
  Value weights =
      emitTopResult(op.getTopWeightsInit(), {scores, state[1], state[2]},
                    [&](OpBuilder &b, ValueRange args) -> Value {
                      Value score = args[0];
                      if (op.getNormalizer() != Normalizer::Softmax)
                        score = arith::SelectOp::create(
                            b, loc, equal(b, loc, score, constant(b, lowest)),
                            constant(b, 0.0), score);
                      Value weight = emitWeight(b, score, args[1], args[2]);
                      return convertScalarToDtype(b, loc, weight, element,
                                                  /*isUnsignedCast=*/false);
                    });
  Type keyType = getElementTypeOrSelf(op.getTopKeysInit().getType());
  Value keysResult = emitTopResult(
      op.getTopKeysInit(), keys, [&](OpBuilder &b, ValueRange args) -> Value {
        if (keyType == args[0].getType())
          return args[0];
        return arith::ExtSIOp::create(b, loc, keyType, args[0]);
      });
  return {weights, keysResult};
}
