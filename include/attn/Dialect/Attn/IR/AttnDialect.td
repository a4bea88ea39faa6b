//===- AttnDialect.td - The attn dialect -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_TD
#define ATTN_DIALECT_TD

include "mlir/IR/OpBase.td"

def Attn_Dialect : Dialect {
  let name = "attn";
  let cppNamespace = "::mlir::attn";
  let summary = "Attention: what attends to what, and how it is scored";
  let description = [{
    The `attn` dialect states attention as a user means it and as the compiler
    lowers it. Graph ops (`attn.scaled_dot_product`, `attn.additive`, ...) work
    on tensors. Masks and score modifiers are compile-time values built by small
    ops. All graph ops reduce to one canonical op, `attn.attend`, which is tiled
    into `attn.attend_tile`.

    Sizes: `B` batch, `H` query heads, `Hkv` key/value heads, `G = H / Hkv`
    query heads per group, `M` queries, `N` keys, `D` query/key head size, `Dv`
    value head size. Regions see global indices `b, h, i, j`: batch, query head,
    query, key. docs/Spec.md fixes the meaning of every op.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = ["arith::ArithDialect"];
}

class Attn_Op<string mnemonic, list<Trait> traits = []>
    : Op<Attn_Dialect, mnemonic, traits>;

#endif // ATTN_DIALECT_TD
