//===- AttnToGPU.cpp - Attend ops into kernels and launches -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToGPU/GPUTile.h"
#include "attn/Conversion/AttnToGPU/Passes.h"
#include "attn/Dialect/Attn/IR/AttnFacts.h"
#include "attn/Target/NVPTX/Launch.h"

#include "Arguments/AttendArguments.h"
#include "Attend/AttendElements.h"
#include "Attend/KernelLaunches.h"
#include "Host/HostRequirements.h"
#include "Tensors/DeviceCode.h"
#include "Tensors/FunctionTensors.h"
#include "Tensors/TensorKernel.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::attn {
#define GEN_PASS_DEF_CONVERTATTNTOGPUPASS
#include "attn/Conversion/AttnToGPU/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// What has a kernel
//===----------------------------------------------------------------------===//

/// The feature dimension is the last of its operand, of static size.
static LogicalResult checkFeatures(AttendOp op, Value operand, unsigned map,
                                   unsigned dim, StringRef name) {
  auto type = cast<ShapedType>(operand.getType());
  int64_t size = type.getShape().back();
  AffineExpr last = op.getMap(map).getResults().back();
  if (cast<AffineDimExpr>(last).getPosition() == dim &&
      !ShapedType::isDynamic(size) && size > 0 && size <= 256)
    return success();
  InFlightDiagnostic diagnostic =
      op.emitOpError("has ") << name << " of type " << type
                             << "; a GPU takes a head size that is "
                                "static, at most 256, and the last dimension";
  return diagnostic;
}

static LogicalResult checkSupported(AttendOp op) {
  Type element = getKernelElement(op);
  if (!element.isF16() && !element.isBF16() && !element.isF32())
    return op.emitOpError("has elements of type ")
           << element << "; kernels for GPUs take f16, bf16 and f32";
  if (op.getTopWeightsInit())
    return op.emitOpError(
        "gives the largest weights; kernels for GPUs give output, LSE, "
        "entropy, "
        "received and all weights, whose largest the caller finds");
  if (!op.getOffsets().empty())
    return op.emitOpError(
        "is a piece of a larger one; kernels for GPUs take the whole");
  if (failed(checkDeviceCode(op.getScore())) ||
      failed(checkDeviceCode(op.getMask())))
    return failure();
  return success(
      succeeded(checkFeatures(op, op.getQuery(), 0, AttendOp::D, "a query")) &&
      succeeded(checkFeatures(op, op.getKey(), 1, AttendOp::D, "a key")) &&
      succeeded(checkFeatures(op, op.getValue(), 2, AttendOp::E, "a value")) &&
      succeeded(
          checkFeatures(op, op.getOutputInit(), 3, AttendOp::E, "an output")));
}

//===----------------------------------------------------------------------===//
// Conversion
//===----------------------------------------------------------------------===//

namespace {
/// Converts the attend ops of a module.
class Converter {
public:
  Converter(ModuleOp module, const GPUSpec &spec)
      : module(module), spec(spec), kernels(module) {}
  LogicalResult convert();

private:
  LogicalResult convert(AttendOp op, unsigned number);
  LogicalResult emitLaunches(OpBuilder &b, AttendOp op, const KernelPlan &plan,
                             const AttendArguments &arguments, StringRef name);
  Value getCapability(OpBuilder &b, Location loc);
  void takeFacts();

  ModuleOp module;
  GPUSpec spec;
  KernelModule kernels;
  DenseMap<Operation *, SmallVector<CaptureFacts>> facts;
};
} // namespace

/// Notes what is stated of captures, which are to be arguments from now on.
void Converter::takeFacts() {
  module.walk(
      [&](AttendOp op) { facts[op] = getCaptureFacts(op.getCaptures()); });
  eraseAssumptions(module);
}

static void describePlan(AttendOp op, const std::string &text) {
  remark::passed(
      op.getLoc(),
      remark::RemarkOpts::name("kernel-plan").category("attn-to-gpu"))
      << text;
}

/// The compute capability of the device, in host code.
Value Converter::getCapability(OpBuilder &b, Location loc) {
  Type type = b.getI32Type();
  if (!module.lookupSymbol(capabilityName)) {
    OpBuilder::InsertionGuard restore(b);
    b.setInsertionPointToEnd(module.getBody());
    func::FuncOp::create(b, loc, capabilityName, b.getFunctionType({}, type))
        .setPrivate();
  }
  return func::CallOp::create(b, loc, capabilityName, type).getResult(0);
}

/// Of several chips, sm_90a gets kernels of its own where they differ.
LogicalResult Converter::emitLaunches(OpBuilder &b, AttendOp op,
                                      const KernelPlan &plan,
                                      const AttendArguments &arguments,
                                      StringRef name) {
  auto emit = [&](const GPUSpec &chosen, const KernelPlan &chosenPlan,
                  StringRef suffix) {
    return KernelLaunches(kernels, chosen, op, chosenPlan, arguments, facts[op],
                          (name + suffix).str())
        .emit(b);
  };
  auto isWarpgroupChip = [](const GPUChip &chip) {
    return chip.name == KernelPlan::warpgroupChip;
  };
  auto found = llvm::find_if(spec.chips, isWarpgroupChip);
  if (spec.chips.size() == 1 || found == spec.chips.end())
    return emit(spec, plan, "");
  GPUSpec own = llvm::cantFail(GPUSpec::parse(found->name));
  KernelPlan ownPlan = KernelPlan::get(own, op);
  if (!ownPlan.warpgroups)
    return emit(spec, plan, "");
  describePlan(op, "on " + own.name + ": " + ownPlan.describe(own));
  SmallVector<StringRef> others;
  for (const GPUChip &chip : spec.chips)
    if (!isWarpgroupChip(chip))
      others.push_back(chip.name);
  Location loc = op.getLoc();
  Value number =
      arith::ConstantIntOp::create(b, loc, found->getCapability(), 32);
  Value isOwn = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                      getCapability(b, loc), number);
  auto choice = scf::IfOp::create(b, loc, isOwn, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard restore(b);
  b.setInsertionPoint(choice.thenYield());
  kernels.setChips(b.getStrArrayAttr({own.name}));
  LogicalResult first = emit(own, ownPlan, "_" + own.name);
  b.setInsertionPoint(choice.elseYield());
  kernels.setChips(b.getStrArrayAttr(others));
  LogicalResult second = emit(spec, plan, "");
  kernels.setChips(ArrayAttr());
  return success(succeeded(first) && succeeded(second));
}

LogicalResult Converter::convert(AttendOp op, unsigned number) {
  if (failed(checkSupported(op)))
    return failure();
  KernelPlan plan = KernelPlan::get(spec, op);
  OpBuilder b(op);
  FailureOr<AttendArguments> arguments = describeArguments(b, op);
  if (failed(arguments))
    return failure();
  describePlan(op, plan.describe(spec));
  auto function = op->getParentOfType<func::FuncOp>();
  std::string name = (function.getName() + "_attend" + Twine(number)).str();
  if (failed(emitLaunches(b, op, plan, *arguments, name)))
    return failure();
  op.erase();
  return success();
}

/// Whether all code on tensors that is left only names memory.
static LogicalResult checkRest(func::FuncOp function) {
  auto isTensor = [](Type type) { return isa<TensorType>(type); };
  WalkResult result = function.walk([&](Operation *op) {
    bool onTensors = llvm::any_of(op->getOperandTypes(), isTensor) ||
                     llvm::any_of(op->getResultTypes(), isTensor);
    if (!onTensors || isOpTriviallyDead(op) ||
        isa<bufferization::ToTensorOp, tensor::DimOp>(op))
      return WalkResult::advance();
    (void)refuseTensorOp(op);
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

LogicalResult Converter::convert() {
  takeFacts();
  auto functions = llvm::to_vector(module.getOps<func::FuncOp>());
  for (func::FuncOp function : functions) {
    if (failed(computeTensorsOnDevice(function, kernels)))
      return failure();
    SmallVector<AttendOp> ops;
    function.walk([&](AttendOp op) { ops.push_back(op); });
    for (auto [number, op] : llvm::enumerate(ops))
      if (failed(convert(op, number)))
        return failure();
    if (failed(checkRest(function)))
      return failure();
    freeScratch(function);
    moveRequirementsUp(function);
  }
  return success();
}

FailureOr<GPUTile> attn::getGPUTile(const GPUSpec &spec, AttendOp op) {
  ScopedDiagnosticHandler silent(op.getContext(),
                                 [](Diagnostic &) { return success(); });
  if (failed(checkSupported(op)))
    return failure();
  KernelPlan plan = KernelPlan::get(spec, op);
  return GPUTile{plan.queries, plan.keys};
}

namespace {
struct ConvertAttnToGPU
    : public attn::impl::ConvertAttnToGPUPassBase<ConvertAttnToGPU> {
  using Base::Base;

  void runOnOperation() override {
    llvm::Expected<GPUSpec> spec = GPUSpec::parse(target);
    if (!spec) {
      getOperation()->emitError() << llvm::toString(spec.takeError());
      return signalPassFailure();
    }
    if (failed(Converter(getOperation(), *spec).convert()))
      signalPassFailure();
  }
};
} // namespace
