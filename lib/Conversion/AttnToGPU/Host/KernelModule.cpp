//===- KernelModule.cpp - The kernels of a module and their launches ----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelModule.h"

#include "../Arguments/Captures.h"

#include "attn/Target/NVPTX/Launch.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"

using namespace mlir;
using namespace mlir::attn;

/// With the name of dynamic shared memory.
gpu::GPUModuleOp KernelModule::get() {
  if (kernels)
    return kernels;
  module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                  UnitAttr::get(module.getContext()));
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  kernels = gpu::GPUModuleOp::create(b, module.getLoc(), kernelsName);
  b.setInsertionPointToStart(kernels.getBody());
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), 0);
  LLVM::GlobalOp::create(b, module.getLoc(), type, /*isConstant=*/false,
                         LLVM::Linkage::External, sharedMemoryName, Attribute(),
                         /*alignment=*/1024, /*addrSpace=*/3);
  return kernels;
}

gpu::GPUFuncOp KernelModule::create(OpBuilder &b, Location loc, StringRef name,
                                    ValueRange operands, int64_t threads) {
  b.setInsertionPointToEnd(get().getBody());
  auto type = b.getFunctionType(operands.getTypes(), {});
  auto kernel = gpu::GPUFuncOp::create(b, loc, name, type);
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  if (chips)
    kernel->setAttr(kernelChipsAttr, chips);
  kernel.setKnownBlockSizeAttr(
      b.getDenseI32ArrayAttr({int32_t(threads), 1, 1}));
  // Else ptxas may spill so that two blocks of fewer registers fit.
  kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                  b.getI32IntegerAttr(1));
  b.setInsertionPointToStart(&kernel.getBody().front());
  return kernel;
}

void KernelModule::finish(OpBuilder &b, gpu::GPUFuncOp kernel) {
  b.setInsertionPointToEnd(&kernel.getBody().front());
  gpu::ReturnOp::create(b, kernel.getLoc());
  // What pairs of one row or column read alike is one load while it is an op.
  IRRewriter rewriter(b);
  DominanceInfo dominance(kernel);
  eliminateCommonSubExpressions(rewriter, dominance, kernel);
  lowerCaptures(kernel);
}

void KernelModule::launch(OpBuilder &b, gpu::GPUFuncOp kernel,
                          const LaunchSizes &sizes, ValueRange operands) {
  Location loc = kernel.getLoc();
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  Value bytes = arith::ConstantIntOp::create(b, loc, sizes.sharedBytes, 32);
  gpu::LaunchFuncOp::create(
      b, loc, kernel, gpu::KernelDim3{sizes.blocks, index(1), index(1)},
      gpu::KernelDim3{index(sizes.threads), index(1), index(1)}, bytes,
      operands);
}

void KernelModule::launchEach(OpBuilder &b, gpu::GPUFuncOp kernel,
                              ValueRange sizes, int64_t threads,
                              ValueRange operands) {
  Location loc = kernel.getLoc();
  Value total = arith::ConstantIndexOp::create(b, loc, 1);
  for (Value size : sizes)
    total = b.createOrFold<arith::MulIOp>(
        loc, total,
        b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(), size));
  Value perBlock = arith::ConstantIndexOp::create(b, loc, threads);
  Value blocks = b.createOrFold<arith::CeilDivUIOp>(loc, total, perBlock);
  launch(b, kernel, {blocks, threads, 0}, operands);
}
