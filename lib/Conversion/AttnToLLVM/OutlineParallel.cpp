//===- OutlineParallel.cpp - Loop bodies become functions -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLLVM/ABI.h"
#include "attn/Conversion/AttnToLLVM/Passes.h"

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
  for (auto [argument, operand] :
       llvm::zip_equal(entry.getArguments(), call.getArgOperands()))
    argument.replaceAllUsesWith(operand);
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

/// Takes captured structs apart before the loop. Of the descriptors of memrefs
/// most fields are constants, equal, or not used.
static void hoistFields(ParallelOp parallel) {
  OpBuilder builder(parallel);
  SmallVector<LLVM::ExtractValueOp> fields;
  parallel.getBody().walk([&](LLVM::ExtractValueOp field) {
    Region *origin = field.getContainer().getParentRegion();
    if (origin->isProperAncestor(&parallel.getBody()))
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

/// Makes the body a function of (captures, begin, end).
static LLVM::LLVMFuncOp outline(ParallelOp parallel, LLVM::LLVMFuncOp parent,
                                StringRef name, Type type,
                                ValueRange captured) {
  Location loc = parallel.getLoc();
  OpBuilder builder(parent);
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i64 = builder.getI64Type();
  auto func = LLVM::LLVMFuncOp::create(
      builder, loc, name,
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                  {pointer, i64, i64}),
      LLVM::Linkage::Internal);
  func.getBody().takeBody(parallel.getBody());
  Block &entry = func.getBody().front();
  Value data = entry.insertArgument(0u, pointer, loc);
  builder.setInsertionPointToStart(&entry);
  for (auto [index, value] : llvm::enumerate(captured)) {
    Value field = emitField(builder, loc, type, data, index);
    Value inner = LLVM::LoadOp::create(builder, loc, value.getType(), field);
    replaceAllUsesInRegionWith(value, inner, func.getBody());
  }
  func.walk([](YieldOp yield) {
    OpBuilder builder(yield);
    LLVM::ReturnOp::create(builder, yield.getLoc(), ValueRange());
    yield.erase();
  });
  return func;
}

static void convert(ParallelOp parallel, LLVM::LLVMFuncOp parent,
                    StringRef name) {
  Location loc = parallel.getLoc();
  foldFields(parallel.getBody());
  hoistFields(parallel);
  sinkConstants(parallel.getBody());
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(parallel.getBody(), captured);
  OpBuilder builder(parallel);
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
  builder.setInsertionPoint(parallel);
  for (auto [index, value] : llvm::enumerate(captured))
    LLVM::StoreOp::create(builder, loc, value,
                          emitField(builder, loc, type, data, index));
  LLVM::LLVMFuncOp func =
      outline(parallel, parent, name, type, captured.getArrayRef());
  Value body = LLVM::AddressOfOp::create(builder, loc, func);
  emitRuntimeCall(builder, loc, RuntimeFunction::ParallelFor,
                  {parent.getArgument(0), parallel.getCount(), body, data});
  parallel.erase();
}

namespace {
struct OutlineParallel
    : public attn::impl::OutlineParallelPassBase<OutlineParallel> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    declareRuntimeFunctions(module);
    SymbolTable symbols(module);
    module.walk([&](ParallelOp parallel) { restoreBody(parallel, symbols); });
    for (auto func :
         llvm::make_early_inc_range(module.getOps<LLVM::LLVMFuncOp>())) {
      SmallVector<ParallelOp> loops;
      func.walk([&](ParallelOp parallel) { loops.push_back(parallel); });
      for (auto [index, parallel] : llvm::enumerate(loops))
        convert(parallel, func,
                (func.getName() + ".parallel." + Twine(index)).str());
    }
    dropUnusedRuntimeFunctions(module);
  }
};
} // namespace
