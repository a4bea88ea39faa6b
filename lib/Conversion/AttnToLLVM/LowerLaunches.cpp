//===- LowerLaunches.cpp - Kernels are started by the runtime -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LowerLaunches.h"

#include "RuntimeCalls.h"

#include "attn-c/Runtime.h"
#include "attn/Target/NVPTX/Launch.h"

#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

using namespace mlir;
using namespace mlir::attn;

static LLVM::LLVMPointerType getPointer(OpBuilder &builder) {
  return LLVM::LLVMPointerType::get(builder.getContext());
}

static Value getFrame(Operation *op) {
  return op->getParentOfType<FunctionOpInterface>().getArgument(0);
}

/// Goes on behind `isFailure` unless it holds; else the function ends with
/// `status`, which `leave` makes.
static void leaveIf(ConversionPatternRewriter &rewriter, Location loc,
                    Value isFailure, function_ref<Value()> getStatus) {
  Block *before = rewriter.getInsertionBlock();
  Block *after = rewriter.splitBlock(before, rewriter.getInsertionPoint());
  Block *leave = rewriter.createBlock(after);
  LLVM::ReturnOp::create(rewriter, loc, getStatus());
  rewriter.setInsertionPointToEnd(before);
  LLVM::CondBrOp::create(rewriter, loc, isFailure, leave, after);
  rewriter.setInsertionPointToStart(after);
}

static void leaveUnlessOk(ConversionPatternRewriter &rewriter, Location loc,
                          Value status) {
  Value ok = LLVM::ConstantOp::create(rewriter, loc, status.getType(),
                                      rewriter.getI32IntegerAttr(ATTN_OK));
  Value failed =
      LLVM::ICmpOp::create(rewriter, loc, LLVM::ICmpPredicate::ne, status, ok);
  leaveIf(rewriter, loc, failed, [&] { return status; });
}

/// An array of `type` at the start of the function, so that a launch in a loop
/// does not take stack again and again.
static Value emitArray(ConversionPatternRewriter &rewriter, Operation *user,
                       Type type, int64_t count, unsigned alignment = 0) {
  OpBuilder::InsertionGuard guard(rewriter);
  auto function = user->getParentOfType<FunctionOpInterface>();
  rewriter.setInsertionPointToStart(&function.getFunctionBody().front());
  Value size =
      LLVM::ConstantOp::create(rewriter, user->getLoc(), rewriter.getI64Type(),
                               rewriter.getI64IntegerAttr(count));
  return LLVM::AllocaOp::create(rewriter, user->getLoc(), getPointer(rewriter),
                                type, size, alignment);
}

/// A global of the module, found by name or made by `create`.
static Value getGlobal(ConversionPatternRewriter &rewriter, Operation *user,
                       StringRef name, function_ref<void(OpBuilder &)> create) {
  auto module = user->getParentOfType<ModuleOp>();
  if (!module.lookupSymbol(name)) {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(module.getBody());
    create(rewriter);
  }
  return LLVM::AddressOfOp::create(rewriter, user->getLoc(),
                                   getPointer(rewriter), name);
}

namespace {
struct LowerLaunch : public ConvertOpToLLVMPattern<gpu::LaunchFuncOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(gpu::LaunchFuncOp launch, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = launch.getLoc();
    if (!launch.getAsyncDependencies().empty() || launch.getAsyncToken() ||
        launch.hasClusterSize())
      return launch.emitOpError(
          "has tokens or clusters; launches run in order, without either");
    StringAttr kernel = launch.getKernelName();
    Value kernels =
        getGlobal(rewriter, launch, kernelsRecordName, [&](OpBuilder &builder) {
          LLVM::GlobalOp::create(builder, loc, getPointer(builder),
                                 /*isConstant=*/false, LLVM::Linkage::External,
                                 kernelsRecordName, Attribute());
        });
    std::string text = kernel.str() + '\0';
    Value name = getGlobal(
        rewriter, launch, ("attn.kernel." + kernel.getValue()).str(),
        [&](OpBuilder &builder) {
          LLVM::GlobalOp::create(
              builder, loc,
              LLVM::LLVMArrayType::get(builder.getI8Type(), text.size()),
              /*isConstant=*/true, LLVM::Linkage::Private,
              "attn.kernel." + kernel.str(), builder.getStringAttr(text));
        });
    Value shared = adaptor.getDynamicSharedMemorySize();
    Type i64 = rewriter.getI64Type();
    shared = shared ? LLVM::ZExtOp::create(rewriter, loc, i64, shared)
                    : Value(LLVM::ConstantOp::create(
                          rewriter, loc, i64, rewriter.getI64IntegerAttr(0)));
    Value status = emitRuntimeCall(
        rewriter, loc, RuntimeFunction::Launch,
        {getFrame(launch), kernels, name, adaptor.getGridSizeX(),
         adaptor.getBlockSizeX(), shared,
         emitParameters(rewriter, launch, adaptor.getKernelOperands())});
    leaveUnlessOk(rewriter, loc, status);
    rewriter.eraseOp(launch);
    return success();
  }

private:
  /// Pointers to copies of `values`, one after the other, as cuLaunchKernel
  /// takes them; a tensor map is where its pointer says.
  static Value emitParameters(ConversionPatternRewriter &rewriter,
                              Operation *launch, ValueRange values) {
    Location loc = launch->getLoc();
    Type pointer = getPointer(rewriter);
    Value array = emitArray(rewriter, launch, pointer,
                            std::max<int64_t>(values.size(), 1));
    for (auto [index, value] : llvm::enumerate(values)) {
      Value copy = value;
      if (value.getType() != pointer) {
        copy = emitArray(rewriter, launch, value.getType(), 1);
        LLVM::StoreOp::create(rewriter, loc, value, copy);
      }
      Value slot = LLVM::GEPOp::create(rewriter, loc, pointer, pointer, array,
                                       ArrayRef<LLVM::GEPArg>{(int32_t)index});
      LLVM::StoreOp::create(rewriter, loc, copy, slot);
    }
    return array;
  }
};

/// Where there is no device the runtime has noted why.
static void leaveIfNoted(ConversionPatternRewriter &rewriter, Location loc,
                         Value none) {
  leaveIf(rewriter, loc, none, [&]() -> Value {
    return LLVM::ConstantOp::create(rewriter, loc, rewriter.getI32Type(),
                                    rewriter.getI32IntegerAttr(ATTN_OK));
  });
}

struct LowerCapability : public ConvertOpToLLVMPattern<func::CallOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(func::CallOp call, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (call.getCallee() != capabilityName)
      return failure();
    Location loc = call.getLoc();
    Value capability = emitRuntimeCall(
        rewriter, loc, RuntimeFunction::Capability, {getFrame(call)});
    Value zero = LLVM::ZeroOp::create(rewriter, loc, capability.getType());
    Value none = LLVM::ICmpOp::create(rewriter, loc, LLVM::ICmpPredicate::eq,
                                      capability, zero);
    leaveIfNoted(rewriter, loc, none);
    rewriter.replaceOp(call, capability);
    return success();
  }
};

/// A tensor map in the frame of the function, written by the runtime.
struct LowerTensorMap
    : public ConvertOpToLLVMPattern<nvgpu::TmaCreateDescriptorOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(nvgpu::TmaCreateDescriptorOp create, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = create.getLoc();
    Type i64 = rewriter.getI64Type(), pointer = getPointer(rewriter);
    Value map = emitArray(rewriter, create, rewriter.getI8Type(),
                          tensorMapBytes, tensorMapAlignment);
    ValueRange sizes = adaptor.getBoxDimensions();
    Value box = emitArray(rewriter, create, i64, sizes.size());
    for (auto [index, size] : llvm::enumerate(sizes)) {
      Value slot = LLVM::GEPOp::create(rewriter, loc, pointer, i64, box,
                                       ArrayRef<LLVM::GEPArg>{(int32_t)index});
      LLVM::StoreOp::create(rewriter, loc, size, slot);
    }
    UnrankedMemRefDescriptor tensor(adaptor.getTensor());
    Value status = emitRuntimeCall(rewriter, loc, RuntimeFunction::TensorMap,
                                   {getFrame(create), map,
                                    tensor.memRefDescPtr(rewriter, loc),
                                    tensor.rank(rewriter, loc), box});
    leaveUnlessOk(rewriter, loc, status);
    rewriter.replaceOp(create, map);
    return success();
  }
};

struct LowerDeviceAlloc : public ConvertOpToLLVMPattern<gpu::AllocOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(gpu::AllocOp alloc, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    MemRefType type = alloc.getType();
    if (!alloc.getAsyncDependencies().empty() || alloc.getAsyncToken() ||
        !alloc.getSymbolOperands().empty() ||
        !isConvertibleAndHasIdentityMaps(type))
      return alloc.emitOpError("has tokens, symbols or a layout; scratch "
                               "on a device is plain and taken in order");
    Location loc = alloc.getLoc();
    SmallVector<Value> sizes, strides;
    Value bytes;
    getMemRefDescriptorSizes(loc, type, adaptor.getDynamicSizes(), rewriter,
                             sizes, strides, bytes);
    Value pointer = emitRuntimeCall(rewriter, loc, RuntimeFunction::DeviceAlloc,
                                    {getFrame(alloc), bytes});
    Value null = LLVM::ZeroOp::create(rewriter, loc, pointer.getType());
    Value none = LLVM::ICmpOp::create(rewriter, loc, LLVM::ICmpPredicate::eq,
                                      pointer, null);
    leaveIfNoted(rewriter, loc, none);
    rewriter.replaceOp(alloc,
                       {createMemRefDescriptor(loc, type, pointer, pointer,
                                               sizes, strides, rewriter)});
    return success();
  }
};

struct LowerDeviceDealloc : public ConvertOpToLLVMPattern<gpu::DeallocOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(gpu::DeallocOp dealloc, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = dealloc.getLoc();
    MemRefDescriptor descriptor(adaptor.getMemref());
    emitRuntimeCall(
        rewriter, loc, RuntimeFunction::DeviceFree,
        {getFrame(dealloc), descriptor.allocatedPtr(rewriter, loc)});
    rewriter.eraseOp(dealloc);
    return success();
  }
};
} // namespace

void attn::populateLaunchPatterns(LLVMTypeConverter &converter,
                                  RewritePatternSet &patterns) {
  converter.addConversion([](nvgpu::TensorMapDescriptorType type) {
    return LLVM::LLVMPointerType::get(type.getContext());
  });
  // Before those that upstream's interface may add.
  patterns.add<LowerCapability, LowerLaunch, LowerTensorMap, LowerDeviceAlloc,
               LowerDeviceDealloc>(converter, /*benefit=*/10);
}
