//===- InitAll.cpp - Registers everything of attn -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/InitAll.h"

#include "attn/Conversion/AttnToGPU/Passes.h"
#include "attn/Conversion/AttnToLLVM/Passes.h"
#include "attn/Conversion/AttnToLinalg/AttnToLinalg.h"
#include "attn/Conversion/ExpandMath/Passes.h"
#include "attn/Conversion/LinalgToAttn/LinalgToAttn.h"
#include "attn/Conversion/LinalgToVector/Passes.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/Transforms/PlanPasses.h"
#include "attn/Pipelines/Passes.h"
#include "attn/Pipelines/Phases.h"

using namespace mlir;

void attn::registerAllDialects(DialectRegistry &registry) {
  registry.insert<AttnDialect>();
  registerBufferizableOpInterfaceExternalModels(registry);
}

void attn::registerAllPasses() {
  registerAttnToGPUPasses();
  registerAttnToLLVMPasses();
  registerAttnToLinalgPasses();
  registerAttnPlanPasses();
  registerAttnTransformsPasses();
  registerExpandMathPasses();
  registerLinalgToAttnPasses();
  registerLinalgToVectorPasses();
  registerPipelinesPasses();
  registerPhasePipelines();
}
