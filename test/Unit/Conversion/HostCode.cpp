//===- HostCode.cpp - Modules on memrefs, compiled for this machine -----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostCode.h"

#include "attn/Conversion/ExpandMath/Passes.h"
#include "attn/Conversion/LinalgToVector/Passes.h"
#include "attn/Dialect/Attn/IR/Attn.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/Support/TargetSelect.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::attn;

Matrix::Matrix(int64_t rows, int64_t columns)
    : rows(rows), columns(columns), offset(columns + 8), stride(columns + 5),
      storage((rows + 3) * stride + 8,
              std::numeric_limits<float>::quiet_NaN()) {}

Matrix::Descriptor Matrix::descriptor() {
  return {storage.data(), storage.data(), offset, {rows, columns}, {stride, 1}};
}

bool Matrix::isBorderIntact() const {
  for (size_t i = 0; i < storage.size(); ++i) {
    int64_t from = int64_t(i) - offset;
    bool inside = from >= 0 && from / stride < rows && from % stride < columns;
    if (!inside && !std::isnan(storage[i]))
      return false;
  }
  return true;
}

static void buildPasses(OpPassManager &pm, Lowering lowering) {
  if (lowering == Lowering::Loops)
    pm.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  pm.addPass(createVectorizePass({"native"}));
  pm.addPass(createExpandMathPass({"native"}));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

std::unique_ptr<HostCode> HostCode::compile(StringRef source,
                                            Lowering lowering) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerAllToLLVMIRTranslations(registry);
  registry.insert<AttnDialect>();
  std::unique_ptr<HostCode> code(new HostCode());
  code->context = std::make_unique<MLIRContext>(registry);
  auto module = parseSourceString<ModuleOp>(source, code->context.get());
  PassManager pm(code->context.get());
  buildPasses(pm, lowering);
  if (!module || failed(pm.run(*module)))
    return nullptr;
  auto machine = llvm::cantFail(
      llvm::cantFail(llvm::orc::JITTargetMachineBuilder::detectHost())
          .createTargetMachine());
  auto optimize = makeOptimizingTransformer(2, 0, machine.get());
  ExecutionEngineOptions options;
  options.transformer = optimize;
  code->engine = llvm::cantFail(
      ExecutionEngine::create(*module, options, std::move(machine)));
  return code;
}

void HostCode::call(StringRef function, ArrayRef<Matrix *> arguments) {
  SmallVector<Matrix::Descriptor> descriptors;
  for (Matrix *matrix : arguments)
    descriptors.push_back(matrix->descriptor());
  SmallVector<Matrix::Descriptor *> pointers;
  for (Matrix::Descriptor &descriptor : descriptors)
    pointers.push_back(&descriptor);
  SmallVector<void *> packed;
  for (Matrix::Descriptor *&pointer : pointers)
    packed.push_back(&pointer);
  llvm::cantFail(
      engine->invokePacked(("_mlir_ciface_" + function).str(), packed));
}
