//===- Passes.td - Passes from attn to linalg -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_ATTNTOLINALG_PASSES_TD
#define ATTN_CONVERSION_ATTNTOLINALG_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertAttnToLinalgPass : Pass<"convert-attn-to-linalg"> {
  let summary = "Decompose attend tiles into linalg on static blocks";
  let description = [{
    `attn.attend_tile` becomes: scores by one contraction, score and mask
    regions, the tile's maximum, the new maximum and rescaling factors, weights
    with their sum, rescaling, and the contraction with the values. Keys and
    values of a narrower type are converted first; but where the queries are in
    bf16 too, both contractions multiply pairs of bf16 and add in f32. Exponentials are in base 2;
    scores stay in natural units. Queries are the last dimension of the scores of
    `attn.score_tile`; other maps are refused. Inputs that `attn.ahead` says to fetch
    ahead are marked so.

    Example: test/Conversion/AttnToLinalg/attn-to-linalg.mlir.
  }];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect", "linalg::LinalgDialect", "scf::SCFDialect",
                           "math::MathDialect", "tensor::TensorDialect"];
}

#endif // ATTN_CONVERSION_ATTNTOLINALG_PASSES_TD
