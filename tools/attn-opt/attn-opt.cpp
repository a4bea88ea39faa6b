//===- attn-opt.cpp - Runs attn's and MLIR's passes on a module -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLinalg/AttnToLinalg.h"
#include "attn/Conversion/ExpandMath/Passes.h"
#include "attn/Conversion/LinalgToAttn/LinalgToAttn.h"
#include "attn/Conversion/LinalgToVector/Passes.h"
#include "attn/Conversion/AttnToLLVM/Passes.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "attn/Pipelines/Phases.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<mlir::attn::AttnDialect>();
  mlir::attn::registerBufferizableOpInterfaceExternalModels(registry);
  mlir::registerAllPasses();
  mlir::attn::registerAttnToLLVMPasses();
  mlir::attn::registerPhasePipelines();
  mlir::attn::registerAttnTransformsPasses();
  mlir::attn::registerAttnToLinalgPasses();
  mlir::attn::registerLinalgToAttnPasses();
  mlir::attn::registerExpandMathPasses();
  mlir::attn::registerLinalgToVectorPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "attn optimizer driver\n", registry));
}
