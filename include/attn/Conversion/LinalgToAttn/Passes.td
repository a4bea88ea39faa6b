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
    Recognises two contractions with a `linalg.softmax` over keys between them,
    with or without a constant scale on the scores:

    ```
    scores = contract(query, key); weights = softmax(scale * scores)
    output = contract(weights, value)
    ```

    on (M, D) or (B, M, D) tensors of f32 or f64. Keys may lie transposed. The
    scores and weights must have no other use. Anything else is left alone, with
    a remark that says what did not fit.

    Example: test/Conversion/LinalgToAttn/raise.mlir.
  }];
  let dependentDialects = ["::mlir::attn::AttnDialect", "tensor::TensorDialect"];
}

#endif // ATTN_CONVERSION_LINALGTOATTN_PASSES_TD
