//===- BindDestinations.cpp - Public functions take memrefs -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/ABI.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"

namespace mlir::attn {
#define GEN_PASS_DEF_BINDDESTINATIONSPASS
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// A memref of the tensor's shape with dynamic strides, the innermost 1.
static MemRefType getArgumentType(RankedTensorType type) {
  SmallVector<int64_t> strides(type.getRank(), ShapedType::kDynamic);
  if (!strides.empty())
    strides.back() = 1;
  auto layout =
      StridedLayoutAttr::get(type.getContext(),
                             /*offset=*/ShapedType::kDynamic, strides);
  return MemRefType::get(type.getShape(), type.getElementType(), layout);
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// The size of a result's dimension from what the program computes, not from
/// the destination that it will be written to.
static Value resolveSize(OpBuilder &builder, Location loc, Value tensor,
                         int64_t dim) {
  if (auto op = tensor.getDefiningOp<DestinationStyleOpInterface>())
    return resolveSize(builder, loc,
                       op.getTiedOpOperand(cast<OpResult>(tensor))->get(), dim);
  if (auto cast = tensor.getDefiningOp<tensor::CastOp>())
    return resolveSize(builder, loc, cast.getSource(), dim);
  if (auto empty = tensor.getDefiningOp<tensor::EmptyOp>())
    return getValueOrCreateConstantIndexOp(builder, loc,
                                           empty.getMixedSizes()[dim]);
  if (auto expand = tensor.getDefiningOp<tensor::ExpandShapeOp>())
    return getValueOrCreateConstantIndexOp(builder, loc,
                                           expand.getMixedOutputShape()[dim]);
  if (auto collapse = tensor.getDefiningOp<tensor::CollapseShapeOp>()) {
    Value product = arith::ConstantIndexOp::create(builder, loc, 1);
    ReassociationIndices sources = collapse.getReassociationIndices()[dim];
    for (int64_t source : sources)
      product = builder.createOrFold<arith::MulIOp>(
          loc, product, resolveSize(builder, loc, collapse.getSrc(), source));
    return product;
  }
  return tensor::DimOp::create(builder, loc, tensor, dim);
}

//===----------------------------------------------------------------------===//
// Destinations
//===----------------------------------------------------------------------===//

namespace {
/// Makes the producer of `result` write into `destination`.
class DestinationBinder {
public:
  DestinationBinder(OpBuilder &builder, Location loc)
      : builder(builder), loc(loc) {}

  /// Copies where no producer can write in place.
  void bind(Value result, Value destination) {
    if (auto cast = result.getDefiningOp<tensor::CastOp>())
      if (Value uncast = castDestination(cast, destination))
        return bind(cast.getSource(), uncast);
    if (auto collapse = result.getDefiningOp<tensor::CollapseShapeOp>())
      return bind(collapse.getSrc(), expand(collapse, destination));
    if (auto expanded = result.getDefiningOp<tensor::ExpandShapeOp>())
      return bind(expanded.getSrc(), memref::CollapseShapeOp::create(
                                         builder, loc, destination,
                                         expanded.getReassociationIndices()));
    useAsInit(result, destination);
    bufferization::MaterializeInDestinationOp::create(
        builder, loc, Type(), result, destination, /*restrict=*/true,
        /*writable=*/true);
  }

private:
  Value castDestination(tensor::CastOp cast, Value destination) {
    auto type = getArgumentType(
        llvm::cast<RankedTensorType>(cast.getSource().getType()));
    auto from = llvm::cast<MemRefType>(destination.getType());
    type = MemRefType::get(type.getShape(), type.getElementType(),
                           from.getLayout());
    if (!memref::CastOp::areCastCompatible(from, type))
      return {};
    return memref::CastOp::create(builder, loc, type, destination);
  }

  Value expand(tensor::CollapseShapeOp collapse, Value destination) {
    // From what the program computes: the tensor itself comes after this.
    SmallVector<OpFoldResult> sizes;
    for (int64_t dim = 0; dim < collapse.getSrcType().getRank(); ++dim)
      sizes.push_back(
          getAsOpFoldResult(resolveSize(builder, loc, collapse.getSrc(), dim)));
    return memref::ExpandShapeOp::create(
        builder, loc, collapse.getSrcType().getShape(), destination,
        collapse.getReassociationIndices(), sizes);
  }

  /// Where a destination-style op makes `result` from uninitialised memory, it
  /// can use the destination instead.
  void useAsInit(Value result, Value destination) {
    auto op = result.getDefiningOp<DestinationStyleOpInterface>();
    if (!op)
      return;
    OpOperand *init = op.getTiedOpOperand(cast<OpResult>(result));
    if (auto nested = init->get().getDefiningOp<DestinationStyleOpInterface>())
      if (nested->hasOneUse())
        return useAsInit(init->get(), destination);
    if (!init->get().getDefiningOp<tensor::EmptyOp>())
      return;
    OpBuilder::InsertionGuard restore(builder);
    builder.setInsertionPoint(op);
    hoistDefinition(destination, op);
    Value tensor = bufferization::ToTensorOp::create(
        builder, loc, init->get().getType(), destination, /*restrict=*/true,
        /*writable=*/true);
    init->set(tensor);
  }

  /// Moves the reshapes that define `destination` before `user`.
  static void hoistDefinition(Value destination, Operation *user) {
    SetVector<Operation *> slice;
    BackwardSliceOptions options;
    options.inclusive = true;
    options.filter = [&](Operation *op) {
      return op->getBlock() == user->getBlock() && user->isBeforeInBlock(op);
    };
    if (succeeded(getBackwardSlice(destination, &slice, options)))
      for (Operation *op : slice)
        op->moveBefore(user);
  }

  OpBuilder &builder;
  Location loc;
};
} // namespace

//===----------------------------------------------------------------------===//
// Requirements
//===----------------------------------------------------------------------===//

/// Refuses a destination whose sizes are not those of the result.
static void requireSizes(OpBuilder &builder, Location loc, unsigned index,
                         Value result, Value destination) {
  auto type = cast<RankedTensorType>(result.getType());
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim))
      continue;
    Value expected = resolveSize(builder, loc, result, dim);
    Value actual = memref::DimOp::create(builder, loc, destination, dim);
    Value equal = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                        expected, actual);
    std::string message = "output " + std::to_string(index) +
                          " has {0} in dimension " + std::to_string(dim) +
                          "; it must have {1}";
    RequireOp::create(builder, loc, equal, message, {actual, expected});
  }
}

/// Moves requirements, with the ops without effects that they need, to the top
/// of the function: a refused call has then written nothing.
static void hoistRequirements(func::FuncOp function) {
  Block &entry = function.getBody().front();
  Operation *position = &entry.front();
  SmallVector<RequireOp> requirements(entry.getOps<RequireOp>());
  for (RequireOp requirement : requirements) {
    SetVector<Operation *> slice;
    BackwardSliceOptions options;
    options.omitBlockArguments = true;
    options.omitUsesFromAbove = false;
    options.inclusive = true;
    if (failed(getBackwardSlice(requirement.getOperation(), &slice, options)))
      continue;
    bool movable = llvm::all_of(slice, [&](Operation *op) {
      return op->getBlock() == &entry &&
             (op == requirement || isMemoryEffectFree(op));
    });
    if (!movable)
      continue;
    for (Operation *op : slice)
      if (op == position)
        position = position->getNextNode();
      else if (position->isBeforeInBlock(op))
        op->moveBefore(position);
  }
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// Inputs become memrefs that are only read.
static void bindInputs(func::FuncOp function, OpBuilder &builder) {
  builder.setInsertionPointToStart(&function.getBody().front());
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      continue;
    argument.setType(getArgumentType(type));
    auto tensor = bufferization::ToTensorOp::create(
        builder, argument.getLoc(), type, argument, /*restrict=*/true);
    argument.replaceAllUsesExcept(tensor, tensor);
  }
}

/// Results become destinations: further arguments, in order.
static void bindResults(func::FuncOp function, OpBuilder &builder) {
  auto returnOp =
      cast<func::ReturnOp>(function.getBody().front().getTerminator());
  for (auto [index, result] : llvm::enumerate(returnOp.getOperands())) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    Location loc = result.getLoc();
    Type outer =
        type ? getArgumentType(type) : MemRefType::get({}, result.getType());
    Value destination = function.getBody().addArgument(outer, loc);
    builder.setInsertionPoint(returnOp);
    if (!type) {
      memref::StoreOp::create(builder, loc, result, destination);
      continue;
    }
    requireSizes(builder, loc, index, result, destination);
    DestinationBinder(builder, loc).bind(result, destination);
  }
  returnOp.getOperandsMutable().clear();
}

/// The attributes of arguments, outputs marked and named after their results.
static ArrayAttr getArgumentAttributes(func::FuncOp function,
                                       unsigned numInputs) {
  Builder builder(function.getContext());
  SmallVector<Attribute> attributes;
  if (ArrayAttr old = function.getArgAttrsAttr())
    llvm::append_range(attributes, old);
  attributes.resize(numInputs, builder.getDictionaryAttr({}));
  for (unsigned i = 0, e = function.getNumResults(); i < e; ++i)
    attributes.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr(
             abi::name, builder.getStringAttr(getResultName(function, i))),
         builder.getNamedAttr(abi::result, builder.getUnitAttr())}));
  return builder.getArrayAttr(attributes);
}

/// What calls of a public function would pass are not its destinations. Calls
/// that can be inlined are gone.
static LogicalResult refuseCalls(ModuleOp module) {
  SymbolTable symbols(module);
  WalkResult result = module.walk([&](func::CallOp call) {
    auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
    if (!callee || !isCompiledFunction(callee))
      return WalkResult::advance();
    call.emitOpError("calls the public function @")
        << callee.getName()
        << ", which is not inlined because it calls itself or is no_inline; "
           "call a private function";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

static LogicalResult bindFunction(func::FuncOp function) {
  if (!function.getBody().hasOneBlock())
    return function.emitError("function '")
           << function.getName()
           << "' has branches between blocks; use scf.if and scf.for";
  OpBuilder builder(function.getContext());
  ArrayAttr attributes =
      getArgumentAttributes(function, function.getNumArguments());
  bindResults(function, builder);
  // While inputs are tensors, whose sizes have no side effect.
  hoistRequirements(function);
  bindInputs(function, builder);
  function.setType(builder.getFunctionType(
      function.getBody().getArgumentTypes(), TypeRange()));
  function.setResAttrsAttr(nullptr);
  function.setArgAttrsAttr(attributes);
  return success();
}

/// Whether callers outside see tensors or results.
static bool needsBinding(func::FuncOp function) {
  return isCompiledFunction(function) &&
         (function.getNumResults() ||
          llvm::any_of(function.getArgumentTypes(),
                       llvm::IsaPred<RankedTensorType>));
}

namespace {
struct BindDestinations
    : public attn::impl::BindDestinationsPassBase<BindDestinations> {
  void runOnOperation() override {
    if (failed(refuseCalls(getOperation())))
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!needsBinding(function))
        continue;
      if (failed(bindFunction(function)))
        return signalPassFailure();
    }
  }
};
} // namespace
