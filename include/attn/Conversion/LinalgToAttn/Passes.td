//===- Passes.td - Passes from linalg to attn -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_LINALGTOATTN_PASSES_TD
#define ATTN_CONVERSION_LINALGTOATTN_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertLinalgToAttnPass : Pass<"convert-linalg-to-attn"> {
  let summary = "Raise decomposed attention to attn.scaled_dot_product";
  let description = [{
    A `linalg.softmax` over the last dimension becomes an `attn.masked_softmax`
    without a mask. Then two contractions with an `attn.masked_softmax` between
    them, with or without a constant scale on the scores, become one op under the
    mask:

    ```
    scores = contract(query, key); weights = softmax(scale * scores, mask)
    output = contract(weights, value)
    ```

    on (M, D) or (B, M, D) tensors of f32 or f64. Keys may lie transposed. The
    scores and weights must have no other use. Anything else is left alone, with
    a remark that says what did not fit. A value behind the mask that is not
    finite does not reach the output any more, where 0 times it was NaN.

    Example: test/Conversion/LinalgToAttn/linalg-to-attn.mlir.
  }];
  let dependentDialects = ["::mlir::attn::AttnDialect", "tensor::TensorDialect"];
}

#endif // ATTN_CONVERSION_LINALGTOATTN_PASSES_TD
