//===- WorkspaceFunctions.cpp - How much scratch a call takes -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLLVM/Passes.h"
#include "attn/Dialect/Attn/IR/ABI.h"
#include "attn/Runtime/Layout.h"

#include "Slice.h"

#include "mlir/Interfaces/DataLayoutInterfaces.h"

namespace mlir::attn {
#define GEN_PASS_DEF_WORKSPACEFUNCTIONSPASS
#include "attn/Conversion/AttnToLLVM/AttnToLLVMPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
struct WorkspaceFunctions
    : public attn::impl::WorkspaceFunctionsPassBase<WorkspaceFunctions> {
  void runOnOperation() override {
    for (auto func :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (isCompiledFunction(func) && failed(createFunction(func)))
        return signalPassFailure();
  }

private:
  LogicalResult createFunction(func::FuncOp func);
};
} // namespace

/// The allocations of the outermost block whose sizes the arguments tell, and
/// what those are computed from.
static void findScratch(func::FuncOp func,
                        SmallVectorImpl<memref::AllocOp> &allocs,
                        llvm::SetVector<Operation *> &sizes) {
  for (auto alloc : func.front().getOps<memref::AllocOp>()) {
    Operation *culprit = nullptr;
    auto slice = getPureSlice(alloc.getDynamicSizes(), &func.front(), culprit);
    if (failed(slice))
      continue;
    allocs.push_back(alloc);
    sizes.insert_range(*slice);
  }
}

/// The bytes of `alloc`, rounded up as the runtime does.
static Value emitBytes(OpBuilder &builder, memref::AllocOp alloc,
                       const IRMapping &map) {
  Location loc = alloc.getLoc();
  MemRefType type = alloc.getType();
  int64_t known = DataLayout::closest(alloc).getTypeSize(type.getElementType());
  for (int64_t size : type.getShape())
    known *= ShapedType::isDynamic(size) ? 1 : size;
  Value bytes = arith::ConstantIndexOp::create(builder, loc, known);
  for (Value size : alloc.getDynamicSizes())
    bytes =
        arith::MulIOp::create(builder, loc, bytes, map.lookupOrDefault(size));
  Value unit = arith::ConstantIndexOp::create(builder, loc, ATTN_RT_ALIGNMENT);
  Value units = arith::CeilDivUIOp::create(builder, loc, bytes, unit);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  units = arith::MaxUIOp::create(builder, loc, units, one);
  return arith::MulIOp::create(builder, loc, units, unit);
}

LogicalResult WorkspaceFunctions::createFunction(func::FuncOp func) {
  std::string name = (func.getName() + "_workspace").str();
  if (getOperation().lookupSymbol(name))
    return func.emitOpError("is public and needs the name '")
           << name << "', which is taken; rename either function";
  SmallVector<memref::AllocOp> allocs;
  llvm::SetVector<Operation *> sizes;
  findScratch(func, allocs, sizes);

  OpBuilder builder(func);
  builder.setInsertionPointAfter(func);
  Location loc = func.getLoc();
  auto workspace = func::FuncOp::create(
      builder, loc, name,
      builder.getFunctionType(func.getArgumentTypes(), builder.getIndexType()));
  if (ArrayAttr attributes = func.getAllArgAttrs())
    workspace.setAllArgAttrs(attributes);
  workspace->setAttr(abi::entry, builder.getStringAttr("workspace"));
  Block *block = workspace.addEntryBlock();
  builder.setInsertionPointToStart(block);
  IRMapping map;
  map.map(func.getArguments(), block->getArguments());
  SmallVector<Operation *> ordered = sizes.takeVector();
  llvm::sort(ordered,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  for (Operation *op : ordered)
    builder.clone(*op, map);
  Value total = arith::ConstantIndexOp::create(builder, loc, 0);
  for (memref::AllocOp alloc : allocs)
    total = arith::AddIOp::create(builder, loc, total,
                                  emitBytes(builder, alloc, map));
  func::ReturnOp::create(builder, loc, total);
  return success();
}
