//===- RegionUtils.cpp - Building and checking regions over pairs -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/RegionUtils.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::attn;

static bool isScalar(Type type) { return type.isIntOrIndexOrFloat(); }

/// Verifies one op inside a region over pairs of `parent`.
static LogicalResult verifyRegionOp(Operation *parent, Operation &op) {
  if (op.getNumRegions() != 0 || (!isMemoryEffectFree(&op) && !isa<LoadOp>(op)))
    return parent->emitOpError("region holds '")
           << op.getName()
           << "'; it takes ops without regions and without effects, and "
              "attn.load";
  bool readsTensor = isa<LoadOp, tensor::DimOp, memref::DimOp>(op);
  if (llvm::all_of(op.getResultTypes(), isScalar) &&
      (readsTensor || llvm::all_of(op.getOperandTypes(), isScalar)))
    return success();
  return parent->emitOpError("region holds '")
         << op.getName() << "' on values that are no scalars; tensors are "
         << "captured and read by attn.load";
}

LogicalResult attn::verifyPairRegion(Operation *op, Region &region,
                                     Type scoreType, Type resultType,
                                     TypeRange captureTypes) {
  SmallVector<Type> expected;
  if (scoreType)
    expected.push_back(scoreType);
  expected.append(4, IndexType::get(op->getContext()));
  llvm::append_range(expected, captureTypes);
  if (!region.hasOneBlock() || region.front().empty())
    return op->emitOpError("region must have one block, ended by attn.yield");
  Block &body = region.front();
  if (body.getNumArguments() != expected.size())
    return op->emitOpError("region has ")
           << body.getNumArguments() << " arguments; it takes "
           << expected.size() << ": " << (scoreType ? "the score, " : "")
           << "b, h, i, j and " << captureTypes.size() << " captures";
  for (auto [index, type] : llvm::enumerate(expected))
    if (body.getArgument(index).getType() != type)
      return op->emitOpError("region argument ")
             << index << " is " << body.getArgument(index).getType()
             << "; it must be " << type;
  for (Operation &nested : body.without_terminator())
    if (failed(verifyRegionOp(op, nested)))
      return failure();
  auto yield = dyn_cast<YieldOp>(body.back());
  if (yield && llvm::equal(yield.getOperandTypes(), ArrayRef<Type>(resultType)))
    return success();
  return op->emitOpError("region must end by attn.yield of one ") << resultType;
}

Value attn::clonePairRegion(OpBuilder &builder, Block &body,
                            ValueRange arguments, Value guard) {
  IRMapping mapping;
  mapping.map(body.getArguments(), arguments);
  for (Operation &op : body.without_terminator()) {
    Operation *clone = builder.clone(op, mapping);
    auto load = dyn_cast<LoadOp>(clone);
    if (!load || !guard)
      continue;
    OpBuilder::InsertionGuard restore(builder);
    builder.setInsertionPoint(load);
    load.getGuardMutable().assign(
        conjunction(builder, load.getLoc(), guard, load.getGuard()));
  }
  return mapping.lookup(body.getTerminator()->getOperand(0));
}

static bool isIntegerDivision(Operation &op) {
  return isa<arith::DivSIOp, arith::DivUIOp, arith::CeilDivSIOp,
             arith::CeilDivUIOp, arith::FloorDivSIOp, arith::RemSIOp,
             arith::RemUIOp, FloorModOp>(op);
}

void attn::makeDivisionTotal(Operation &op) {
  if (!isIntegerDivision(op))
    return;
  OpOperand &divisor = op.getOpOperand(1);
  Type type = divisor.get().getType();
  APInt known;
  if (matchPattern(divisor.get(), m_ConstantInt(&known)) && !known.isZero() &&
      !known.isAllOnes())
    return;
  ImplicitLocOpBuilder b(op.getLoc(), &op);
  auto equals = [&](Value value, APInt number) -> Value {
    Value constant =
        arith::ConstantOp::create(b, b.getIntegerAttr(type, number));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, value, constant);
  };
  unsigned width = type.isIndex() ? IndexType::kInternalStorageBitWidth
                                  : type.getIntOrFloatBitWidth();
  Value byZero = equals(divisor.get(), APInt::getZero(width));
  Value overflows = arith::AndIOp::create(
      b, equals(op.getOperand(0), APInt::getSignedMinValue(width)),
      equals(divisor.get(), APInt::getAllOnes(width)));
  Value one = arith::ConstantOp::create(b, b.getOneAttr(type));
  divisor.set(arith::SelectOp::create(
      b, arith::OrIOp::create(b, byZero, overflows), one, divisor.get()));
}

Value attn::inlinePairRegion(OpBuilder &builder, Block &body,
                             ValueRange arguments, Value guard) {
  Block *block = builder.getInsertionBlock();
  Block::iterator end = builder.getInsertionPoint();
  Operation *before = end == block->begin() ? nullptr : &*std::prev(end);
  Value result = clonePairRegion(builder, body, arguments, guard);
  Block::iterator begin =
      before ? std::next(before->getIterator()) : block->begin();
  for (Operation &op : llvm::make_early_inc_range(llvm::make_range(begin, end)))
    makeDivisionTotal(op);
  return result;
}

Value attn::emitBroadcastLoad(OpBuilder &builder, Location loc, Value tensor,
                              const PairIndices &indices) {
  auto type = cast<ShapedType>(tensor.getType());
  Value all[] = {indices.b, indices.h, indices.i, indices.j};
  SmallVector<Value> position;
  for (int64_t dim = 0, rank = type.getRank(); dim < rank; ++dim)
    position.push_back(
        type.getDimSize(dim) == 1
            ? arith::ConstantIndexOp::create(builder, loc, 0).getResult()
            : all[4 - rank + dim]);
  return LoadOp::create(builder, loc, tensor, position, /*guard=*/Value());
}

Value attn::conjunction(OpBuilder &builder, Location loc, Value lhs,
                        Value rhs) {
  if (!lhs)
    return rhs;
  if (!rhs)
    return lhs;
  return arith::AndIOp::create(builder, loc, lhs, rhs);
}

Value attn::negation(OpBuilder &builder, Location loc, Value value) {
  Value yes = arith::ConstantIntOp::create(builder, loc, 1, 1);
  return arith::XOrIOp::create(builder, loc, value, yes);
}

Value attn::emitDim(OpBuilder &builder, Location loc, Value shaped,
                    int64_t dim) {
  auto type = cast<ShapedType>(shaped.getType());
  if (!type.isDynamicDim(dim))
    return arith::ConstantIndexOp::create(builder, loc, type.getDimSize(dim));
  if (isa<MemRefType>(type))
    return memref::DimOp::create(builder, loc, shaped, dim);
  return tensor::DimOp::create(builder, loc, shaped, dim);
}
