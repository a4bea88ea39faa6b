//===- main.cpp - A small pipeline with attn in it -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Reads a module from a file, runs the phases of attn down to memrefs with a
// pass of MLIR's own in between, and prints what came out.

#include "attn/InitAll.h"
#include "attn/Pipelines/Phases.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  if (argc != 2) {
    llvm::errs() << "usage: standalone-compiler FILE.mlir\n";
    return 2;
  }
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::attn::registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(argv[1], &context);
  if (!module)
    return 1;

  llvm::Expected<mlir::attn::TargetSpec> target =
      mlir::attn::TargetSpec::parse("x86-64:x86-64-v3");
  if (!target) {
    llvm::errs() << llvm::toString(target.takeError()) << "\n";
    return 1;
  }
  mlir::attn::PhaseOptions options;
  options.target = *target;
  mlir::PassManager passes(&context);
  for (mlir::attn::Phase phase : mlir::attn::getPhases()) {
    mlir::attn::buildPhase(phase, passes, options);
    if (phase == mlir::attn::Phase::Bufferize)
      break;
  }
  passes.addPass(mlir::createLoopInvariantCodeMotionPass());
  if (mlir::failed(passes.run(*module)))
    return 1;
  module->print(llvm::outs());
  return 0;
}
