//===- ExpandMath.cpp - Expands math functions into arithmetic -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Polynomials.h"

#include "attn/Conversion/ExpandMath/Passes.h"
#include "attn/Conversion/LinalgToVector/LinalgToVector.h"
#include "attn/Dialect/Attn/IR/AttributeNames.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::attn {
#define GEN_PASS_DEF_EXPANDMATHPASS
#include "attn/Conversion/ExpandMath/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
using Emit = std::function<Value(OpBuilder &, Operation *, Value)>;

/// One function on f32, and on f16 and bf16 through it.
template <typename OpTy>
struct ExpandFunction : OpRewritePattern<OpTy> {
  ExpandFunction(MLIRContext *context, Emit emit)
      : OpRewritePattern<OpTy>(context), emit(emit) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value x = op.getOperand();
    Type type = x.getType(), element = getElementTypeOrSelf(type);
    if (element.isF32()) {
      rewriter.replaceOp(op, emit(rewriter, op, x));
      return success();
    }
    if (!element.isF16() && !element.isBF16())
      return failure();
    Type wide = rewriter.getF32Type();
    if (auto vector = dyn_cast<VectorType>(type))
      wide = vector.clone(wide);
    Value extended = arith::ExtFOp::create(rewriter, loc, wide, x);
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, type,
                                                 emit(rewriter, op, extended));
    return success();
  }

  Emit emit;
};

struct ExpandFloorMod : OpRewritePattern<FloorModOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(FloorModOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Type type = op.getType();
    Value zero = arith::ConstantOp::create(rewriter, loc, type,
                                           rewriter.getZeroAttr(type));
    auto isNegative = [&](Value value) -> Value {
      return arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::slt,
                                   value, zero);
    };
    Value rest =
        arith::RemSIOp::create(rewriter, loc, op.getLhs(), op.getRhs());
    Value signsDiffer = arith::XOrIOp::create(rewriter, loc, isNegative(rest),
                                              isNegative(op.getRhs()));
    Value isRest = arith::CmpIOp::create(rewriter, loc,
                                         arith::CmpIPredicate::ne, rest, zero);
    Value correct = arith::AndIOp::create(rewriter, loc, signsDiffer, isRest);
    Value corrected = arith::AddIOp::create(rewriter, loc, rest, op.getRhs());
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, correct, corrected, rest);
    return success();
  }
};

struct ExpandLoad : OpRewritePattern<LoadOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LoadOp op,
                                PatternRewriter &rewriter) const override {
    if (!isa<MemRefType>(op.getSource().getType()))
      return failure();
    rewriter.replaceOp(op, emitTotalLoad(rewriter, op.getLoc(), op.getSource(),
                                         op.getIndices(), op.getGuard()));
    return success();
  }
};

struct ExpandMathPass : attn::impl::ExpandMathPassBase<ExpandMathPass> {
  using ExpandMathPassBase::ExpandMathPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    if (target.empty())
      return success();
    llvm::Expected<TargetSpec> parsed = TargetSpec::parse(target);
    if (!parsed)
      return emitError(UnknownLoc::get(context))
             << llvm::toString(parsed.takeError());
    spec = *parsed;
    return success();
  }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandFunction<math::Exp2Op>>(
        &getContext(), [&](OpBuilder &builder, Operation *op, Value x) {
          return emitExp2(builder, op->getLoc(), x, spec,
                          op->hasAttr(nonPositiveAttr));
        });
    patterns.add<ExpandFunction<math::TanhOp>>(
        &getContext(), [&](OpBuilder &builder, Operation *op, Value x) {
          return emitTanh(builder, op->getLoc(), x, spec);
        });
    patterns.add<ExpandFunction<math::ExpOp>>(
        &getContext(), [](OpBuilder &builder, Operation *op, Value x) {
          return emitExp(builder, op->getLoc(), x);
        });
    patterns.add<ExpandFunction<math::LogOp>>(
        &getContext(), [](OpBuilder &builder, Operation *op, Value x) {
          return emitLog(builder, op->getLoc(), x, LogBase::E);
        });
    patterns.add<ExpandFunction<math::Log2Op>>(
        &getContext(), [](OpBuilder &builder, Operation *op, Value x) {
          return emitLog(builder, op->getLoc(), x, LogBase::Two);
        });
    patterns.add<ExpandFloorMod, ExpandLoad>(&getContext());
    // No expansion needs another of these: one visit of each op is enough.
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }

  TargetSpec spec;
};
} // namespace
