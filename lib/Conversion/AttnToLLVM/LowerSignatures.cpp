//===- LowerSignatures.cpp - A call frame and a status -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLLVM/Passes.h"
#include "attn/Dialect/Attn/IR/ABI.h"
#include "attn/Runtime/Layout.h"

#include "RuntimeCalls.h"

#include "attn-c/Runtime.h"
#include "attn/Target/NVPTX/Launch.h"

#include "mlir/Dialect/AMX/AMXDialect.h"

namespace mlir::attn {
#define GEN_PASS_DEF_LOWERSIGNATURESPASS
#include "attn/Conversion/AttnToLLVM/AttnToLLVMPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
struct LowerSignatures
    : public attn::impl::LowerSignaturesPassBase<LowerSignatures> {
  using LowerSignaturesPassBase::LowerSignaturesPassBase;

  void runOnOperation() override {
    declareRuntimeFunctions(getOperation());
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.isExternal())
        continue;
      if (func.isPrivate())
        func->setAttr(
            "llvm.linkage",
            LLVM::LinkageAttr::get(&getContext(), LLVM::Linkage::Internal));
      else if (failed(lower(func)))
        return signalPassFailure();
    }
  }

private:
  LogicalResult lower(func::FuncOp func);
  LogicalResult describe(func::FuncOp func);
  LogicalResult appendArgument(func::FuncOp func, unsigned index,
                               SmallVectorImpl<int64_t> &spec);
  void lowerRequire(RequireOp require, Value frame);
  LLVM::GlobalOp createMessage(RequireOp require);

  unsigned numMessages = 0;
};
} // namespace

//===----------------------------------------------------------------------===//
// The specification
//===----------------------------------------------------------------------===//

LogicalResult LowerSignatures::appendArgument(func::FuncOp func, unsigned index,
                                              SmallVectorImpl<int64_t> &spec) {
  Type type = func.getArgumentTypes()[index];
  auto memref = dyn_cast<MemRefType>(type);
  std::optional<ElementCode> code =
      getElementCode(memref ? memref.getElementType() : type);
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  if (!code ||
      (memref && (failed(memref.getStridesAndOffset(strides, offset)) ||
                  memref.getMemorySpace())))
    return func.emitOpError("is public; its argument ")
           << index << " '" << attn::getArgumentName(func, index)
           << "' has type " << type
           << ", which callers cannot pass; pass ranked tensors or "
              "scalars of f16, bf16, f32, f64, index, i1, i8 to i64";
  ArrayRef<int64_t> sizes = memref ? memref.getShape() : ArrayRef<int64_t>();
  int64_t flags = func.getArgAttr(index, abi::result) ? ATTN_RT_OUTPUT : 0;
  // Scalars are read by the host, also where there are kernels.
  if (memref && getOperation().lookupSymbol(kernelsName) &&
      !getOperation()->hasAttr(emulatedAttr))
    flags |= ATTN_RT_ON_GPU;
  spec.append(
      {code->code, code->bits, flags, static_cast<int64_t>(sizes.size())});
  auto orAny = [](int64_t value) {
    return ShapedType::isDynamic(value) ? -1 : value;
  };
  llvm::append_range(spec, llvm::map_range(sizes, orAny));
  llvm::append_range(spec, llvm::map_range(strides, orAny));
  return success();
}

/// Whether code of the function, or what it calls, is on tile registers.
static bool usesTiles(func::FuncOp func) {
  return func
      .walk([&](Operation *op) {
        auto call = dyn_cast<func::CallOp>(op);
        auto callee = call ? SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
                                 func, call.getCalleeAttr())
                           : func::FuncOp();
        bool uses = isa_and_nonnull<amx::AMXDialect>(op->getDialect()) ||
                    (callee && callee->hasAttr(abi::body) && usesTiles(callee));
        return uses ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

LogicalResult LowerSignatures::describe(func::FuncOp func) {
  auto kind = func->getAttrOfType<StringAttr>(abi::entry);
  unsigned count = func.getNumArguments();
  // The last argument of F_shapes is a plain pointer.
  if (kind && kind == "shapes")
    --count;
  SmallVector<int64_t> spec = {usesTiles(func) ? features
                                               : features & ~ATTN_RT_X86_TILES,
                               threads, count};
  // Sentences name the function that the user wrote.
  StringRef name = func.getName();
  if (kind)
    name.consume_back(("_" + kind.getValue()).str());
  std::string names = name.str() + '\0';
  for (unsigned index = 0; index < count; ++index) {
    if (failed(appendArgument(func, index, spec)))
      return failure();
    names += attn::getArgumentName(func, index) + '\0';
  }
  Builder builder(&getContext());
  func->setAttr(abi::spec, builder.getDenseI64ArrayAttr(spec));
  func->setAttr(abi::names, builder.getStringAttr(names));
  return success();
}

//===----------------------------------------------------------------------===//
// Requirements
//===----------------------------------------------------------------------===//

LLVM::GlobalOp LowerSignatures::createMessage(RequireOp require) {
  OpBuilder builder = OpBuilder::atBlockBegin(getOperation().getBody());
  std::string text = require.getMessage().str() + '\0';
  auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), text.size());
  return LLVM::GlobalOp::create(builder, require.getLoc(), type,
                                /*isConstant=*/true, LLVM::Linkage::Private,
                                "attn.message." + std::to_string(numMessages++),
                                builder.getStringAttr(text));
}

/// Stores `values` in an array on the stack.
static Value emitValues(OpBuilder &builder, Location loc, ValueRange values) {
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i64 = builder.getI64Type();
  Value count = LLVM::ConstantOp::create(
      builder, loc, i64,
      builder.getI64IntegerAttr(std::max<size_t>(values.size(), 1)));
  Value array = LLVM::AllocaOp::create(builder, loc, pointer, i64, count);
  for (auto [index, value] : llvm::enumerate(values)) {
    Value number = arith::IndexCastOp::create(builder, loc, i64, value);
    Value at = LLVM::GEPOp::create(builder, loc, pointer, i64, array,
                                   ArrayRef<LLVM::GEPArg>{(int32_t)index});
    LLVM::StoreOp::create(builder, loc, number, at);
  }
  return array;
}

void LowerSignatures::lowerRequire(RequireOp require, Value frame) {
  Location loc = require.getLoc();
  LLVM::GlobalOp message = createMessage(require);
  Block *before = require->getBlock();
  Block *after = before->splitBlock(require);
  Block *refusal = new Block();
  before->getParent()->getBlocks().insertAfter(before->getIterator(), refusal);

  OpBuilder builder = OpBuilder::atBlockEnd(before);
  cf::CondBranchOp::create(builder, loc, require.getCondition(), after,
                           ValueRange(), refusal, ValueRange());
  builder.setInsertionPointToStart(refusal);
  Value text = LLVM::AddressOfOp::create(builder, loc, message);
  Value values = emitValues(builder, loc, require.getValues());
  Value status = emitRuntimeCall(builder, loc, RuntimeFunction::Refuse,
                                 {frame, text, values});
  func::ReturnOp::create(builder, loc, status);
  require->erase();
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

LogicalResult LowerSignatures::lower(func::FuncOp func) {
  if (func.getNumResults() && !func->hasAttr(abi::entry))
    return func.emitOpError("is public and has results on memrefs or scalars; "
                            "write to arguments instead");
  if (failed(describe(func)))
    return failure();
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
    func.setArgAttrs(i, DictionaryAttr());
  auto kind = func->getAttrOfType<StringAttr>(abi::entry);
  if (kind && kind == "workspace")
    return success();

  Builder types(&getContext());
  auto pointer = LLVM::LLVMPointerType::get(&getContext());
  (void)func.insertArgument(0, pointer, {}, func.getLoc());
  func.setType(
      types.getFunctionType(func.getArgumentTypes(), types.getI32Type()));
  func.walk([&](func::ReturnOp ret) {
    OpBuilder builder(ret);
    Value ok = arith::ConstantIntOp::create(builder, ret.getLoc(), ATTN_OK, 32);
    ret->setOperands(ok);
  });
  SmallVector<RequireOp> requires_;
  func.walk([&](RequireOp require) { requires_.push_back(require); });
  for (RequireOp require : requires_) {
    if (require->getParentOp() != func)
      return require.emitOpError("inside of another operation; conditions are "
                                 "decided at the top of a function");
    lowerRequire(require, func.getArgument(0));
  }
  return success();
}
