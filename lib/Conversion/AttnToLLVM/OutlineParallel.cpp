//===- OutlineParallel.cpp - Loop bodies become functions -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLLVM/Passes.h"
#include "attn/Dialect/Attn/IR/ABI.h"

#include "FreeSymbol.h"
#include "RuntimeCalls.h"
#include "SinkConstants.h"

#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::attn {
#define GEN_PASS_DEF_OUTLINEPARALLELPASS
#include "attn/Conversion/AttnToLLVM/AttnToLLVMPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// The function that attn-isolate-parallel made of the body, if any.
static LLVM::CallOp findBodyCall(ParallelOp parallel, SymbolTable &symbols) {
  for (auto call : parallel.getBody().front().getOps<LLVM::CallOp>()) {
    FlatSymbolRefAttr callee = call.getCalleeAttr();
    Operation *func = callee ? symbols.lookup(callee.getAttr()) : nullptr;
    if (func && func->hasAttr(abi::body))
      return call;
  }
  return {};
}

/// Sizes of loops that have become constants since the body was a function stay
/// values of the caller: of divisions by constants, strength reduction would
/// compute the indices in many places.
static Value keepCaptured(OpBuilder &builder, Value value) {
  if (!value.getDefiningOp<LLVM::ConstantOp>())
    return value;
  return LLVM::FreezeOp::create(builder, value.getLoc(), value);
}

/// Puts the function that was made of the body back in place of its call.
static void restoreBody(ParallelOp parallel, SymbolTable &symbols) {
  LLVM::CallOp call = findBodyCall(parallel, symbols);
  if (!call)
    return;
  auto func = symbols.lookup<LLVM::LLVMFuncOp>(call.getCalleeAttr().getAttr());
  func.walk([](LLVM::ReturnOp ret) {
    OpBuilder builder(ret);
    YieldOp::create(builder, ret.getLoc());
    ret.erase();
  });
  Region &region = parallel.getBody();
  Block &start = region.front(), &entry = func.front();
  OpBuilder builder(parallel);
  for (auto [argument, operand] :
       llvm::zip_equal(entry.getArguments(), call.getArgOperands()))
    argument.replaceAllUsesWith(keepCaptured(builder, operand));
  start.getTerminator()->erase();
  start.getOperations().splice(call->getIterator(), entry.getOperations());
  call.erase();
  region.getBlocks().splice(region.end(), func.getBody().getBlocks(),
                            std::next(func.getBody().begin()),
                            func.getBody().end());
  symbols.erase(func);
}

/// Of structs that the body builds of its operands, uses the fields themselves.
static void foldFields(Region &body) {
  SmallVector<LLVM::InsertValueOp> structs;
  SmallVector<LLVM::ExtractValueOp> fields;
  body.walk([&](Operation *op) {
    if (auto built = dyn_cast<LLVM::InsertValueOp>(op))
      structs.push_back(built);
    else if (auto field = dyn_cast<LLVM::ExtractValueOp>(op))
      fields.push_back(field);
  });
  for (LLVM::ExtractValueOp field : fields) {
    OpBuilder builder(field);
    SmallVector<Value> folded;
    if (failed(builder.tryFold(field, folded)) || folded.empty() ||
        folded.front() == field.getRes())
      continue;
    field.replaceAllUsesWith(folded.front());
    field.erase();
  }
  for (LLVM::InsertValueOp built : llvm::reverse(structs))
    if (built.use_empty())
      built.erase();
}

/// Takes captured structs apart before `op`. Of the descriptors of memrefs most
/// fields are constants, equal, or not used.
static void hoistFields(Operation *op, Region &body) {
  OpBuilder builder(op);
  SmallVector<LLVM::ExtractValueOp> fields;
  body.walk([&](LLVM::ExtractValueOp field) {
    Region *origin = field.getContainer().getParentRegion();
    if (origin->isProperAncestor(&body))
      fields.push_back(field);
  });
  for (LLVM::ExtractValueOp field : fields) {
    if (!field.use_empty())
      field.replaceAllUsesWith(builder.createOrFold<LLVM::ExtractValueOp>(
          field.getLoc(), field.getContainer(), field.getPosition()));
    field.erase();
  }
}

/// The address of field `index` of the struct at `pointer`.
static Value emitField(OpBuilder &builder, Location loc, Type type,
                       Value pointer, int32_t index) {
  return LLVM::GEPOp::create(builder, loc, pointer.getType(), type, pointer,
                             ArrayRef<LLVM::GEPArg>{0, index});
}

/// Makes `body` a function of (captures, its arguments).
static LLVM::LLVMFuncOp outline(Region &body, LLVM::LLVMFuncOp parent,
                                StringRef name, Type result, Type type,
                                ValueRange captured) {
  Location loc = body.getLoc();
  OpBuilder builder(parent);
  Block &entry = body.front();
  Value data = entry.insertArgument(
      0u, LLVM::LLVMPointerType::get(builder.getContext()), loc);
  auto func = LLVM::LLVMFuncOp::create(
      builder, loc, name,
      LLVM::LLVMFunctionType::get(result,
                                  llvm::to_vector(entry.getArgumentTypes())),
      LLVM::Linkage::Internal);
  func.getBody().takeBody(body);
  builder.setInsertionPointToStart(&entry);
  for (auto [index, value] : llvm::enumerate(captured)) {
    Value field = emitField(builder, loc, type, data, index);
    Value inner = LLVM::LoadOp::create(builder, loc, value.getType(), field);
    replaceAllUsesInRegionWith(value, inner, func.getBody());
  }
  func.walk([&](YieldOp yield) {
    if (yield->getParentOp() != func)
      return;
    OpBuilder builder(yield);
    LLVM::ReturnOp::create(builder, yield.getLoc(), yield.getValues());
    yield.erase();
  });
  return func;
}

/// The function that `body`, the region of `op`, becomes, and a pointer to what
/// it captures.
static std::pair<Value, Value> convert(Operation *op, Region &body,
                                       LLVM::LLVMFuncOp parent, Type result,
                                       StringRef name) {
  Location loc = op->getLoc();
  foldFields(body);
  hoistFields(op, body);
  sinkConstants(body);
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(body, captured);
  OpBuilder builder(op);
  auto type = LLVM::LLVMStructType::getLiteral(
      builder.getContext(), llvm::map_to_vector(captured, [](Value value) {
        return value.getType();
      }));
  // In the entry block, since the stack grows with every allocation in a loop.
  Block &entry = parent.getBody().front();
  builder.setInsertionPointToStart(&entry);
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Value one = LLVM::ConstantOp::create(builder, loc, builder.getI64Type(),
                                       builder.getI64IntegerAttr(1));
  Value data = LLVM::AllocaOp::create(builder, loc, pointer, type, one);
  builder.setInsertionPoint(op);
  for (auto [index, value] : llvm::enumerate(captured))
    LLVM::StoreOp::create(builder, loc, value,
                          emitField(builder, loc, type, data, index));
  LLVM::LLVMFuncOp func =
      outline(body, parent, name, result, type, captured.getArrayRef());
  return {LLVM::AddressOfOp::create(builder, loc, func), data};
}

static void convert(ParallelOp parallel, LLVM::LLVMFuncOp parent,
                    StringRef name) {
  OpBuilder builder(parallel);
  auto [body, data] =
      convert(parallel, parallel.getBody(), parent,
              LLVM::LLVMVoidType::get(builder.getContext()), name);
  builder.setInsertionPoint(parallel);
  emitRuntimeCall(builder, parallel.getLoc(), RuntimeFunction::ParallelFor,
                  {parent.getArgument(0), parallel.getCount(), body, data});
  parallel.erase();
}

static void convert(ClosureOp closure, LLVM::LLVMFuncOp parent,
                    StringRef name) {
  Operation *yield = nullptr;
  for (Block &block : closure.getBody())
    if (isa<YieldOp>(block.getTerminator()))
      yield = block.getTerminator();
  auto [function, data] = convert(closure, closure.getBody(), parent,
                                  yield->getOperand(0).getType(), name);
  closure.getFunction().replaceAllUsesWith(function);
  closure.getData().replaceAllUsesWith(data);
  closure.erase();
}

/// Outlines all ops of a kind.
template <typename OpTy>
static void convertAll(ModuleOp module, StringRef kind) {
  for (auto func :
       llvm::make_early_inc_range(module.getOps<LLVM::LLVMFuncOp>())) {
    SmallVector<OpTy> ops;
    func.walk([&](OpTy op) { ops.push_back(op); });
    for (auto [index, op] : llvm::enumerate(ops))
      convert(op, func,
              getFreeSymbol(module,
                            func.getName() + "." + kind + "." + Twine(index)));
  }
}

namespace {
struct OutlineParallel
    : public attn::impl::OutlineParallelPassBase<OutlineParallel> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    declareRuntimeFunctions(module);
    SymbolTable symbols(module);
    module.walk([&](ParallelOp parallel) { restoreBody(parallel, symbols); });
    convertAll<ParallelOp>(module, "parallel");
    // Those in loops are in functions of their own now.
    convertAll<ClosureOp>(module, "pairs");
    dropUnusedRuntimeFunctions(module);
  }
};
} // namespace
