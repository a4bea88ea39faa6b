//===- EmitEntries.cpp - The C functions of the ABI -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLLVM/Passes.h"
#include "attn/Dialect/Attn/IR/ABI.h"
#include "attn/Runtime/Layout.h"

#include "RuntimeCalls.h"

namespace mlir::attn {
#define GEN_PASS_DEF_EMITENTRIESPASS
#include "attn/Conversion/AttnToLLVM/AttnToLLVMPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
enum class EntryKind { Call, Shapes, Workspace };

/// Writes the entry of one lowered function.
class EntryBuilder {
public:
  EntryBuilder(LLVM::LLVMFuncOp body)
      : body(body), loc(body.getLoc()), builder(body),
        spec(body->getAttrOfType<DenseI64ArrayAttr>(abi::spec)),
        names(body->getAttrOfType<StringAttr>(abi::names)) {
    auto attribute = body->getAttrOfType<StringAttr>(abi::entry);
    if (attribute)
      kind = attribute == "shapes" ? EntryKind::Shapes : EntryKind::Workspace;
  }

  void build();

private:
  LLVM::LLVMFuncOp createFunction(StringRef name);
  Value createGlobal(StringRef suffix, Type element, size_t size,
                     Attribute value);
  Value constant(Type type, int64_t value) {
    return LLVM::ConstantOp::create(builder, loc, type,
                                    builder.getIntegerAttr(type, value));
  }
  Value stack(Type type, int64_t count) {
    return LLVM::AllocaOp::create(builder, loc, pointer(), type,
                                  constant(builder.getI64Type(), count),
                                  /*alignment=*/16);
  }
  Type pointer() { return LLVM::LLVMPointerType::get(builder.getContext()); }
  Value loadWord(Value words, int64_t index, Type type);
  int64_t appendArguments(Value words, SmallVectorImpl<Value> &arguments);
  int64_t countWords() const;
  void emitCall(LLVM::LLVMFuncOp entry, Value frame, Value words);
  void refuseNullSizes(LLVM::LLVMFuncOp entry, Value frame);

  LLVM::LLVMFuncOp body;
  Location loc;
  OpBuilder builder;
  DenseI64ArrayAttr spec;
  StringAttr names;
  EntryKind kind = EntryKind::Call;
};
} // namespace

LLVM::LLVMFuncOp EntryBuilder::createFunction(StringRef name) {
  Type i32 = builder.getI32Type(), i64 = builder.getI64Type();
  SmallVector<Type> types = {pointer(), pointer(), i32};
  if (kind == EntryKind::Shapes)
    types.push_back(pointer());
  if (kind == EntryKind::Workspace)
    types.erase(types.begin());
  Type result = kind == EntryKind::Workspace ? i64 : i32;
  return LLVM::LLVMFuncOp::create(builder, loc, name,
                                  LLVM::LLVMFunctionType::get(result, types));
}

Value EntryBuilder::createGlobal(StringRef suffix, Type element, size_t size,
                                 Attribute value) {
  OpBuilder globals(body);
  auto global = LLVM::GlobalOp::create(
      globals, loc, LLVM::LLVMArrayType::get(element, size),
      /*isConstant=*/true, LLVM::Linkage::Private,
      (body.getName() + suffix).str(), value);
  return LLVM::AddressOfOp::create(builder, loc, global);
}

/// Words of descriptors: two pointers, offset, sizes and strides each.
int64_t EntryBuilder::countWords() const {
  int64_t words = 1, at = ATTN_RT_SPEC_HEADER;
  for (int64_t i = 0; i < spec[ATTN_RT_SPEC_COUNT]; ++i) {
    int64_t rank = spec[at + ATTN_RT_ARGUMENT_RANK];
    words += 3 + 2 * rank;
    at += ATTN_RT_ARGUMENT_HEADER + 2 * rank;
  }
  return words;
}

Value EntryBuilder::loadWord(Value words, int64_t index, Type type) {
  Value at = LLVM::GEPOp::create(builder, loc, pointer(), builder.getI64Type(),
                                 words, ArrayRef<LLVM::GEPArg>{(int32_t)index});
  return LLVM::LoadOp::create(builder, loc, type, at);
}

/// Reads the descriptors as arguments of the body. A scalar parameter takes one
/// argument of the body, loaded from the tensor; a memref takes a word each.
int64_t EntryBuilder::appendArguments(Value words,
                                      SmallVectorImpl<Value> &arguments) {
  ArrayRef<Type> types = body.getFunctionType().getParams();
  int64_t word = 0, at = ATTN_RT_SPEC_HEADER;
  for (int64_t i = 0; i < spec[ATTN_RT_SPEC_COUNT]; ++i) {
    int64_t rank = spec[at + ATTN_RT_ARGUMENT_RANK];
    int64_t length = 3 + 2 * rank;
    at += ATTN_RT_ARGUMENT_HEADER + 2 * rank;
    if (isa<LLVM::LLVMPointerType>(types[arguments.size()])) {
      for (int64_t w = 0; w < length; ++w)
        arguments.push_back(loadWord(words, word + w, types[arguments.size()]));
    } else {
      Value address = loadWord(words, word, pointer());
      arguments.push_back(
          LLVM::LoadOp::create(builder, loc, types[arguments.size()], address));
    }
    word += length;
  }
  return word;
}

void EntryBuilder::emitCall(LLVM::LLVMFuncOp entry, Value frame, Value words) {
  SmallVector<Value> arguments;
  if (kind != EntryKind::Workspace)
    arguments.push_back(frame);
  appendArguments(words, arguments);
  if (kind == EntryKind::Shapes) {
    Value sizes = entry.getArguments().back();
    Value zero = constant(builder.getI64Type(), 0);
    Value one = constant(builder.getI64Type(), 1);
    arguments.append({sizes, sizes, zero, zero, one});
  }
  Value result =
      LLVM::CallOp::create(builder, loc, body, arguments).getResult();
  if (kind != EntryKind::Workspace)
    result =
        emitRuntimeCall(builder, loc, RuntimeFunction::Leave, {frame, result});
  LLVM::ReturnOp::create(builder, loc, result);
}

/// Refuses a null destination of sizes where there are any.
void EntryBuilder::refuseNullSizes(LLVM::LLVMFuncOp entry, Value frame) {
  bool writes = body.walk([](LLVM::StoreOp) { return WalkResult::interrupt(); })
                    .wasInterrupted();
  if (!writes)
    return;
  static constexpr StringLiteral message(
      "the destination of the sizes is null");
  StringRef terminated(message.data(), message.size() + 1);
  Value text = createGlobal(".null", builder.getI8Type(), terminated.size(),
                            builder.getStringAttr(terminated));
  Value null = LLVM::ZeroOp::create(builder, loc, pointer());
  Value missing = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq,
                                       entry.getArguments().back(), null);
  Block *refused = entry.addBlock(), *accepted = entry.addBlock();
  LLVM::CondBrOp::create(builder, loc, missing, refused, accepted);
  builder.setInsertionPointToStart(refused);
  Value status = emitRuntimeCall(builder, loc, RuntimeFunction::Refuse,
                                 {frame, text, null});
  LLVM::ReturnOp::create(builder, loc, status);
  builder.setInsertionPointToStart(accepted);
}

void EntryBuilder::build() {
  std::string name = body.getName().str();
  SymbolTable::setSymbolName(body, name + ".body");
  body.setLinkage(LLVM::Linkage::Internal);
  LLVM::LLVMFuncOp entry = createFunction(name);
  Block *start = entry.addEntryBlock(builder);
  Block *refused = entry.addBlock(), *accepted = entry.addBlock();
  builder.setInsertionPointToStart(start);

  Value frame = stack(builder.getI8Type(), ATTN_RT_FRAME_BYTES);
  Value words = stack(builder.getI64Type(), countWords());
  Value context = kind == EntryKind::Workspace
                      ? LLVM::ZeroOp::create(builder, loc, pointer())
                      : Value(entry.getArgument(0));
  unsigned first = kind == EntryKind::Workspace ? 0 : 1;
  auto specType = RankedTensorType::get(spec.size(), builder.getI64Type());
  Value specPointer =
      createGlobal(".spec", builder.getI64Type(), spec.size(),
                   DenseElementsAttr::get(specType, spec.asArrayRef()));
  Value namesPointer =
      createGlobal(".names", builder.getI8Type(), names.size(), names);
  Value status = emitRuntimeCall(builder, loc, RuntimeFunction::Enter,
                                 {frame, context, entry.getArgument(first),
                                  entry.getArgument(first + 1), specPointer,
                                  namesPointer, words});
  Value ok = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, status,
                                  constant(builder.getI32Type(), 0));
  LLVM::CondBrOp::create(builder, loc, ok, accepted, refused);

  builder.setInsertionPointToStart(refused);
  LLVM::ReturnOp::create(builder, loc,
                         kind == EntryKind::Workspace
                             ? constant(builder.getI64Type(), 0)
                             : status);
  builder.setInsertionPointToStart(accepted);
  if (kind == EntryKind::Shapes)
    refuseNullSizes(entry, frame);
  emitCall(entry, frame, words);
  for (StringRef attribute : {abi::entry, abi::spec, abi::names})
    body->removeAttr(attribute);
}

namespace {
struct EmitEntries : public attn::impl::EmitEntriesPassBase<EmitEntries> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    declareRuntimeFunctions(module);
    for (auto func :
         llvm::make_early_inc_range(module.getOps<LLVM::LLVMFuncOp>()))
      if (func->hasAttr(abi::spec))
        EntryBuilder(func).build();
    dropUnusedRuntimeFunctions(module);
  }
};
} // namespace
