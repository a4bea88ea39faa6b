//===- PairTransposition.cpp - Pairs from rows to columns -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PairTransposition.h"

#include "../Access/LaneTree.h"
#include "../Access/Pairs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::attn;

enum Loop { Row, Column, Number, NumLoops };

/// Whether `memref` has a static shape and its pairs side by side.
static bool hasWords(Value memref) {
  auto type = dyn_cast<MemRefType>(memref.getType());
  return type && type.hasStaticShape() && type.getElementType().isBF16() &&
         hasWholePairs(type);
}

bool attn::isPairTransposition(linalg::GenericOp op, const TargetSpec &target) {
  int64_t width = target.lanes(32);
  if (op.getNumLoops() != NumLoops || op.getNumReductionLoops() != 0 ||
      op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      !hasWords(op.getInputs()[0]) || !hasWords(op.getOutputs()[0]) ||
      op.getBody()->getTerminator()->getOperand(0) !=
          op.getBody()->getArgument(0))
    return false;
  auto maps = op.getIndexingMapsArray();
  auto mapTo = [&](ArrayRef<unsigned> loops) {
    return AffineMap::getMultiDimMapWithTargets(NumLoops, loops,
                                                op.getContext());
  };
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  return maps[0] == mapTo({Row, Column, Number}) &&
         maps[1] == mapTo({Column, Row, Number}) && width > 1 &&
         sizes[Row] % width == 0 && sizes[Column] % width == 0;
}

namespace {
/// Rows of words of a memref of pairs.
class WordRows {
public:
  WordRows(OpBuilder &builder, Location loc, Value memref, int64_t width)
      : builder(builder), loc(loc), width(width) {
    SmallVector<ReassociationIndices> groups{{0}, {1, 2}};
    rows = memref::CollapseShapeOp::create(builder, loc, memref, groups);
  }

  Value load(Value row, Value column) {
    Value pairs = vector::LoadOp::create(builder, loc, pairType(), rows,
                                         indices(row, column));
    return vector::BitCastOp::create(
        builder, loc, VectorType::get(width, builder.getI32Type()), pairs);
  }
  void store(Value words, Value row, Value column) {
    Value pairs = vector::BitCastOp::create(builder, loc, pairType(), words);
    vector::StoreOp::create(builder, loc, pairs, rows, indices(row, column));
  }

private:
  VectorType pairType() {
    return VectorType::get(2 * width, builder.getBF16Type());
  }
  SmallVector<Value> indices(Value row, Value column) {
    Value two = arith::ConstantIndexOp::create(builder, loc, 2);
    return {row, arith::MulIOp::create(builder, loc, column, two)};
  }

  OpBuilder &builder;
  Location loc;
  int64_t width;
  Value rows;
};
} // namespace

void attn::emitPairTransposition(OpBuilder &builder, linalg::GenericOp op,
                                 const TargetSpec &target) {
  Location loc = op.getLoc();
  int64_t width = target.lanes(32);
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  WordRows from(builder, loc, op.getInputs()[0], width),
      to(builder, loc, op.getOutputs()[0], width);
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto beginLoop = [&](Loop loop) {
    auto squares = scf::ForOp::create(builder, loc, index(0),
                                      index(sizes[loop]), index(width));
    builder.setInsertionPointToStart(squares.getBody());
    return squares.getInductionVar();
  };
  OpBuilder::InsertionGuard restore(builder);
  Value row = beginLoop(Row), column = beginLoop(Column);
  auto offset = [&](Value base, int64_t by) {
    return builder.createOrFold<arith::AddIOp>(loc, base, index(by));
  };
  SmallVector<Value> words;
  for (int64_t i = 0; i < width; ++i)
    words.push_back(from.load(offset(row, i), column));
  for (auto [i, turned] : llvm::enumerate(transposeSquare(builder, loc, words)))
    to.store(turned, offset(column, i), row);
}
