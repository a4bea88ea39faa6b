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
  let summary = "mask, a predicate over (b, h, i, j)";
  let description = [{
    Does query i keep key j? A compile-time value: it never appears in a public function signature, a
    block argument, a select or a loop. After the optimize phase every mask has
    become a region of the `attn.attend` that uses it.
  }];
}

def Attn_ScoreModType : Attn_Type<"ScoreMod", "score_mod"> {
  let summary = "score modifier, a function of (score, b, h, i, j)";
  let description = [{
    A compile-time value under the same rules as `!attn.mask`. It sees scores in
    natural units, in the accumulator type.
  }];
}

//===----------------------------------------------------------------------===//
// What operands may be
//===----------------------------------------------------------------------===//

def Attn_Float : AnyTypeOf<[F32, BF16, F16, F64], "f32, bf16, f16 or f64">;

def Attn_Integer : Type<
    Or<[Index.predicate,
        CPred<"$_self.isSignlessInteger() && $_self.getIntOrFloatBitWidth() <= 64">]>,
    "index or signless integer of at most 64 bits">;

/// A ranked tensor that lies densely in memory, of one of `ranks` if given.
class Attn_TensorOf<list<Type> elements, list<int> ranks = [],
                    string summary = "ranked tensor without encoding">
    : RankedTensorOf<
          elements,
          !listconcat([CPred<"!::llvm::cast<::mlir::RankedTensorType>($_self)"
                             ".getEncoding()">],
                      !if(!empty(ranks), []<Pred>, [HasAnyRankOfPred<ranks>])),
          summary>;

def Attn_FloatTensor : Attn_TensorOf<[F32, BF16, F16, F64]>;
def Attn_FloatVector : Attn_TensorOf<[F32, BF16, F16, F64], [1], "1-D tensor">;
def Attn_IndexVector : Attn_TensorOf<[I32, I64, Index], [1], "1-D tensor">;
def Attn_FloatOrPerHead : AnyTypeOf<[Attn_Float, Attn_FloatVector],
    "float or 1-D tensor of floats (one per head)">;
def Attn_PerBatchInteger : AnyTypeOf<[Index, I32, I64, Attn_IndexVector],
    "integer or 1-D tensor of integers (one per batch)">;
def Attn_IdTensor : Attn_TensorOf<[I32, I64, Index], [1, 2],
    "1-D or 2-D (batch, length) tensor">;
def Attn_KeyTensor : Attn_TensorOf<[I32, I64]>;

/// What a region over pairs may capture.
def Attn_Capture : AnyTypeOf<
    [Attn_Float, Attn_Integer, Attn_TensorOf<[Attn_Float, Attn_Integer]>],
    "integer, float, or ranked tensor of these">;

#endif // ATTN_TYPES_TD
