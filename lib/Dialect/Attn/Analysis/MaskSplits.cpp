//===- MaskSplits.cpp - Where rectangles of a mask are split ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskModel.h"

using namespace mlir;
using namespace mlir::attn;

/// Whether a value is one for a tile, whatever guards hold.
bool MaskModel::isUniform(Value value) {
  const Dependence &depends = dependence(value, {});
  return Dependence::isUniform(depends.bits) && depends.guards.empty();
}

/// Whether a value is the argument plus what is one for a tile.
bool MaskModel::isShift(Value value, unsigned argument) {
  if (value == body.getArgument(argument))
    return true;
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp>(op))
    return isShift(op->getOperand(0), argument);
  if (!isa_and_nonnull<arith::AddIOp, arith::SubIOp>(op))
    return false;
  Value lhs = op->getOperand(0), rhs = op->getOperand(1);
  return (isShift(lhs, argument) && isUniform(rhs)) ||
         (isa<arith::AddIOp>(op) && isUniform(lhs) && isShift(rhs, argument));
}

std::optional<MaskModel::Split> MaskModel::getSplit(Operation *division,
                                                    unsigned argument) {
  Value dividend = division->getOperand(0), divisor = division->getOperand(1);
  if (!isShift(dividend, argument) || !isUniform(divisor))
    return std::nullopt;
  LinearForm by = getInteger(divisor, {});
  std::optional<LinearForm> offset = addScaled(
      getInteger(dividend, {}), -1, getInteger(body.getArgument(argument), {}));
  if (!offset || (by.isConstant() && by.constant <= 1))
    return std::nullopt;
  return Split{1u << argument, *offset, by};
}

/// Looks for i (or j) both divided and taken modulo by one divisor.
void MaskModel::findSplits() {
  for (unsigned argument : {2u, 3u}) {
    SmallVector<Split> divided, reduced;
    for (Operation &op : body) {
      bool divides =
          isa<arith::FloorDivSIOp, arith::DivSIOp, arith::DivUIOp>(op);
      bool reduces = isa<FloorModOp, arith::RemSIOp, arith::RemUIOp>(op);
      if (!divides && !reduces)
        continue;
      if (std::optional<Split> split = getSplit(&op, argument))
        (divides ? divided : reduced).push_back(*split);
    }
    for (const Split &split : divided)
      if (llvm::is_contained(reduced, split)) {
        splits.push_back(split);
        break;
      }
  }
}
