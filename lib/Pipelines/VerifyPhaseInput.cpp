//===- VerifyPhaseInput.cpp - What each phase takes -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/AttnFacts.h"
#include "attn/Dialect/Attn/IR/AttnParallel.h"
#include "attn/Dialect/Attn/IR/AttnRecompute.h"
#include "attn/Dialect/Attn/IR/AttributeNames.h"
#include "attn/Pipelines/Passes.h"
#include "attn/Pipelines/Phases.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::attn {
#define GEN_PASS_DEF_VERIFYPHASEINPUTPASS
#include "attn/Pipelines/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
/// The last phases that take ops of a name or of a dialect, if any does.
struct LastPhases {
  StringRef name;
  std::optional<Phase> onCPU, onGPU;
};
} // namespace

/// In the alphabet's order: the refusal lists them.
static constexpr LastPhases dialects[] = {
    {"affine", Phase::Lower, Phase::Lower},
    {"amx", Phase::Lower, std::nullopt},
    {"arith", Phase::Lower, Phase::Lower},
    {"attn", Phase::Optimize, Phase::Optimize},
    {"bufferization", Phase::Bufferize, Phase::Tile},
    {"builtin", Phase::Lower, Phase::Lower},
    {"cf", Phase::Lower, Phase::Lower},
    {"complex", Phase::Lower, std::nullopt},
    {"func", Phase::Lower, Phase::Lower},
    {"gpu", std::nullopt, Phase::Lower},
    {"index", Phase::Lower, Phase::Lower},
    {"linalg", Phase::Lower, Phase::Tile},
    {"llvm", Phase::Lower, Phase::Lower},
    {"math", Phase::Lower, Phase::Lower},
    {"memref", Phase::Lower, Phase::Lower},
    {"nvgpu", std::nullopt, Phase::Lower},
    {"nvvm", std::nullopt, Phase::Lower},
    {"scf", Phase::Lower, Phase::Lower},
    {"tensor", Phase::Bufferize, Phase::Tile},
    {"ub", Phase::Lower, Phase::Lower},
    {"vector", Phase::Lower, Phase::Lower},
    {"x86vector", Phase::Lower, std::nullopt},
};

/// Ops of attn that go further than graph ops, masks and score modifiers do.
static constexpr LastPhases attnOps[] = {
    {AssumeOp::getOperationName(), Phase::Decompose, Phase::Tile},
    {AttendOp::getOperationName(), Phase::Tile, Phase::Tile},
    {AttendTileOp::getOperationName(), Phase::Decompose, std::nullopt},
    {ScoreTileOp::getOperationName(), Phase::Decompose, std::nullopt},
    {FloorModOp::getOperationName(), Phase::Vectorize, Phase::Lower},
    {LoadOp::getOperationName(), Phase::Vectorize, Phase::Tile},
    {ClosureOp::getOperationName(), Phase::Lower, std::nullopt},
    {ParallelOp::getOperationName(), Phase::Lower, std::nullopt},
    {RecomputeOp::getOperationName(), Phase::Lower, std::nullopt},
    {RequireOp::getOperationName(), Phase::Lower, Phase::Lower},
    {YieldOp::getOperationName(), Phase::Lower, Phase::Tile},
};

namespace {
struct VerifyPhaseInput
    : public attn::impl::VerifyPhaseInputPassBase<VerifyPhaseInput> {
  using VerifyPhaseInputPassBase::VerifyPhaseInputPassBase;

  void runOnOperation() override;

private:
  std::optional<Phase> getLastPhase(const LastPhases &phases) const {
    return gpu ? phases.onGPU : phases.onCPU;
  }
  std::optional<Phase> findLastPhase(OperationName name) const;
  StringRef where() const { return gpu ? " for a GPU" : ""; }
  LogicalResult refuse(Operation *op, std::optional<Phase> last) const;
  LogicalResult agreeOnTarget(Phase entered);
};
} // namespace

std::optional<Phase> VerifyPhaseInput::findLastPhase(OperationName name) const {
  for (const LastPhases &phases : attnOps)
    if (phases.name == name.getStringRef())
      return getLastPhase(phases);
  for (const LastPhases &phases : dialects)
    if (phases.name == name.getDialectNamespace())
      return getLastPhase(phases);
  return std::nullopt;
}

/// Refuses an op that `last` is the last phase to take.
LogicalResult VerifyPhaseInput::refuse(Operation *op,
                                       std::optional<Phase> last) const {
  InFlightDiagnostic error = op->emitOpError("does not enter the phase '")
                             << phase << "'" << where();
  if (last)
    return error << "; the last phase that takes it is '" << getPhaseName(*last)
                 << "'";
  Phase entered = *parsePhase(phase);
  error << ", which takes ops of ";
  auto taken = llvm::make_filter_range(dialects, [&](const LastPhases &phases) {
    std::optional<Phase> last = getLastPhase(phases);
    return last && *last >= entered;
  });
  llvm::interleaveComma(
      taken, error, [&](const LastPhases &phases) { error << phases.name; });
  return error << "; lower it to these first";
}

/// What one phase has chosen for its target, a later one may have no
/// instructions for.
LogicalResult VerifyPhaseInput::agreeOnTarget(Phase entered) {
  if (target.empty() || entered < Phase::Tile)
    return success();
  ModuleOp module = getOperation();
  auto chosen = module->getAttrOfType<StringAttr>(targetAttr);
  if (chosen && chosen != target)
    return emitError(module.getLoc(),
                     "an earlier phase compiled this module for the "
                     "target '")
           << chosen.getValue() << "', and the phase '" << phase
           << "' is to compile it for '" << target
           << "'; name the same target for all phases";
  module->setAttr(targetAttr, StringAttr::get(&getContext(), target));
  return success();
}

/// Whether nothing uses the op, or a symbol that it is in: both are gone before
/// anything is lowered. Frontends declare a seed of random numbers so.
static bool isUnused(Operation *op) {
  if (isOpTriviallyDead(op))
    return true;
  for (Operation *symbol = op; symbol && symbol->getParentOp();
       symbol = symbol->getParentOp())
    if (auto named = dyn_cast<SymbolOpInterface>(symbol);
        named && named.canDiscardOnUseEmpty() && named.isPrivate() &&
        SymbolTable::symbolKnownUseEmpty(symbol, symbol->getParentOp()))
      return true;
  return false;
}

static bool isTensor(Type type) { return isa<TensorType>(type); }

void VerifyPhaseInput::runOnOperation() {
  std::optional<Phase> entered = parsePhase(phase);
  if (!entered) {
    getOperation().emitError("unknown phase '") << phase << "'";
    return signalPassFailure();
  }
  Phase lastOfTensors = gpu ? Phase::Tile : Phase::Bufferize;
  bool tensors = *entered <= lastOfTensors;
  // Modules have many ops of few names.
  llvm::DenseMap<OperationName, std::optional<Phase>> known;
  WalkResult result = getOperation()->walk([&](Operation *op) {
    auto [it, isNew] = known.try_emplace(op->getName());
    if (isNew)
      it->second = findLastPhase(op->getName());
    if (!it->second || *it->second < *entered)
      return isUnused(op) ? WalkResult::skip()
                          : WalkResult(refuse(op, it->second));
    if (!tensors && (llvm::any_of(op->getOperandTypes(), isTensor) ||
                     llvm::any_of(op->getResultTypes(), isTensor)))
      return WalkResult(op->emitOpError("is on tensors and does not enter the "
                                        "phase '")
                        << phase << "'" << where()
                        << "; the last phase that takes these is '"
                        << getPhaseName(lastOfTensors) << "'");
    return WalkResult::advance();
  });
  if (result.wasInterrupted() || failed(agreeOnTarget(*entered)))
    return signalPassFailure();
  markAllAnalysesPreserved();
}
