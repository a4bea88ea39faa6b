//===- GPUPhases.cpp - Phases of attention on a GPU -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GPUPhases.h"

#include "attn/Conversion/AttnToGPU/Passes.h"
#include "attn/Conversion/AttnToLLVM/Passes.h"
#include "attn/Conversion/ExpandMath/Passes.h"
#include "attn/Pipelines/HostCode.h"
#include "attn/Target/CPU/ObjectEmission.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::attn;

void attn::buildKernels(OpPassManager &pm, const PhaseOptions &options) {
  pm.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  pm.addPass(createConvertAttnToGPUPass({options.gpu->name}));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void attn::lowerKernels(OpPassManager &pm, const PhaseOptions &) {
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addNestedPass<gpu::GPUFuncOp>(createExpandMathPass());
  kernels.addNestedPass<gpu::GPUFuncOp>(createExpandDeviceMathPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createLoopInvariantCodeMotionPass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertMathToLLVMPass());
  kernels.addPass(createConvertGpuOpsToNVVMOps());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}

void attn::buildHostCode(OpPassManager &pm, const PhaseOptions &options) {
  pm.addPass(createWorkspaceFunctionsPass());
  OpPassManager &functions = pm.nest<func::FuncOp>();
  functions.addPass(createExpandViewsPass());
  functions.addPass(createLowerAffinePass());
  functions.addPass(arith::createArithExpandOpsPass());
  functions.addPass(createSCFToControlFlowPass());
  pm.addPass(createLowerSignaturesPass(
      {getRequiredFeatures(options.target), int64_t(options.threads)}));
  pm.addPass(createConvertAttnToLLVMPass());
  pm.addPass(createEmitEntriesPass());
}
