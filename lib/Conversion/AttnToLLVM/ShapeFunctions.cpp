//===- ShapeFunctions.cpp - The sizes of outputs -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLLVM/Passes.h"
#include "attn/Dialect/Attn/IR/ABI.h"

#include "Slice.h"

#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::attn {
#define GEN_PASS_DEF_SHAPEFUNCTIONSPASS
#include "attn/Conversion/AttnToLLVM/AttnToLLVMPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
/// A dynamic size of a result.
struct ResultDim {
  unsigned result;
  int64_t dim;
  Value size;
};
} // namespace

//===----------------------------------------------------------------------===//
// Signatures
//===----------------------------------------------------------------------===//

/// What a value of `type` is outside, a buffer for a tensor; null if it cannot
/// be passed.
static Type getOuterType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!getElementCode(tensor ? tensor.getElementType() : type))
    return {};
  return tensor ? getArgumentBufferType(tensor) : type;
}

static LogicalResult verifySignature(func::FuncOp func) {
  if (!func.getBody().hasOneBlock())
    return func.emitOpError("is public and has control flow between blocks; "
                            "use scf.if and scf.for");
  for (auto [index, type] : llvm::enumerate(func.getArgumentTypes()))
    if (!getOuterType(type) && !isa<MemRefType>(type))
      return func.emitOpError("is public; its argument ")
             << index << " '" << getArgumentName(func, index) << "' has type "
             << type
             << ", which callers cannot pass; pass ranked tensors or "
                "scalars of f16, bf16, f32, f64, index, i1, i8 to i64";
  for (auto [index, type] : llvm::enumerate(func.getResultTypes()))
    if (!getOuterType(type))
      return func.emitOpError("is public; its result ")
             << index << " has type " << type
             << ", which callers cannot receive; return ranked tensors or "
                "scalars of f16, bf16, f32, f64, index, i1, i8 to i64";
  return success();
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// Emits the dynamic sizes of all results and expresses them, where the
/// operations tell, by sizes of arguments.
static void computeResultDims(func::FuncOp func,
                              SmallVectorImpl<ResultDim> &dims) {
  auto ret = cast<func::ReturnOp>(func.front().getTerminator());
  unsigned numResults = ret.getNumOperands();
  OpBuilder builder(ret);
  for (unsigned result = 0; result < numResults; ++result) {
    auto type = dyn_cast<RankedTensorType>(ret.getOperand(result).getType());
    for (int64_t d = 0; type && d < type.getRank(); ++d)
      if (type.isDynamicDim(d))
        dims.push_back({result, d,
                        tensor::DimOp::create(builder, ret.getLoc(),
                                              ret.getOperand(result), d)});
  }
  // As operands of the terminator they are found again after the rewriting.
  for (const ResultDim &dim : dims)
    ret->insertOperands(ret.getNumOperands(), dim.size);
  RewritePatternSet patterns(func.getContext());
  memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
  tensor::DimOp::getCanonicalizationPatterns(patterns, func.getContext());
  scf::ForallOp::getCanonicalizationPatterns(patterns, func.getContext());
  // Sizes that are not there yet are still right.
  (void)applyPatternsGreedily(func, std::move(patterns));
  for (auto [dim, size] :
       llvm::zip_equal(dims, ret.getOperands().drop_front(numResults)))
    dim.size = size;
  ret->eraseOperands(numResults, dims.size());
}

/// Moves what `roots` are computed from in front of `position`.
static LogicalResult hoist(ValueRange roots, Operation *position,
                           function_ref<InFlightDiagnostic()> emitError) {
  Operation *culprit = nullptr;
  auto slice = getPureSlice(roots, position->getBlock(), culprit);
  if (failed(slice)) {
    emitError().attachNote(culprit->getLoc())
        << "'" << culprit->getName() << "' has a side effect";
    return failure();
  }
  for (Operation *op : *slice)
    if (position->isBeforeInBlock(op))
      op->moveBefore(position);
  return success();
}

/// Moves sizes and conditions to the start of the function, in front of a new
/// operation that is returned.
static FailureOr<Operation *> hoistPrefix(func::FuncOp func,
                                          ArrayRef<ResultDim> dims) {
  Block &block = func.front();
  OpBuilder builder = OpBuilder::atBlockBegin(&block);
  Operation *marker = arith::ConstantIndexOp::create(builder, func.getLoc(), 0);
  for (auto require : llvm::make_early_inc_range(block.getOps<RequireOp>())) {
    if (failed(hoist(require->getOperands(), marker, [&] {
          return require.emitOpError(
              "must be decided before the function does anything else");
        })))
      return failure();
    require->moveBefore(marker);
  }
  for (const ResultDim &dim : dims)
    if (failed(hoist(dim.size, marker, [&] {
          return func.emitOpError("the size of dimension ")
                 << dim.dim << " of result " << dim.result
                 << " must be known before the function does anything else";
        })))
      return failure();
  return marker;
}

//===----------------------------------------------------------------------===//
// F_shapes
//===----------------------------------------------------------------------===//

/// Makes the tensor arguments of `func` read-only buffers.
static void convertInputs(func::FuncOp func) {
  OpBuilder builder = OpBuilder::atBlockBegin(&func.front());
  for (BlockArgument argument : func.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      continue;
    argument.setType(getArgumentBufferType(type));
    auto tensor = bufferization::ToTensorOp::create(
        builder, argument.getLoc(), type, argument, /*restrict=*/true,
        /*writable=*/false);
    argument.replaceAllUsesExcept(tensor.getResult(), tensor);
  }
}

/// Stores the sizes of all results, one after the other.
static void storeSizes(OpBuilder &builder, Location loc, TypeRange results,
                       Value sizes, ArrayRef<ResultDim> dims) {
  int64_t position = 0;
  for (auto [index, type] : llvm::enumerate(results)) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    for (int64_t d = 0; tensor && d < tensor.getRank(); ++d) {
      Value size;
      if (tensor.isDynamicDim(d)) {
        size = dims.front().size;
        dims = dims.drop_front();
      } else {
        size =
            arith::ConstantIndexOp::create(builder, loc, tensor.getDimSize(d));
      }
      Value at = arith::ConstantIndexOp::create(builder, loc, position++);
      memref::StoreOp::create(builder, loc, size, sizes, at);
    }
  }
}

/// Replaces all that follows `marker` by a return.
static void truncate(func::FuncOp func, Operation *marker) {
  Block &block = func.front();
  OpBuilder builder(marker);
  func::ReturnOp::create(builder, func.getLoc());
  while (&block.back() != marker)
    block.back().erase();
  marker->erase();
}

/// Turns a copy of a compiled function into one that computes result sizes.
static LogicalResult reduceToSizes(func::FuncOp func) {
  SmallVector<ResultDim> dims;
  computeResultDims(func, dims);
  FailureOr<Operation *> marker = hoistPrefix(func, dims);
  if (failed(marker))
    return failure();
  OpBuilder builder(*marker);
  auto sizes = MemRefType::get({ShapedType::kDynamic}, builder.getIndexType());
  if (failed(func.insertArgument(func.getNumArguments(), sizes, {},
                                 func.getLoc())))
    return failure();
  storeSizes(builder, func.getLoc(), func.getResultTypes(),
             func.getArguments().back(), dims);
  truncate(func, *marker);
  convertInputs(func);
  func.setResAttrsAttr({});
  func.setType(builder.getFunctionType(func.front().getArgumentTypes(), {}));
  func->setAttr(abi::entry, builder.getStringAttr("shapes"));
  return success();
}

namespace {
struct ShapeFunctions
    : public attn::impl::ShapeFunctionsPassBase<ShapeFunctions> {
  void runOnOperation() override {
    for (auto func :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (isCompiledFunction(func) && hasTensorsOrResults(func) &&
          failed(createFunction(func)))
        return signalPassFailure();
  }

private:
  static bool hasTensorsOrResults(func::FuncOp func) {
    return func.getNumResults() ||
           llvm::any_of(func.getArgumentTypes(), llvm::IsaPred<TensorType>);
  }

  LogicalResult createFunction(func::FuncOp func) {
    if (failed(verifySignature(func)))
      return failure();
    std::string name = (func.getName() + "_shapes").str();
    if (getOperation().lookupSymbol(name))
      return func.emitOpError("is public and needs the name '")
             << name << "', which is taken; rename either function";
    func::FuncOp shapes = func.clone();
    shapes.setName(name);
    getOperation().insert(std::next(func->getIterator()), shapes);
    return reduceToSizes(shapes);
  }
};
} // namespace
