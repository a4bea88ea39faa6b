//===- ModuleSplit.cpp - Half of a module's functions apart -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleSplit.h"

using namespace mlir;
using namespace mlir::attn;

/// What a thread with a code generator of its own takes, in operations.
static constexpr unsigned startCost = 500;
/// What the runtime support takes, which stays, and joining the parts.
static constexpr unsigned runtimeCost = 1000;

/// The operations that become instructions, long functions taking longer for
/// each: with 4000 of them 1.4 times as long as with 1000.
static int64_t estimateCost(LLVM::LLVMFuncOp func) {
  int64_t count = 0;
  func.walk([&](Operation *op) {
    if (!op->hasTrait<OpTrait::ConstantLike>() &&
        !isa<LLVM::ExtractValueOp, LLVM::InsertValueOp>(op))
      ++count;
  });
  return count + count * count / 8000;
}

/// The symbols that the function names; none if it may name them in other ways
/// than lowered functions do. A search for all uses reads every attribute.
static std::optional<SetVector<StringAttr>>
findUsedSymbols(LLVM::LLVMFuncOp func) {
  SetVector<StringAttr> names;
  WalkResult result = func.getBody().walk([&](SymbolUserOpInterface op) {
    if (auto address = dyn_cast<LLVM::AddressOfOp>(*op)) {
      names.insert(address.getGlobalNameAttr().getAttr());
      return WalkResult::advance();
    }
    auto call = dyn_cast<LLVM::CallOp>(*op);
    if (!call)
      return WalkResult::interrupt();
    if (FlatSymbolRefAttr callee = call.getCalleeAttr())
      names.insert(callee.getAttr());
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return std::nullopt;
  return names;
}

/// A constant of this module alone: two of them are as good as one.
static bool canCopy(LLVM::GlobalOp global) {
  return global.getConstant() && global.getInitializerRegion().empty() &&
         (global.getLinkage() == LLVM::Linkage::Private ||
          global.getLinkage() == LLVM::Linkage::Internal);
}

ModuleSplit::ModuleSplit(ModuleOp module) : first(module), symbols(module) {
  SmallVector<LLVM::LLVMFuncOp> chosen = choose();
  if (chosen.empty())
    return;
  second = ModuleOp::create(module.getLoc());
  (*second)->setAttrs(module->getAttrs());
  for (LLVM::LLVMFuncOp func : chosen)
    move(func);
  for (LLVM::LLVMFuncOp func : chosen)
    declareUsed(func);
}

ModuleSplit::~ModuleSplit() {
  for (auto [func, declaration] : moved) {
    func->moveBefore(declaration);
    declaration.erase();
  }
}

/// The longest function goes where less is, then the next.
SmallVector<LLVM::LLVMFuncOp> ModuleSplit::choose() {
  int64_t stays = runtimeCost, moves = 0;
  // With their place, so that the order of equal ones is the module's.
  SmallVector<std::tuple<int64_t, size_t, LLVM::LLVMFuncOp>> candidates;
  for (auto func : first.getOps<LLVM::LLVMFuncOp>()) {
    int64_t cost = estimateCost(func);
    if (canMove(func))
      candidates.push_back({-cost, candidates.size(), func});
    else
      stays += cost;
  }
  llvm::sort(candidates, [](const auto &left, const auto &right) {
    return std::tie(std::get<0>(left), std::get<1>(left)) <
           std::tie(std::get<0>(right), std::get<1>(right));
  });
  SmallVector<LLVM::LLVMFuncOp> chosen;
  for (auto [negated, place, func] : candidates) {
    int64_t &side = moves < stays ? moves : stays;
    side -= negated;
    if (&side == &moves)
      chosen.push_back(func);
  }
  if (std::min(stays, moves) < startCost)
    chosen.clear();
  return chosen;
}

bool ModuleSplit::canMove(LLVM::LLVMFuncOp func) {
  if (func.isExternal() || func.getLinkage() != LLVM::Linkage::Internal)
    return false;
  auto names = findUsedSymbols(func);
  return names && llvm::all_of(*names, [&](StringAttr name) {
           auto *used = symbols.lookup(name);
           if (auto global = dyn_cast_or_null<LLVM::GlobalOp>(used))
             return canCopy(global);
           return isa_and_nonnull<LLVM::LLVMFuncOp>(used);
         });
}

/// Another part of the same object has the code.
static LLVM::LLVMFuncOp declare(OpBuilder &builder, LLVM::LLVMFuncOp func) {
  auto declaration =
      cast<LLVM::LLVMFuncOp>(builder.insert(func->cloneWithoutRegions()));
  declaration.setLinkage(LLVM::Linkage::External);
  if (!func.isExternal())
    declaration.setDsoLocal(true);
  return declaration;
}

void ModuleSplit::move(LLVM::LLVMFuncOp func) {
  OpBuilder builder(func);
  moved.push_back({func, declare(builder, func)});
  func->moveBefore(second->getBody(), second->getBody()->end());
}

void ModuleSplit::declareUsed(LLVM::LLVMFuncOp func) {
  OpBuilder builder = OpBuilder::atBlockBegin(second->getBody());
  // It could move: its symbols are known.
  SetVector<StringAttr> names = *findUsedSymbols(func);
  for (StringAttr name : names) {
    if (second->lookupSymbol(name))
      continue;
    Operation *used = symbols.lookup(name);
    if (auto called = dyn_cast<LLVM::LLVMFuncOp>(used))
      declare(builder, called);
    else
      builder.clone(*used);
  }
}
