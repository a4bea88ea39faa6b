//===- RuntimeCalls.cpp - Functions of the runtime -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RuntimeCalls.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// p pointer, l 64-bit integer, i 32-bit integer, v void; result first.
struct Signature {
  StringLiteral name;
  StringLiteral types;
};
} // namespace

static constexpr Signature signatures[] = {
    {"attn_rt_enter", "ipppippp"},   {"attn_rt_leave", "ipi"},
    {"attn_rt_refuse", "ippp"},      {"attn_rt_alloc", "ppl"},
    {"attn_rt_free", "vpp"},         {"attn_rt_alloc_local", "ppl"},
    {"attn_rt_free_local", "vpp"},   {"attn_rt_parallel_for", "vplpp"},
    {"attn_rt_launch", "ippplllp"},  {"attn_rt_device_alloc", "ppl"},
    {"attn_rt_device_free", "vpp"},  {"attn_rt_tensor_map", "ippplp"},
    {"attn_rt_capability", "ip"},    {"attn_rt_recompute_f32", "vp"},
    {"attn_rt_recompute_f64", "vp"},
};

static Type convertType(MLIRContext *context, char code) {
  switch (code) {
  case 'p':
    return LLVM::LLVMPointerType::get(context);
  case 'l':
    return IntegerType::get(context, 64);
  case 'i':
    return IntegerType::get(context, 32);
  default:
    return LLVM::LLVMVoidType::get(context);
  }
}

static LLVM::LLVMFunctionType convertType(MLIRContext *context,
                                          const Signature &signature) {
  SmallVector<Type> arguments;
  for (char code : signature.types.drop_front())
    arguments.push_back(convertType(context, code));
  return LLVM::LLVMFunctionType::get(
      convertType(context, signature.types.front()), arguments);
}

void attn::declareRuntimeFunctions(ModuleOp module) {
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  for (const Signature &signature : signatures)
    if (!module.lookupSymbol(signature.name))
      LLVM::LLVMFuncOp::create(builder, module.getLoc(), signature.name,
                               convertType(module.getContext(), signature));
}

void attn::dropUnusedRuntimeFunctions(ModuleOp module) {
  // One walk for all of them: a search for the uses of a symbol reads every
  // attribute of the module.
  llvm::SmallPtrSet<Attribute, 8> called;
  module.walk([&](LLVM::CallOp call) {
    if (FlatSymbolRefAttr callee = call.getCalleeAttr())
      called.insert(callee.getAttr());
  });
  for (const Signature &signature : signatures) {
    auto func = module.lookupSymbol<LLVM::LLVMFuncOp>(signature.name);
    if (func && func.isExternal() && !called.contains(func.getSymNameAttr()))
      func.erase();
  }
}

Value attn::emitRuntimeCall(OpBuilder &builder, Location loc,
                            RuntimeFunction function, ValueRange arguments) {
  const Signature &signature = signatures[static_cast<unsigned>(function)];
  auto call = LLVM::CallOp::create(builder, loc,
                                   convertType(builder.getContext(), signature),
                                   signature.name, arguments);
  return call.getNumResults() ? call.getResult() : Value();
}
