//===- ExpandDeviceMath.cpp - Math functions that a GPU lacks -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DoubleFunctions.h"

#include "attn/Conversion/ExpandMath/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::attn {
#define GEN_PASS_DEF_EXPANDDEVICEMATHPASS
#include "attn/Conversion/ExpandMath/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// `value` in the type `to`, f32 being between 16 bits and f64.
static Value convert(OpBuilder &b, Location loc, Value value, Type to) {
  Type from = value.getType();
  if (from == to)
    return value;
  if (isa<IntegerType>(from))
    return arith::SIToFPOp::create(b, loc, to, value);
  unsigned fromBits = from.getIntOrFloatBitWidth();
  unsigned toBits = to.getIntOrFloatBitWidth();
  if (fromBits < 32 && toBits > 32)
    value = arith::ExtFOp::create(b, loc, b.getF32Type(), value);
  if (fromBits > 32 && toBits < 32)
    value = arith::TruncFOp::create(b, loc, b.getF32Type(), value);
  if (value.getType() == to)
    return value;
  return fromBits < toBits ? Value(arith::ExtFOp::create(b, loc, to, value))
                           : Value(arith::TruncFOp::create(b, loc, to, value));
}

namespace {
/// An op that an LLVM intrinsic computes on f32 and f64: GPUs have instructions
/// for it.
template <typename OpTy>
struct CallIntrinsic : OpRewritePattern<OpTy> {
  CallIntrinsic(MLIRContext *context, StringRef name)
      : OpRewritePattern<OpTy>(context), name(name) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Type type = op.getType();
    if (!isa<FloatType>(type))
      return failure();
    Type wide = type.isF64() ? type : rewriter.getF32Type();
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(convert(rewriter, loc, operand, wide));
    Value result =
        LLVM::CallIntrinsicOp::create(rewriter, loc, wide,
                                      rewriter.getStringAttr(name), operands)
            .getResult(0);
    rewriter.replaceOp(op, convert(rewriter, loc, result, type));
    return success();
  }

  StringRef name; ///< A literal.
};

/// An op that DoubleFunctions computes.
template <typename OpTy>
struct ThroughDouble : OpRewritePattern<OpTy> {
  using Emit = Value (*)(DoubleFunctions &, ValueRange);

  ThroughDouble(MLIRContext *context, Emit emit)
      : OpRewritePattern<OpTy>(context), emit(emit) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Type type = op.getType();
    // Of f64 itself exp alone is exact enough.
    bool isTooWide = type.isF64() && !std::is_same_v<OpTy, math::ExpOp>;
    if (!isa<FloatType>(type) || isTooWide)
      return failure();
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(
          convert(rewriter, loc, operand, rewriter.getF64Type()));
    DoubleFunctions functions(rewriter, loc);
    Value result = emit(functions, operands);
    rewriter.replaceOp(op, convert(rewriter, loc, result, type));
    return success();
  }

  Emit emit;
};

struct ExpandRsqrt : OpRewritePattern<math::RsqrtOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::RsqrtOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!isa<FloatType>(type))
      return failure();
    Value one = arith::ConstantOp::create(rewriter, op.getLoc(),
                                          rewriter.getFloatAttr(type, 1.0));
    Value root = math::SqrtOp::create(rewriter, op.getLoc(), op.getOperand());
    rewriter.replaceOpWithNewOp<arith::DivFOp>(op, one, root);
    return success();
  }
};

/// A test of a number's kind: how its magnitude compares with infinity.
template <typename OpTy, arith::CmpFPredicate predicate>
struct CompareWithInfinity : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto type = dyn_cast<FloatType>(op.getOperand().getType());
    if (!type)
      return failure();
    Value infinity = arith::ConstantOp::create(
        rewriter, loc,
        rewriter.getFloatAttr(type,
                              llvm::APFloat::getInf(type.getFloatSemantics())));
    Value magnitude = math::AbsFOp::create(rewriter, loc, op.getOperand());
    rewriter.replaceOpWithNewOp<arith::CmpFOp>(op, predicate, magnitude,
                                               infinity);
    return success();
  }
};

struct ExpandDeviceMathPass
    : attn::impl::ExpandDeviceMathPassBase<ExpandDeviceMathPass> {
  void runOnOperation() override;
};
} // namespace

static void addInstructions(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<ExpandRsqrt,
               CompareWithInfinity<math::IsFiniteOp, arith::CmpFPredicate::OLT>,
               CompareWithInfinity<math::IsInfOp, arith::CmpFPredicate::OEQ>,
               CompareWithInfinity<math::IsNaNOp, arith::CmpFPredicate::UNO>>(
      context);
  patterns.add<CallIntrinsic<arith::MaximumFOp>>(context, "llvm.maximum");
  patterns.add<CallIntrinsic<arith::MaxNumFOp>>(context, "llvm.maxnum");
  patterns.add<CallIntrinsic<arith::MinimumFOp>>(context, "llvm.minimum");
  patterns.add<CallIntrinsic<arith::MinNumFOp>>(context, "llvm.minnum");
  patterns.add<CallIntrinsic<math::AbsFOp>>(context, "llvm.fabs");
  patterns.add<CallIntrinsic<math::CeilOp>>(context, "llvm.ceil");
  patterns.add<CallIntrinsic<math::CopySignOp>>(context, "llvm.copysign");
  patterns.add<CallIntrinsic<math::FloorOp>>(context, "llvm.floor");
  patterns.add<CallIntrinsic<math::RoundOp>>(context, "llvm.round");
  patterns.add<CallIntrinsic<math::RoundEvenOp>>(context, "llvm.roundeven");
  patterns.add<CallIntrinsic<math::SqrtOp>>(context, "llvm.sqrt");
  patterns.add<CallIntrinsic<math::TruncOp>>(context, "llvm.trunc");
}

/// Patterns for an op of one operand, or of two.
template <typename OpTy, Value (DoubleFunctions::*function)(Value)>
static void addFunction(RewritePatternSet &patterns) {
  patterns.add<ThroughDouble<OpTy>>(
      patterns.getContext(), [](DoubleFunctions &f, ValueRange operands) {
        return (f.*function)(operands[0]);
      });
}
template <typename OpTy, Value (DoubleFunctions::*function)(Value, Value)>
static void addFunction(RewritePatternSet &patterns) {
  patterns.add<ThroughDouble<OpTy>>(
      patterns.getContext(), [](DoubleFunctions &f, ValueRange operands) {
        return (f.*function)(operands[0], operands[1]);
      });
}

static void addFunctions(RewritePatternSet &patterns) {
  using F = DoubleFunctions;
  addFunction<arith::RemFOp, &F::remainder>(patterns);
  addFunction<math::AcosOp, &F::acos>(patterns);
  addFunction<math::AcoshOp, &F::acosh>(patterns);
  addFunction<math::AsinOp, &F::asin>(patterns);
  addFunction<math::AsinhOp, &F::asinh>(patterns);
  addFunction<math::AtanOp, &F::atan>(patterns);
  addFunction<math::Atan2Op, &F::atan2>(patterns);
  addFunction<math::AtanhOp, &F::atanh>(patterns);
  addFunction<math::CbrtOp, &F::cbrt>(patterns);
  addFunction<math::CosOp, &F::cos>(patterns);
  addFunction<math::CoshOp, &F::cosh>(patterns);
  addFunction<math::ErfOp, &F::erf>(patterns);
  addFunction<math::ErfcOp, &F::erfc>(patterns);
  addFunction<math::ExpOp, &F::exp>(patterns);
  addFunction<math::ExpM1Op, &F::expm1>(patterns);
  addFunction<math::FPowIOp, &F::pow>(patterns);
  addFunction<math::Log10Op, &F::log10>(patterns);
  addFunction<math::Log1pOp, &F::log1p>(patterns);
  addFunction<math::PowFOp, &F::pow>(patterns);
  addFunction<math::SinOp, &F::sin>(patterns);
  addFunction<math::SinhOp, &F::sinh>(patterns);
  addFunction<math::TanOp, &F::tan>(patterns);
}

void ExpandDeviceMathPass::runOnOperation() {
  RewritePatternSet patterns(&getContext());
  addInstructions(patterns);
  addFunctions(patterns);
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
    signalPassFailure();
}
