//===- DeviceToHost.cpp - Device code as host code -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceToHost.h"

#include "Handlers.h"

#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/ModuleSlotTracker.h"
#include "llvm/IR/Verifier.h"

using namespace llvm;
using namespace mlir::attn::emulator;

constexpr unsigned sharedSpace = 3;

static Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

namespace {
/// Converts one module.
class Converter {
public:
  Converter(llvm::Module &module, const char *sharedBase)
      : module(module), context(module.getContext()),
        pointer(PointerType::get(context, 0)), sharedBase(sharedBase) {
    code.sites.push_back("");
  }

  Error convert();
  HostCode takeCode() { return std::move(code); }

private:
  void placeSharedVariables();
  Error convertFunction(Function &function);
  Error convertCall(CallInst &call);
  Error convertAssembly(CallInst &call);
  void callHandler(CallInst &call, const Handler &handler,
                   std::optional<uint64_t> form = std::nullopt);
  void forwardTiedOperands(CallInst &call);
  void announce(Instruction &before, Value *address, Value *bytes, bool store,
                bool atomic, Align alignment);
  void announceAccess(Instruction &instruction);
  void emitLaunch(Function &kernel, ArrayRef<bool> byValue);
  uint32_t addSite(const Instruction &instruction);
  Value *getSlot(Function &function, Type *type, bool isResult);

  llvm::Module &module;
  LLVMContext &context;
  PointerType *pointer;
  const char *sharedBase;
  HostCode code;
  /// Numbers the values of the function at hand.
  ModuleSlotTracker *names = nullptr;
  /// Where the function at hand keeps arguments and results of handlers.
  AllocaInst *argumentSlot = nullptr, *resultSlot = nullptr;
  uint64_t argumentBytes = 0, resultBytes = 0;
};
} // namespace

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

void Converter::placeSharedVariables() {
  const llvm::DataLayout &layout = module.getDataLayout();
  // Dynamic shared memory, of size 0 here, begins behind the rest.
  SmallVector<GlobalVariable *> variables, dynamic;
  for (GlobalVariable &variable : module.globals())
    if (variable.getAddressSpace() == sharedSpace)
      (layout.getTypeAllocSize(variable.getValueType()) ? variables : dynamic)
          .push_back(&variable);
  append_range(variables, dynamic);
  uint64_t offset = 0;
  for (GlobalVariable *variable : variables) {
    offset = alignTo(offset, variable->getAlign().value_or(Align(16)));
    auto address = reinterpret_cast<uintptr_t>(sharedBase) + offset;
    variable->replaceAllUsesWith(ConstantExpr::getIntToPtr(
        ConstantInt::get(Type::getInt64Ty(context), address),
        variable->getType()));
    offset += layout.getTypeAllocSize(variable->getValueType());
    variable->eraseFromParent();
  }
  code.staticSharedBytes = offset;
}

//===----------------------------------------------------------------------===//
// wgmma
//===----------------------------------------------------------------------===//

/// "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {sums}, left, right,
/// accumulate, 1, 1[, 0 for left], rows of right are the depth;", left being
/// "{registers}" or a descriptor.
std::optional<ProductForm> ProductForm::parse(StringRef text) {
  ProductForm form;
  auto [opcode, operands] = text.trim().rtrim(';').split(' ');
  StringRef rest = opcode;
  if (!rest.consume_front("wgmma.mma_async.sync.aligned.m64n") ||
      rest.consumeInteger(10, form.columns) ||
      !rest.consume_front("k16.f32.") || form.columns > 256)
    return std::nullopt;
  form.isBF16 = rest == "bf16.bf16";
  if (!form.isBF16 && rest != "f16.f16")
    return std::nullopt;
  StringRef left = operands.split("}, ").second;
  form.leftInRegisters = left.starts_with("{");
  SmallVector<StringRef> parts;
  left.split(parts, ", ");
  // Immediates follow the descriptor of the right factor.
  size_t count = form.leftInRegisters ? 4 : 5;
  if (parts.size() < count)
    return std::nullopt;
  form.accumulates = parts[parts.size() - count] == "1";
  form.rightRowsAreDepth = parts.back() == "1";
  return form;
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

uint32_t Converter::addSite(const Instruction &instruction) {
  std::string text;
  raw_string_ostream stream(text);
  instruction.print(stream, *names);
  StringRef line = StringRef(text).trim();
  // Metadata says nothing to a reader.
  line = line.split(", !").first;
  code.sites.push_back(line.take_front(120).str());
  return code.sites.size() - 1;
}

/// One slot serves all calls of a function: a handler has read its arguments
/// before the next is called.
Value *Converter::getSlot(Function &function, Type *type, bool isResult) {
  AllocaInst *&slot = isResult ? resultSlot : argumentSlot;
  uint64_t &bytes = isResult ? resultBytes : argumentBytes;
  bytes =
      std::max<uint64_t>(bytes, module.getDataLayout().getTypeAllocSize(type));
  if (!slot) {
    IRBuilder<> builder(&function.getEntryBlock(),
                        function.getEntryBlock().begin());
    slot = builder.CreateAlloca(builder.getInt8Ty(), builder.getInt64(0));
    slot->setAlignment(Align(16));
  }
  return slot;
}

void Converter::callHandler(CallInst &call, const Handler &handler,
                            std::optional<uint64_t> form) {
  SmallVector<Value *> values(call.args());
  if (form)
    values.insert(values.begin(),
                  ConstantInt::get(Type::getInt64Ty(context), *form));
  SmallVector<Type *> types;
  for (Value *value : values)
    types.push_back(value->getType());
  auto *type = StructType::get(context, types);
  Function &function = *call.getFunction();
  Value *arguments = getSlot(function, type, /*isResult=*/false);
  Value *result = ConstantPointerNull::get(pointer);
  if (!call.getType()->isVoidTy())
    result = getSlot(function, call.getType(), /*isResult=*/true);
  IRBuilder<> builder(&call);
  for (auto [index, value] : enumerate(values))
    builder.CreateStore(value, builder.CreateStructGEP(type, arguments, index));
  auto *signature = FunctionType::get(
      builder.getVoidTy(), {pointer, pointer, builder.getInt32Ty()}, false);
  FunctionCallee callee = module.getOrInsertFunction(
      (Twine(handlerPrefix) + handler.name).str(), signature);
  builder.CreateCall(callee,
                     {result, arguments, builder.getInt32(addSite(call))});
  if (!call.getType()->isVoidTy())
    call.replaceAllUsesWith(builder.CreateLoad(call.getType(), result));
  call.eraseFromParent();
}

/// An assembly that only orders what is around it: results are its operands.
void Converter::forwardTiedOperands(CallInst &call) {
  if (!call.getType()->isVoidTy()) {
    IRBuilder<> builder(&call);
    Value *result = call.getArgOperand(0);
    if (call.getType()->isStructTy()) {
      result = PoisonValue::get(call.getType());
      for (unsigned i = 0; i < call.getType()->getStructNumElements(); ++i)
        result = builder.CreateInsertValue(result, call.getArgOperand(i), i);
    }
    call.replaceAllUsesWith(result);
  }
  call.eraseFromParent();
}

Error Converter::convertAssembly(CallInst &call) {
  StringRef text = cast<InlineAsm>(call.getCalledOperand())->getAsmString();
  if (text.trim().empty()) {
    forwardTiedOperands(call);
    return Error::success();
  }
  const Handler *handler = findAssemblyHandler(text);
  if (text.starts_with("wgmma.wait_group")) {
    // Which registers are waited for is known by their number.
    uint64_t pending = 0;
    text.trim().rtrim(';').rsplit(' ').second.getAsInteger(10, pending);
    callHandler(call, *handler, pending | uint64_t(call.arg_size()) << 32);
    return Error::success();
  }
  if (text.starts_with("wgmma.mma_async")) {
    if (std::optional<ProductForm> form = ProductForm::parse(text)) {
      callHandler(call, *handler, form->encode());
      return Error::success();
    }
    handler = nullptr;
  }
  if (!handler)
    return makeError("function '" + call.getFunction()->getName() +
                     "': the emulator lacks the inline assembly '" + text +
                     "'");
  callHandler(call, *handler);
  return Error::success();
}

Error Converter::convertCall(CallInst &call) {
  if (call.isInlineAsm())
    return convertAssembly(call);
  if (isa<MemIntrinsic>(call)) {
    announceAccess(call);
    return Error::success();
  }
  Function *callee = call.getCalledFunction();
  StringRef name = callee ? callee->getName() : "an indirect call";
  if (callee && (!callee->isDeclaration() ||
                 (callee->isIntrinsic() && !name.starts_with("llvm.nvvm.") &&
                  !name.starts_with("llvm.masked."))))
    return Error::success();
  StringRef key = name;
  key.consume_front("llvm.nvvm.");
  if (const Handler *handler = findHandler(key)) {
    callHandler(call, *handler);
    return Error::success();
  }
  return makeError("function '" + call.getFunction()->getName() +
                   "': the emulator lacks '" + name + "'");
}

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

void Converter::announce(Instruction &before, Value *address, Value *bytes,
                         bool store, bool atomic, Align alignment) {
  // What is on the stack belongs to one thread, constants to nobody.
  const Value *object = getUnderlyingObject(address);
  auto *variable = dyn_cast<GlobalVariable>(object);
  if (isa<AllocaInst>(object) ||
      (variable && variable->getAddressSpace() != sharedSpace))
    return;
  IRBuilder<> builder(&before);
  Type *i1 = builder.getInt1Ty(), *i64 = builder.getInt64Ty();
  auto *signature = FunctionType::get(
      builder.getVoidTy(), {pointer, i64, i1, i1, i64, builder.getInt32Ty()},
      false);
  FunctionCallee callee = module.getOrInsertFunction(accessFunction, signature);
  builder.CreateCall(
      callee, {builder.CreatePointerBitCastOrAddrSpaceCast(address, pointer),
               builder.CreateZExtOrTrunc(bytes, i64), builder.getInt1(store),
               builder.getInt1(atomic), builder.getInt64(alignment.value()),
               builder.getInt32(addSite(before))});
}

void Converter::announceAccess(Instruction &instruction) {
  const llvm::DataLayout &layout = module.getDataLayout();
  auto sizeOf = [&](Type *type) {
    return ConstantInt::get(Type::getInt64Ty(context),
                            layout.getTypeStoreSize(type));
  };
  if (auto *load = dyn_cast<LoadInst>(&instruction))
    announce(instruction, load->getPointerOperand(), sizeOf(load->getType()),
             false, load->isAtomic(), load->getAlign());
  else if (auto *store = dyn_cast<StoreInst>(&instruction))
    announce(instruction, store->getPointerOperand(),
             sizeOf(store->getValueOperand()->getType()), true,
             store->isAtomic(), store->getAlign());
  else if (auto *atomic = dyn_cast<AtomicRMWInst>(&instruction))
    announce(instruction, atomic->getPointerOperand(),
             sizeOf(atomic->getType()), true, true, atomic->getAlign());
  else if (auto *exchange = dyn_cast<AtomicCmpXchgInst>(&instruction))
    announce(instruction, exchange->getPointerOperand(),
             sizeOf(exchange->getNewValOperand()->getType()), true, true,
             exchange->getAlign());
  else if (auto *memory = dyn_cast<MemIntrinsic>(&instruction)) {
    announce(instruction, memory->getRawDest(), memory->getLength(), true,
             false, memory->getDestAlign().valueOrOne());
    if (auto *transfer = dyn_cast<MemTransferInst>(memory))
      announce(instruction, transfer->getRawSource(), memory->getLength(),
               false, false, transfer->getSourceAlign().valueOrOne());
  }
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

void Converter::emitLaunch(Function &kernel, ArrayRef<bool> byValue) {
  auto *signature =
      FunctionType::get(Type::getVoidTy(context), {pointer}, false);
  auto *launch =
      Function::Create(signature, GlobalValue::ExternalLinkage,
                       Twine(launchPrefix) + kernel.getName(), module);
  IRBuilder<> builder(BasicBlock::Create(context, "", launch));
  SmallVector<Value *> arguments;
  for (auto [index, argument] : enumerate(kernel.args())) {
    Value *slot = builder.CreateConstGEP1_32(pointer, launch->getArg(0), index);
    Value *value = builder.CreateLoad(pointer, slot);
    arguments.push_back(
        byValue[index] ? value : builder.CreateLoad(argument.getType(), value));
  }
  builder.CreateCall(&kernel, arguments);
  builder.CreateRetVoid();
}

Error Converter::convertFunction(Function &function) {
  ModuleSlotTracker tracker(&module);
  tracker.incorporateFunction(function);
  names = &tracker;
  SmallVector<Instruction *> calls, accesses;
  for (Instruction &instruction : instructions(function)) {
    if (isa<CallInst>(instruction))
      calls.push_back(&instruction);
    else if (instruction.mayReadOrWriteMemory())
      accesses.push_back(&instruction);
  }
  for (Instruction *access : accesses)
    announceAccess(*access);
  argumentSlot = resultSlot = nullptr;
  argumentBytes = resultBytes = 0;
  for (Instruction *call : calls)
    if (Error error = convertCall(*cast<CallInst>(call)))
      return error;
  auto *i64 = Type::getInt64Ty(context);
  if (argumentSlot)
    argumentSlot->setOperand(0, ConstantInt::get(i64, argumentBytes));
  if (resultSlot)
    resultSlot->setOperand(0, ConstantInt::get(i64, resultBytes));

  bool isKernel = function.getCallingConv() == CallingConv::PTX_Kernel ||
                  function.hasFnAttribute("nvvm.kernel");
  SmallVector<bool> byValue;
  for (Argument &argument : function.args())
    byValue.push_back(argument.hasByValAttr());
  // Target features and sizes of blocks mean nothing here.
  function.setAttributes({});
  function.setCallingConv(CallingConv::C);
  if (isKernel) {
    code.kernels.push_back(function.getName().str());
    emitLaunch(function, byValue);
  }
  return Error::success();
}

Error Converter::convert() {
  SmallVector<Function *> functions;
  for (Function &function : module)
    if (!function.isDeclaration())
      functions.push_back(&function);
  for (Function *function : functions)
    if (Error error = convertFunction(*function))
      return error;
  placeSharedVariables();
  for (Function *function : functions)
    for (Instruction &instruction : instructions(*function))
      if (auto *call = dyn_cast<CallInst>(&instruction))
        call->setCallingConv(CallingConv::C);
  if (NamedMDNode *flags = module.getModuleFlagsMetadata())
    flags->eraseFromParent();
  std::string problem;
  raw_string_ostream stream(problem);
  if (verifyModule(module, &stream))
    return makeError("the emulator's form of the module is wrong: " + problem);
  return Error::success();
}

Expected<HostCode> mlir::attn::emulator::convertToHost(
    llvm::Module &module, const llvm::DataLayout &layout, const Triple &triple,
    const char *sharedBase) {
  module.setTargetTriple(triple);
  module.setDataLayout(layout);
  Converter converter(module, sharedBase);
  if (Error error = converter.convert())
    return std::move(error);
  return converter.takeCode();
}
