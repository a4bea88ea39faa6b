//===- AttnToLLVM.cpp - To the LLVM dialect -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLLVM/Passes.h"
#include "attn/Dialect/Attn/IR/ABI.h"

#include "LowerLaunches.h"
#include "LowerRecompute.h"
#include "RuntimeCalls.h"
#include "attn-c/Runtime.h"

#include "mlir/Analysis/DataLayoutAnalysis.h"
#include "mlir/Conversion/ConvertToLLVM/ToLLVMInterface.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/AMX/Transforms.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Dialect/X86Vector/Transforms.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/Threading.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mlir::attn {
#define GEN_PASS_DEF_CONVERTATTNTOLLVMPASS
#include "attn/Conversion/AttnToLLVM/AttnToLLVMPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// The call frame of the function around `op`.
static Value getFrame(Operation *op) {
  return op->getParentOfType<FunctionOpInterface>().getArgument(0);
}

/// Whether the function around `op` has a call frame.
static bool hasFrame(Operation *op) {
  return op->getParentOfType<FunctionOpInterface>()->hasAttr(abi::spec);
}

static bool isInParallel(Operation *op) {
  return op->getParentOfType<ParallelOp>() != nullptr;
}

namespace {
/// Scratch from the runtime; where there is none, the function or loop body
/// ends, the failure having been noted.
struct LowerAlloc : public ConvertOpToLLVMPattern<memref::AllocOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(memref::AllocOp alloc, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!hasFrame(alloc) || !isConvertibleAndHasIdentityMaps(alloc.getType()))
      return rewriter.notifyMatchFailure(alloc, "not scratch of a call");
    Location loc = alloc.getLoc();
    SmallVector<Value> sizes, strides;
    Value bytes;
    getMemRefDescriptorSizes(loc, alloc.getType(), adaptor.getDynamicSizes(),
                             rewriter, sizes, strides, bytes);
    bool inParallel = isInParallel(alloc);
    Value pointer = emitRuntimeCall(rewriter, loc,
                                    inParallel ? RuntimeFunction::AllocLocal
                                               : RuntimeFunction::Alloc,
                                    {getFrame(alloc), bytes});
    emitCheck(rewriter, loc, pointer, inParallel);
    rewriter.replaceOp(
        alloc, {createMemRefDescriptor(loc, alloc.getType(), pointer, pointer,
                                       sizes, strides, rewriter)});
    return success();
  }

private:
  /// Leaves the body unless there is memory.
  static void emitCheck(ConversionPatternRewriter &rewriter, Location loc,
                        Value pointer, bool inParallel) {
    Value null = LLVM::ZeroOp::create(rewriter, loc, pointer.getType());
    Value none = LLVM::ICmpOp::create(rewriter, loc, LLVM::ICmpPredicate::eq,
                                      pointer, null);
    Block *before = rewriter.getInsertionBlock();
    Block *after = rewriter.splitBlock(before, rewriter.getInsertionPoint());
    Block *leave = rewriter.createBlock(after);
    if (inParallel) {
      YieldOp::create(rewriter, loc);
    } else {
      Value status = LLVM::ConstantOp::create(
          rewriter, loc, rewriter.getI32Type(),
          rewriter.getI32IntegerAttr(ATTN_OUT_OF_MEMORY));
      LLVM::ReturnOp::create(rewriter, loc, status);
    }
    rewriter.setInsertionPointToEnd(before);
    LLVM::CondBrOp::create(rewriter, loc, none, leave, after);
    rewriter.setInsertionPointToStart(after);
  }
};

struct LowerDealloc : public ConvertOpToLLVMPattern<memref::DeallocOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(memref::DeallocOp dealloc, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!hasFrame(dealloc))
      return rewriter.notifyMatchFailure(dealloc, "not scratch of a call");
    MemRefDescriptor descriptor(adaptor.getMemref());
    Location loc = dealloc.getLoc();
    emitRuntimeCall(
        rewriter, loc,
        isInParallel(dealloc) ? RuntimeFunction::FreeLocal
                              : RuntimeFunction::Free,
        {getFrame(dealloc), descriptor.allocatedPtr(rewriter, loc)});
    rewriter.eraseOp(dealloc);
    return success();
  }
};

/// Keeps the op, its types converted.
struct ConvertParallel : public ConvertOpToLLVMPattern<ParallelOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(ParallelOp parallel, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto converted =
        ParallelOp::create(rewriter, parallel.getLoc(), adaptor.getCount());
    rewriter.inlineRegionBefore(parallel.getBody(), converted.getBody(),
                                converted.getBody().end());
    if (failed(rewriter.convertRegionTypes(&converted.getBody(),
                                           *getTypeConverter())))
      return failure();
    rewriter.eraseOp(parallel);
    return success();
  }
};

/// Whether the body of `op` has converted types alone.
template <typename OpTy>
void keepConverted(LLVMConversionTarget &target,
                   const LLVMTypeConverter &converter) {
  target.addDynamicallyLegalOp<OpTy>([&](OpTy op) {
    return converter.isLegal(op.getOperation()) &&
           converter.isLegal(&op.getBody());
  });
}

/// Loads what the conversion interfaces of loaded dialects produce.
struct LoadConvertedDialects : public DialectExtensionBase {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LoadConvertedDialects)

  LoadConvertedDialects() : DialectExtensionBase(/*dialectNames=*/{}) {}

  void apply(MLIRContext *context,
             MutableArrayRef<Dialect *> dialects) const final {
    for (Dialect *dialect : dialects)
      if (auto *interface = dyn_cast<ConvertToLLVMPatternInterface>(dialect))
        interface->loadDependentDialects(context);
  }

  std::unique_ptr<DialectExtensionBase> clone() const final {
    return std::make_unique<LoadConvertedDialects>(*this);
  }
};

struct ConvertAttnToLLVM
    : public attn::impl::ConvertAttnToLLVMPassBase<ConvertAttnToLLVM> {
  void getDependentDialects(DialectRegistry &registry) const override {
    ConvertAttnToLLVMPassBase::getDependentDialects(registry);
    registry.addExtensions<LoadConvertedDialects>();
  }

  void runOnOperation() override;
};
} // namespace

static LogicalResult verifyLowered(ModuleOp module) {
  SmallVector<UnrealizedConversionCastOp> casts, remaining;
  module.walk([&](UnrealizedConversionCastOp cast) { casts.push_back(cast); });
  reconcileUnrealizedCasts(casts, &remaining);
  Operation *left = nullptr;
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<gpu::GPUModuleOp>(op))
      return WalkResult::skip();
    if (isa<LLVM::LLVMDialect>(op->getDialect()) ||
        isa<ModuleOp, ParallelOp, ClosureOp, YieldOp>(op))
      return WalkResult::advance();
    // A cast remains because of an operation; prefer to name that.
    if (!left || isa<UnrealizedConversionCastOp>(left))
      left = op;
    return isa<UnrealizedConversionCastOp>(op) ? WalkResult::advance()
                                               : WalkResult::interrupt();
  });
  if (!left)
    return success();
  return left->emitOpError(
      "has no lowering to the LLVM dialect; convert-attn-to-llvm takes ops of "
      "arith, cf, func, math, memref, vector and others that implement "
      "ConvertToLLVMPatternInterface: lower it to these first");
}

/// Says of vector accesses what MLIR's patterns would find: that elements alone
/// are aligned. For each access they would ask an LLVM context made for that,
/// a quarter of the conversion.
static void stateAlignment(ModuleOp module) {
  auto state = [](auto access) {
    Type element = access.getMemRefType().getElementType();
    if (!access.getAlignment() && element.isIntOrFloat())
      access.setAlignment(llvm::PowerOf2Ceil(
          llvm::divideCeil(element.getIntOrFloatBitWidth(), 8)));
  };
  module.walk([&](Operation *op) {
    llvm::TypeSwitch<Operation *>(op).Case<vector::LoadOp, vector::StoreOp>(
        state);
  });
}

/// Converts all of a module.
static LogicalResult convert(ModuleOp module) {
  stateAlignment(module);
  MLIRContext *context = module.getContext();
  DataLayoutAnalysis layouts(module);
  LowerToLLVMOptions options(context, layouts.getAtOrAbove(module));
  LLVMTypeConverter converter(context, options, &layouts);
  LLVMConversionTarget target(*context);
  RewritePatternSet patterns(context);
  for (Dialect *dialect : context->getLoadedDialects())
    if (auto *interface = dyn_cast<ConvertToLLVMPatternInterface>(dialect))
      interface->populateConvertToLLVMConversionPatterns(target, converter,
                                                         patterns);
  vector::populateVectorMaskOpLoweringPatterns(patterns);
  vector::populateVectorMaskMaterializationPatterns(
      patterns, /*force32BitVectorIndices=*/false);
  vector::populateVectorStepLoweringPatterns(patterns);
  vector::populateVectorInsertExtractStridedSliceTransforms(patterns);
  populateX86VectorLegalizeForLLVMExportPatterns(converter, patterns);
  // Behind LLVM's own: libm has a function for fma, too.
  populateMathToLibmConversionPatterns(patterns, /*benefit=*/0);
  configureX86VectorLegalizeForExportTarget(target);
  populateAMXLegalizeForLLVMExportPatterns(converter, patterns);
  configureAMXLegalizeForExportTarget(target);
  patterns.add<LowerAlloc, LowerDealloc>(converter, /*benefit=*/10);
  patterns.add<ConvertParallel>(converter);
  populateLaunchPatterns(converter, patterns);
  populateRecomputePatterns(converter, patterns);
  keepConverted<ParallelOp>(target, converter);
  keepConverted<ClosureOp>(target, converter);
  target.addLegalOp<YieldOp>();
  // Kernels are compiled apart from what launches them.
  target.addLegalOp<gpu::GPUModuleOp>();
  target.markOpRecursivelyLegal<gpu::GPUModuleOp>();
  target.addIllegalOp<gpu::LaunchFuncOp, gpu::AllocOp, gpu::DeallocOp,
                      nvgpu::TmaCreateDescriptorOp>();
  // A pattern that has changed something succeeds: nothing has to be undone.
  ConversionConfig config;
  config.allowPatternRollback = false;
  if (failed(
          applyPartialConversion(module, target, std::move(patterns), config)))
    return failure();
  return verifyLowered(module);
}

/// The function in a module of its own, where no other is changed.
static ModuleOp takeOut(func::FuncOp func) {
  auto module = func->getParentOfType<ModuleOp>();
  ModuleOp part = ModuleOp::create(module.getLoc());
  part->setAttrs(module->getAttrs());
  func->moveBefore(part.getBody(), part.getBody()->end());
  return part;
}

static bool isSame(Operation *lhs, Operation *rhs) {
  return OperationEquivalence::isEquivalentTo(
      lhs, rhs, OperationEquivalence::IgnoreLocations);
}

/// Moves what `part` holds back, but for what is there already: what several
/// parts have declared, or made alike. What only has the same name gets
/// another; the function `name` keeps its own.
static void putBack(ModuleOp part, StringAttr name, ModuleOp module,
                    SymbolTable &symbols) {
  SymbolTable own(part);
  for (auto symbol :
       llvm::make_early_inc_range(part.getOps<SymbolOpInterface>())) {
    Operation *other = symbols.lookup(symbol.getNameAttr());
    if (!other)
      continue;
    if (symbol.getNameAttr() == name)
      static_cast<void>(symbols.renameToUnique(other, {&own}));
    else if (symbol.isDeclaration() || isSame(symbol, other))
      symbol.erase();
    else
      static_cast<void>(own.renameToUnique(symbol, {&symbols}));
  }
  for (Operation &op : llvm::make_early_inc_range(*part.getBody())) {
    op.moveBefore(module.getBody(), module.getBody()->end());
    if (isa<SymbolOpInterface>(op))
      symbols.insert(&op);
  }
  part.erase();
}

void ConvertAttnToLLVM::runOnOperation() {
  ModuleOp module = getOperation();
  declareRuntimeFunctions(module);
  SmallVector<ModuleOp> parts;
  SmallVector<StringAttr> names;
  for (auto func : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    names.push_back(func.getSymNameAttr());
    parts.push_back(takeOut(func));
  }
  if (failed(convert(module)) ||
      failed(failableParallelForEach(&getContext(), parts, convert)))
    signalPassFailure();
  SymbolTable symbols(module);
  for (auto [part, name] : llvm::zip_equal(parts, names))
    putBack(part, name, module, symbols);
  dropUnusedRuntimeFunctions(module);
}
