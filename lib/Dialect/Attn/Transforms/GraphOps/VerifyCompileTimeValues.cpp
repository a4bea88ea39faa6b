//===- VerifyCompileTimeValues.cpp - Where masks may not go -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"

#include "mlir/Analysis/CallGraph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

#include "llvm/ADT/SCCIterator.h"

namespace mlir::attn {
#define GEN_PASS_DEF_VERIFYCOMPILETIMEVALUESPASS
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Whether values of `type` are compile-time values.
static bool isCompileTime(Type type) { return isa<MaskType, ScoreModType>(type); }

/// Whether `type` is or holds such a type.
static bool holdsCompileTime(Type type) {
  return type
      .walk([](Type nested) {
        return isCompileTime(nested) ? WalkResult::interrupt()
                                     : WalkResult::advance();
      })
      .wasInterrupted();
}

static bool holdsCompileTime(FunctionOpInterface function) {
  return llvm::any_of(function.getArgumentTypes(),
                      [](Type type) { return holdsCompileTime(type); }) ||
         llvm::any_of(function.getResultTypes(),
                      [](Type type) { return holdsCompileTime(type); });
}

namespace {
class Verifier {
public:
  LogicalResult verify(Operation *root) {
    root->walk([&](Operation *op) {
      if (auto function = dyn_cast<FunctionOpInterface>(op))
        verifyFunction(function);
      verifyResults(op);
      for (Region &region : op->getRegions())
        verifyArguments(op, region);
    });
    verifyNoRecursion(root);
    return failure(failed);
  }

private:
  /// Begins an error, which goes on with what is wrong at `op`.
  InFlightDiagnostic error(Operation *op) {
    failed = true;
    return op->emitOpError();
  }

  void verifyFunction(FunctionOpInterface function) {
    if (!holdsCompileTime(function))
      return;
    StringRef name = function.getName();
    if (!function.isPrivate()) {
      error(function) << "@" << name << " is public and has the type "
                      << function.getFunctionType()
                      << "; masks and score modifiers are compile-time values, "
                         "which only private functions take and give";
      return;
    }
    if (function.isExternal()) {
      error(function) << "@" << name << " has no body; a function that takes or "
                      << "gives a mask or score modifier is inlined";
      return;
    }
    auto func = dyn_cast<func::FuncOp>(function.getOperation());
    if (func && func.getNoInline())
      error(function) << "@" << name << " is no_inline; a function that takes or "
                      << "gives a mask or score modifier is inlined";
  }

  void verifyResults(Operation *op) {
    for (Type type : op->getResultTypes()) {
      if (!holdsCompileTime(type) || givesCompileTime(op, type))
        continue;
      error(op) << "gives " << type
                << "; masks and score modifiers are compile-time values, which "
                   "only attn ops and direct calls of private functions give";
      return;
    }
  }

  static bool givesCompileTime(Operation *op, Type type) {
    return isCompileTime(type) &&
           isa<MaskOpInterface, ScoreModOpInterface, func::CallOp>(op);
  }

  /// Only the entry block of a function has arguments that are such values.
  void verifyArguments(Operation *op, Region &region) {
    bool isBody = isa<FunctionOpInterface>(op);
    for (auto [index, block] : llvm::enumerate(region))
      for (BlockArgument argument : block.getArguments()) {
        Type type = argument.getType();
        if (!holdsCompileTime(type) ||
            (isBody && index == 0 && isCompileTime(type)))
          continue;
        error(op) << "carries " << type
                  << " into a block; masks and score modifiers are compile-time "
                     "values, which no loop or branch carries";
        return;
      }
  }

  /// A function that calls itself cannot be inlined.
  void verifyNoRecursion(Operation *root) {
    const CallGraph graph(root);
    for (auto scc = llvm::scc_begin(&graph); !scc.isAtEnd(); ++scc) {
      if (!scc.hasCycle())
        continue;
      for (CallGraphNode *node : *scc) {
        if (node->isExternal())
          continue;
        auto function = dyn_cast<FunctionOpInterface>(
            node->getCallableRegion()->getParentOp());
        if (function && holdsCompileTime(function))
          error(function) << "@" << function.getName()
                          << " calls itself; a function that takes or gives a "
                             "mask or score modifier is inlined";
      }
    }
  }

  bool failed = false;
};
} // namespace

namespace {
struct VerifyCompileTimeValues
    : public attn::impl::VerifyCompileTimeValuesPassBase<
          VerifyCompileTimeValues> {
  void runOnOperation() override {
    if (failed(Verifier().verify(getOperation())))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace
