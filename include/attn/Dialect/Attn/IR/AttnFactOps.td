//===- AttnFactOps.td - What is known of captured values -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_FACT_OPS_TD
#define ATTN_FACT_OPS_TD

include "attn/Dialect/Attn/IR/AttnDialect.td"
include "attn/Dialect/Attn/IR/AttnTypes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Attn_Bound : TypedSignlessIntegerAttrBase<I64, "int64_t", "64-bit integer">;

def Attn_AssumeOp : Attn_Op<"assume", [Pure, SameOperandsAndResultType,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                              ["reifyResultShapes"]>]> {
  let summary = "States facts about a captured integer or tensor of integers";
  let description = [{
    The value, of which is known that it lies within bounds, as does each element
    of a tensor, and that a tensor `ascending` does not fall along its last
    dimension. The analysis of masks relies on it. Compiled with debug checks, a
    call with a value that is otherwise is refused; without, pairs may be kept or
    dropped wrongly. `proved` facts are those of the compiler, which follow from
    what it checks anyway.

    ```mlir
    %sorted = attn.assume %ids ascending at_least = 0 : tensor<?xi32>
    ```
  }];
  let arguments = (ins AnyTypeOf<[Attn_Integer, Attn_TensorOf<[Attn_Integer]>]>:$value,
                       UnitAttr:$proved, UnitAttr:$ascending,
                       OptionalAttr<Attn_Bound>:$at_least,
                       OptionalAttr<Attn_Bound>:$at_most);
  let results = (outs AnyType:$result);
  let assemblyFormat = [{
    $value (`proved` $proved^)? (`ascending` $ascending^)?
    (`at_least` `=` $at_least^)? (`at_most` `=` $at_most^)? attr-dict
    `:` type($value)
  }];
  let hasVerifier = 1;
}

#endif // ATTN_FACT_OPS_TD
