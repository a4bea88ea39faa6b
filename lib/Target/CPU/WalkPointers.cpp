//===- WalkPointers.cpp - Addresses that cost no second instruction -----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WalkPointers.h"

#include "llvm/Analysis/ScalarEvolutionExpressions.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Transforms/Utils/Local.h"
#include "llvm/Transforms/Utils/ScalarEvolutionExpander.h"

using namespace mlir::attn;

/// Whether `load` reads a scalar that alone makes a vector.
static bool isSpread(const llvm::LoadInst &load) {
  return load.isSimple() && load.getType()->isFloatTy() && load.hasOneUse() &&
         llvm::isa<llvm::InsertElementInst>(load.user_back());
}

namespace {
/// Loads whose addresses differ from the first one's by constants.
struct Group {
  const llvm::SCEVAddRecExpr *first;
  llvm::SmallVector<std::pair<llvm::LoadInst *, llvm::APInt>> loads;
};
} // namespace

static llvm::SmallVector<llvm::LoadInst *> findLoads(llvm::Loop &loop) {
  llvm::SmallVector<llvm::LoadInst *> loads;
  for (llvm::Instruction &instruction : *loop.getHeader())
    if (auto *load = llvm::dyn_cast<llvm::LoadInst>(&instruction);
        load && isSpread(*load))
      loads.push_back(load);
  return loads;
}

static llvm::SmallVector<Group, 2>
groupLoads(llvm::ArrayRef<llvm::LoadInst *> loads, llvm::Loop &loop,
           llvm::ScalarEvolution &scev) {
  llvm::SmallVector<Group, 2> groups;
  for (llvm::LoadInst *load : loads) {
    auto *address = llvm::dyn_cast<llvm::SCEVAddRecExpr>(
        scev.getSCEV(load->getPointerOperand()));
    if (!address || address->getLoop() != &loop || !address->isAffine() ||
        !llvm::isa<llvm::SCEVConstant>(address->getStepRecurrence(scev)))
      continue;
    bool found = false;
    for (Group &group : groups)
      if (auto distance = scev.computeConstantDifference(address, group.first);
          distance && !found) {
        group.loads.emplace_back(load, *distance);
        found = true;
      }
    if (!found)
      groups.push_back({address, {{load, llvm::APInt(64, 0)}}});
  }
  return groups;
}

/// A pointer that starts where the first of the group's loads does and walks
/// along with them.
static llvm::Value *emitPointer(llvm::Loop &loop, const Group &group,
                                llvm::SCEVExpander &expander,
                                llvm::ScalarEvolution &scev) {
  llvm::BasicBlock *header = loop.getHeader();
  llvm::Type *type = group.first->getType();
  llvm::Value *start = expander.expandCodeFor(
      group.first->getStart(), type, loop.getLoopPreheader()->getTerminator());
  llvm::IRBuilder<> builder(header, header->begin());
  llvm::PHINode *pointer = builder.CreatePHI(type, 2);
  builder.SetInsertPoint(header->getTerminator());
  auto *step =
      llvm::cast<llvm::SCEVConstant>(group.first->getStepRecurrence(scev));
  pointer->addIncoming(start, loop.getLoopPreheader());
  pointer->addIncoming(builder.CreatePtrAdd(pointer, step->getValue()), header);
  return pointer;
}

llvm::PreservedAnalyses
WalkPointers::run(llvm::Loop &loop, llvm::LoopAnalysisManager &,
                  llvm::LoopStandardAnalysisResults &analyses,
                  llvm::LPMUpdater &) {
  // A pointer costs an instruction per step, and a register.
  constexpr size_t leastLoads = 8;
  llvm::BasicBlock *header = loop.getHeader();
  if (loop.getLoopLatch() != header || !loop.getLoopPreheader())
    return llvm::PreservedAnalyses::all();
  llvm::SmallVector<llvm::LoadInst *> loads = findLoads(loop);
  if (loads.size() < leastLoads)
    return llvm::PreservedAnalyses::all();
  llvm::SCEVExpander expander(analyses.SE, "walk");
  bool changed = false;
  for (const Group &group : groupLoads(loads, loop, analyses.SE)) {
    if (group.loads.size() < leastLoads)
      continue;
    changed = true;
    llvm::Value *pointer = emitPointer(loop, group, expander, analyses.SE);
    for (auto [load, distance] : group.loads) {
      llvm::Value *old = load->getPointerOperand();
      llvm::IRBuilder<> builder(load);
      load->setOperand(0,
                       builder.CreatePtrAdd(pointer, builder.getInt(distance)));
      llvm::RecursivelyDeleteTriviallyDeadInstructions(old);
    }
  }
  if (!changed)
    return llvm::PreservedAnalyses::all();
  analyses.SE.forgetLoop(&loop);
  return llvm::getLoopPassPreservedAnalyses();
}
