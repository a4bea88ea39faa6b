//===- BodyEmitter.cpp - The body of a linalg op, lane by lane -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BodyEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::attn;

void Dependence::merge(const Dependence &other) {
  row |= other.row;
  lane |= other.lane;
  depth = std::max(depth, other.depth);
}

BodyEmitter::BodyEmitter(linalg::GenericOp op, const BlockPlan &plan,
                         MemoryAccess &access)
    : op(op), plan(plan), access(access) {
  analyze();
}

//===----------------------------------------------------------------------===//
// Dependences
//===----------------------------------------------------------------------===//

bool BodyEmitter::isCarried(OpOperand &output) const {
  AffineMap map = op.getMatchingIndexingMap(&output);
  return llvm::none_of(plan.reductionDims,
                       [&](unsigned dim) { return map.isFunctionOfDim(dim); });
}

/// All values that `inner` uses, those of its regions included.
static SmallVector<Value> usesOf(Operation &inner) {
  SetVector<Value> uses(inner.operand_begin(), inner.operand_end());
  getUsedValuesDefinedAbove(inner.getRegions(), uses);
  return uses.takeVector();
}

Dependence BodyEmitter::dependenceOfOperand(OpOperand &operand) const {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  Dependence dependence;
  dependence.row = plan.rowDim && map.isFunctionOfDim(*plan.rowDim);
  dependence.lane = plan.laneDim && map.isFunctionOfDim(*plan.laneDim);
  for (auto [depth, dim] : llvm::enumerate(plan.reductionDims))
    if (map.isFunctionOfDim(dim))
      dependence.depth = depth + 1;
  // An output changes with every iteration.
  if (op.isDpsInit(&operand)) {
    dependence.row = plan.rowDim.has_value();
    dependence.depth = plan.reductionDims.size();
  }
  return dependence;
}

Dependence BodyEmitter::dependenceOfOp(Operation &inner) const {
  Dependence dependence;
  if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
    dependence.row = plan.isRow(index.getDim());
    dependence.lane = plan.isLane(index.getDim());
    for (auto [depth, dim] : llvm::enumerate(plan.reductionDims))
      if (dim == index.getDim())
        dependence.depth = depth + 1;
    return dependence;
  }
  for (Value use : usesOf(inner))
    dependence.merge(dependenceOf(use));
  // What may not be executed more often than the body stays with it.
  if (!isa<LoadOp>(inner) && !isPure(&inner))
    dependence.depth = plan.reductionDims.size();
  return dependence;
}

const Dependence &BodyEmitter::dependenceOf(Value value) const {
  static const Dependence none;
  auto it = dependences.find(value);
  return it == dependences.end() ? none : it->second;
}

void BodyEmitter::analyze() {
  for (OpOperand &operand : op->getOpOperands())
    dependences[op.getMatchingBlockArgument(&operand)] =
        dependenceOfOperand(operand);
  for (Operation &inner : op.getBody()->without_terminator()) {
    Dependence dependence = dependenceOfOp(inner);
    for (Value result : inner.getResults())
      dependences[result] = dependence;
  }
}

//===----------------------------------------------------------------------===//
// Values at positions
//===----------------------------------------------------------------------===//

BodyEmitter::Key BodyEmitter::keyOf(Value value, BlockPosition position) const {
  const Dependence &dependence = dependenceOf(value);
  return {value, dependence.row ? position.row : 0,
          dependence.lane ? position.vector : 0};
}

bool BodyEmitter::isEmitted(Value value, BlockPosition position) const {
  return emitted.contains(keyOf(value, position));
}

void BodyEmitter::define(Value value, BlockPosition position, Value result) {
  emitted[keyOf(value, position)] = result;
}

Value BodyEmitter::lookup(Value value, BlockPosition position) const {
  // Values from outside of the op stand for themselves.
  Value result = emitted.lookup(keyOf(value, position));
  return result ? result : value;
}

Value BodyEmitter::lookupLanes(OpBuilder &builder, Value value,
                               BlockPosition position) {
  Value result = lookup(value, position);
  if (access.getWidth() == 1 || isa<VectorType>(result.getType()))
    return result;
  Value &broadcast = broadcasts[keyOf(value, position)];
  if (!broadcast) {
    OpBuilder::InsertionGuard guard(builder);
    // Beside the scalar, so that the broadcast serves all later positions.
    if (dependences.contains(value))
      builder.setInsertionPointAfterValue(result);
    broadcast = vector::BroadcastOp::create(
        builder, op.getLoc(), getLaneType(result.getType(), access.getWidth()),
        result);
  }
  return broadcast;
}

void BodyEmitter::setOperand(OpOperand &operand, BlockPosition position,
                             Value value) {
  define(op.getMatchingBlockArgument(&operand), position, value);
}

void BodyEmitter::setExtended(OpOperand &operand, BlockPosition position,
                              Value value) {
  // Only what extends it reads it.
  setOperand(operand, position, value);
  for (Operation *user : op.getMatchingBlockArgument(&operand).getUsers())
    define(user->getResult(0), position, value);
}

Value BodyEmitter::getResult(OpBuilder &builder, OpOperand &output,
                             BlockPosition position) {
  return lookupLanes(builder, op.getMatchingYieldValue(&output)->get(),
                     position);
}

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

void BodyEmitter::emit(OpBuilder &builder, unsigned depth,
                       BlockPosition position) {
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (argument.use_empty() || dependenceOf(argument).depth != depth ||
        isEmitted(argument, position))
      continue;
    define(argument, position, access.load(builder, operand, position));
  }
  for (Operation &inner : op.getBody()->without_terminator())
    if (dependenceOfOp(inner).depth == depth &&
        (inner.getNumResults() == 0 ||
         !isEmitted(inner.getResult(0), position)))
      emitOp(builder, inner, position);
}

void BodyEmitter::emitOp(OpBuilder &builder, Operation &inner,
                         BlockPosition position) {
  if (auto index = dyn_cast<linalg::IndexOp>(inner))
    return emitIndex(builder, index, position);
  if (auto load = dyn_cast<LoadOp>(inner))
    return emitLoad(builder, load, position);
  if (!dependenceOfOp(inner).lane || access.getWidth() == 1)
    return emitScalar(builder, inner, position);
  if (OpTrait::hasElementwiseMappableTraits(&inner))
    return emitElementwise(builder, inner, position);
  emitPerLane(builder, inner, position);
}

void BodyEmitter::emitIndex(OpBuilder &builder, linalg::IndexOp index,
                            BlockPosition position) {
  Location loc = index.getLoc();
  Value value = access.getIndex(builder, loc, index.getDim(), position, 0);
  if (plan.isLane(index.getDim()) && access.getWidth() > 1) {
    auto type = cast<VectorType>(
        getLaneType(builder.getIndexType(), access.getWidth()));
    Value base = vector::BroadcastOp::create(builder, loc, type, value);
    Value step = vector::StepOp::create(builder, loc, type);
    value = arith::AddIOp::create(builder, loc, base, step);
  }
  define(index.getResult(), position, value);
}

void BodyEmitter::emitElementwise(OpBuilder &builder, Operation &inner,
                                  BlockPosition position) {
  SmallVector<Value> operands;
  for (auto [number, operand] : llvm::enumerate(inner.getOperands())) {
    bool isUniformCondition = isa<arith::SelectOp>(inner) && number == 0 &&
                              !dependenceOf(operand).lane;
    operands.push_back(isUniformCondition
                           ? lookup(operand, position)
                           : lookupLanes(builder, operand, position));
  }
  auto types = llvm::map_to_vector(inner.getResultTypes(), [&](Type type) {
    return getLaneType(type, access.getWidth());
  });
  Operation *result =
      builder.create(inner.getLoc(), inner.getName().getIdentifier(), operands,
                     types, inner.getAttrs());
  for (auto [from, to] :
       llvm::zip_equal(inner.getResults(), result->getResults()))
    define(from, position, to);
}

IRMapping BodyEmitter::scalarMapping(OpBuilder &builder, Operation &inner,
                                     BlockPosition position,
                                     int64_t lane) const {
  IRMapping mapping;
  for (Value use : usesOf(inner))
    mapping.map(
        use, extractLane(builder, inner.getLoc(), lookup(use, position), lane));
  return mapping;
}

void BodyEmitter::emitScalar(OpBuilder &builder, Operation &inner,
                             BlockPosition position) {
  IRMapping mapping = scalarMapping(builder, inner, position, 0);
  Operation *clone = builder.clone(inner, mapping);
  for (auto [from, to] :
       llvm::zip_equal(inner.getResults(), clone->getResults()))
    define(from, position, to);
}

void BodyEmitter::emitPerLane(OpBuilder &builder, Operation &inner,
                              BlockPosition position) {
  SmallVector<Operation *> clones;
  for (int64_t lane = 0; lane < access.getWidth(); ++lane) {
    IRMapping mapping = scalarMapping(builder, inner, position, lane);
    clones.push_back(builder.clone(inner, mapping));
  }
  for (OpResult result : inner.getResults())
    define(result, position,
           buildLanes(
               builder, inner.getLoc(), access.getWidth(), [&](int64_t lane) {
                 return clones[lane]->getResult(result.getResultNumber());
               }));
}
