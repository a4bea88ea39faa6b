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
    function, over all inputs whose result is normal: exp2 2 ulp, exp 2 ulp, tanh
    4 ulp, log2 and log 3 ulp. NaN gives NaN, exp of -inf is 0, results above
    the range are +inf, results below the smallest normal number are 0.

    On f16 and bf16 they are computed in f32. Also expands `attn.load` and
    `attn.floormod` that are still there. Functions on f64 and all others are
    left to the C library.

    Example: test/Conversion/ExpandMath/expand-math.mlir.
  }];
  let dependentDialects = ["arith::ArithDialect", "math::MathDialect",
                           "memref::MemRefDialect", "scf::SCFDialect",
                           "vector::VectorDialect"];
}

#endif // ATTN_CONVERSION_EXPANDMATH_PASSES_TD
