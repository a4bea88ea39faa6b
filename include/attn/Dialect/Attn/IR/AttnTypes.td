//===- AttnTypes.td - Mask and score modifier types -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TYPES_TD
#define ATTN_TYPES_TD

include "attn/Dialect/Attn/IR/AttnDialect.td"
include "mlir/IR/AttrTypeBase.td"

class Attn_Type<string name, string typeMnemonic>
    : TypeDef<Attn_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Attn_MaskType : Attn_Type<"Mask", "mask"> {
  let summary = "A predicate over (b, h, i, j): does query i keep key j";
  let description = [{
    A compile-time value: it never appears in a public function signature, a
    block argument, a select or a loop. After the optimize phase every mask has
    become a region of the `attn.attend` that uses it.
  }];
}

def Attn_ScoreModType : Attn_Type<"ScoreMod", "score_mod"> {
  let summary = "A function of (score, b, h, i, j) to a score";
  let description = [{
    A compile-time value under the same rules as `!attn.mask`. It sees scores in
    natural units, in the accumulator type.
  }];
}

#endif // ATTN_TYPES_TD
