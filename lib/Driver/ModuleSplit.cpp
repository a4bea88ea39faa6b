//===- ModuleSplit.cpp - Half of a module's functions apart -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleSplit.h"

using namespace mlir;
using namespace mlir::attn;

/// Operations that take as long as a thread with a code generator of its own.
static constexpr unsigned startCost = 500;
/// Operations that take as long as the runtime support, which stays.
static constexpr unsigned runtimeCost = 500;

static unsigned countOps(LLVM::LLVMFuncOp func) {
  unsigned count = 0;
  func.walk([&](Operation *) { ++count; });
  return count;
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
  unsigned stays = runtimeCost, moves = 0;
  // With their place, so that the order of equal ones is the module's.
  SmallVector<std::tuple<int64_t, size_t, LLVM::LLVMFuncOp>> candidates;
  for (auto func : first.getOps<LLVM::LLVMFuncOp>()) {
    unsigned count = countOps(func);
    if (canMove(func))
      candidates.push_back({-int64_t(count), candidates.size(), func});
    else
      stays += count;
  }
  llvm::sort(candidates, [](const auto &left, const auto &right) {
    return std::tie(std::get<0>(left), std::get<1>(left)) <
           std::tie(std::get<0>(right), std::get<1>(right));
  });
  SmallVector<LLVM::LLVMFuncOp> chosen;
  for (auto [negated, place, func] : candidates) {
    unsigned &side = moves < stays ? moves : stays;
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
  auto uses = SymbolTable::getSymbolUses(func);
  return uses && llvm::all_of(*uses, [&](const SymbolTable::SymbolUse &use) {
           auto *used = symbols.lookup(use.getSymbolRef().getRootReference());
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
  auto uses = SymbolTable::getSymbolUses(func);
  for (SymbolTable::SymbolUse use : *uses) {
    StringAttr name = use.getSymbolRef().getRootReference();
    if (second->lookupSymbol(name))
      continue;
    Operation *used = symbols.lookup(name);
    if (auto called = dyn_cast<LLVM::LLVMFuncOp>(used))
      declare(builder, called);
    else
      builder.clone(*used);
  }
}
