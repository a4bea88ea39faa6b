//===- Passes.td - Passes that expand math functions -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_EXPANDMATH_PASSES_TD
#define ATTN_CONVERSION_EXPANDMATH_PASSES_TD

include "mlir/Pass/PassBase.td"

def ExpandMathPass : Pass<"attn-expand-math"> {
  let summary = "Expand exp2, exp, tanh, log2 and log into arithmetic";
  let description = [{
    Accepts the math functions exp2, exp, tanh, log2 and log on f32, scalars and
    vectors alike, and gives arithmetic without branches. Errors against the real
    function, over all inputs whose result is at least 2^-125: exp2 3 ulp, exp,
    tanh, log2 and log 2 ulp. NaN gives NaN, exp of -inf is 0, results
    above the range are +inf, results below 2^-125 are no larger than that.

    Vectors of a target with vreduceps and vscalefps use them for exp2.

    On f16 and bf16 they are computed in f32. Also expands `attn.load` and
    `attn.floormod` that are still there. Functions on f64 and all others are
    left to the C library.

    Example: test/Conversion/ExpandMath/expand-math.mlir.
  }];
  let options = [
    Option<"target", "target", "std::string", "",
           "CPU whose instructions may be used; none by default">];
  let dependentDialects = ["LLVM::LLVMDialect", "arith::ArithDialect",
                           "math::MathDialect", "memref::MemRefDialect",
                           "scf::SCFDialect", "vector::VectorDialect"];
}

def ExpandDeviceMathPass : Pass<"attn-expand-device-math"> {
  let summary = "Expand the math functions that a GPU lacks";
  let description = [{
    Accepts scalar math functions in kernels, after `attn-expand-math`. Absolute
    values, maxima, minima, roots and roundings of f16, bf16, f32 and f64 become
    calls of LLVM intrinsics, for which GPUs have instructions: no library of
    functions is needed. Tests for NaN and infinity become comparisons, integer
    divisions that round up or down others. Circular, hyperbolic and error
    functions, powers, the remaining logarithms and `arith.remf` on f16, bf16 and
    f32 become arithmetic on f64, whose error is below one rounding of f32.
    Functions on f64 are left.

    Example: test/Conversion/ExpandMath/expand-device-math.mlir.
  }];
  let dependentDialects = ["LLVM::LLVMDialect", "arith::ArithDialect",
                           "math::MathDialect", "scf::SCFDialect"];
}

#endif // ATTN_CONVERSION_EXPANDMATH_PASSES_TD
